/* SPDX-License-Identifier: MIT
 *
 * What elf.c and elf_slot.c share: a loaded object, with its tables where the loader
 * left them. Everything read from them is checked against the object's own segments.
 */
#ifndef JF_PROOF_ELF_H
#define JF_PROOF_ELF_H

#include "proof/inner.h"

#include <elf.h>

/* A symbol by its address. */
typedef struct ElfOrder {
    uint64_t value;
    uint64_t end; /* of it, or of one before if that goes further */
    uint32_t symbol;
} ElfOrder;

typedef struct ElfObject {
    uint64_t base;           /* added to every address of the file */
    const Elf64_Phdr *phdrs; /* borrowed while it is loaded, as all that follows */
    uint32_t n_phdrs;
    const char *path;        /* "": the program */
    bool parsed;             /* what follows is there, or empty */
    bool is_libc;
    uint64_t fixed_lo, fixed_hi; /* read-only since the relocation; RELRO */
    const Elf64_Sym *symbols;    /* the dynamic symbol table */
    uint32_t n_symbols;
    const uint32_t *gnu_hash; /* of the defined ones; NULL: there is none */
    ElfOrder *order;             /* owned; those that are defined; made when needed */
    uint32_t n_order;
    const char *strings;
    uint64_t n_strings;
    const Elf64_Rela *plt, *relocs; /* DT_JMPREL, DT_RELA */
    uint64_t n_plt, n_relocs;
    const Elf64_Half *versions;     /* one for each symbol; NULL: none */
    const uint8_t *needs, *defines; /* DT_VERNEED, DT_VERDEF */
    uint32_t n_needs, n_defines;
} ElfObject;

/* The object that holds `address`, with its tables; NULL: none. */
ElfObject *elf_object(uint64_t address);
/* All of them. */
uint32_t elf_count(void);
ElfObject *elf_nth(uint32_t i);
/* Do `n` bytes at `p` lie in what is loaded of it, and can be read? */
bool elf_inside(const ElfObject *o, const void *p, uint64_t n);
/* A string of its table; "" when it is not whole. */
const char *elf_string(const ElfObject *o, uint64_t at);
/* Does the symbol say where something is? */
bool elf_defined(const Elf64_Sym *s);

#endif
