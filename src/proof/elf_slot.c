/* SPDX-License-Identifier: MIT
 *
 * Where a call through the linkage table leads. What the loader has put into a slot
 * stays: it writes each once, and pages that it made read-only cannot change at all.
 * A slot that it has not filled yet is looked up by its relocation's symbol, as the
 * loader will do at the first call; the order in which it would search the libraries
 * is its secret, so that one library alone may define the symbol.
 */
#include "proof/elf.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

const char elf_nobody[] = "that no library defines";
const char elf_several[] =
    "that several libraries define and that is not bound yet";

/* --- symbols by name and version ----------------------------------------------------------- */

/* The version with that number in a table of needs: what it is called. */
static const char *needed_version(const ElfObject *o, uint16_t number)
{
    const uint8_t *p = o->needs;
    for (uint32_t i = 0; i < o->n_needs && elf_inside(o, p, sizeof(Elf64_Verneed));
         i++) {
        const Elf64_Verneed *need = (const Elf64_Verneed *)(const void *)p;
        const uint8_t *q = p + need->vn_aux;
        for (uint32_t k = 0;
             k < need->vn_cnt && elf_inside(o, q, sizeof(Elf64_Vernaux)); k++) {
            const Elf64_Vernaux *aux = (const Elf64_Vernaux *)(const void *)q;
            if ((aux->vna_other & 0x7fff) == number)
                return elf_string(o, aux->vna_name);
            q += aux->vna_next;
        }
        p += need->vn_next;
    }
    return NULL;
}

static const char *defined_version(const ElfObject *o, uint16_t number)
{
    const uint8_t *p = o->defines;
    for (uint32_t i = 0; i < o->n_defines && elf_inside(o, p, sizeof(Elf64_Verdef));
         i++) {
        const Elf64_Verdef *def = (const Elf64_Verdef *)(const void *)p;
        const Elf64_Verdaux *aux =
            (const Elf64_Verdaux *)(const void *)(p + def->vd_aux);
        if ((def->vd_ndx & 0x7fff) == number && elf_inside(o, aux, sizeof *aux))
            return elf_string(o, aux->vda_name);
        p += def->vd_next;
    }
    return NULL;
}

/* Is definition `i` of `o` what is asked for? Without a version the default one is;
 * a library that has no versions has them all. */
static bool version_fits(const ElfObject *o, uint32_t i, const char *version)
{
    if (!o->versions)
        return true;
    uint16_t v = o->versions[i];
    if ((v & 0x7fff) == VER_NDX_LOCAL)
        return false;
    if (!version)
        return !(v & 0x8000);
    const char *own = defined_version(o, v & 0x7fff);
    return (v & 0x7fff) == VER_NDX_GLOBAL || (own && strcmp(own, version) == 0);
}

typedef struct Found {
    uint64_t address;
    bool indirect; /* STT_GNU_IFUNC: `address` is the function that chooses */
    uint32_t n;    /* different ones */
} Found;

static void consider(const ElfObject *o, uint32_t i, const char *name,
                     const char *version, Found *f)
{
    const Elf64_Sym *s = &o->symbols[i];
    if (!elf_defined(s) || ELF64_ST_BIND(s->st_info) == STB_LOCAL ||
        strcmp(elf_string(o, s->st_name), name) != 0 ||
        !version_fits(o, i, version))
        return;
    uint64_t at = o->base + s->st_value;
    f->n += f->n == 0 || at != f->address;
    f->address = at;
    f->indirect = ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC;
}

/* GNU hash table: buckets, first symbol, words of the filter, shift; the filter,
 * which is not needed here; the buckets; a hash for each symbol, the lowest bit of
 * which ends a chain. */
static void find_in(const ElfObject *o, const char *name, const char *version,
                    uint32_t hash, Found *f)
{
    const uint32_t *h = o->gnu_hash;
    if (!h) {
        for (uint32_t i = 1; i < o->n_symbols; i++)
            consider(o, i, name, version, f);
        return;
    }
    const uint32_t *buckets = h + 4 + (uint64_t)h[2] * 2, *chains = buckets + h[0];
    uint32_t i = h[0] && o->n_symbols ? buckets[hash % h[0]] : 0;
    if (i < h[1])
        return;
    for (; i < o->n_symbols; i++) {
        uint32_t own = chains[i - h[1]];
        if ((own | 1) == (hash | 1))
            consider(o, i, name, version, f);
        if (own & 1)
            return;
    }
}

static uint32_t hash_name(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (uint8_t)*name;
    return h;
}

/* --- functions that choose ------------------------------------------------------------------- */

/* Call it as the loader does: psABI of x86-64, no arguments; of AArch64, the
 * hardware's capabilities. The other CPU does not look at them. */
static uint64_t choose(uint64_t resolver)
{
    typedef struct Hardware {
        unsigned long size, hwcap, hwcap2;
    } Hardware;
    const unsigned long has_struct = 1ul << 62;
    Hardware h = {sizeof h, getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    uint64_t (*f)(unsigned long, const Hardware *) =
        (uint64_t(*)(unsigned long, const Hardware *))(uintptr_t)resolver;
    return f(h.hwcap | has_struct, &h);
}

/* --- slots ------------------------------------------------------------------------------------- */

static const char *look_up(const ElfObject *o, const Elf64_Rela *r,
                           const char *symbol, uint64_t *target)
{
    uint32_t index = (uint32_t)ELF64_R_SYM(r->r_info);
    if (!symbol)
        return "";
    uint16_t v = o->versions ? o->versions[index] & 0x7fff : 0;
    const char *version = v > VER_NDX_GLOBAL ? needed_version(o, v) : NULL;
    Found f = {0, false, 0};
    if (v > VER_NDX_GLOBAL && !version)
        version = defined_version(o, v); /* its own */
    uint32_t hash = hash_name(symbol);
    for (uint32_t i = 0; i < elf_count(); i++)
        find_in(elf_nth(i), symbol, version, hash, &f);
    if (f.n == 0)
        return elf_nobody;
    if (f.n > 1)
        return elf_several;
    *target = f.indirect ? choose(f.address) : f.address;
    return NULL;
}

static const Elf64_Rela *find_reloc(const Elf64_Rela *r, uint64_t n,
                                    uint64_t offset, uint64_t *index)
{
    /* The linker writes them in the order of their slots, most often. */
    uint64_t guess = n ? (offset - r[0].r_offset) / 8 : 0;
    if (guess < n && r[guess].r_offset == offset) {
        *index = guess;
        return &r[guess];
    }
    for (uint64_t i = 0; i < n; i++)
        if (r[i].r_offset == offset) {
            *index = i;
            return &r[i];
        }
    return NULL;
}

/* Only the loader writes slots of these. */
static bool is_loaders(const ProofCpu *cpu, const Elf64_Rela *r)
{
    uint32_t type = (uint32_t)ELF64_R_TYPE(r->r_info);
    return type == cpu->jump_slot || type == cpu->glob_dat ||
           type == cpu->irelative;
}

static bool is_fixed(const ElfObject *o, uint64_t slot)
{
    if (slot >= o->fixed_lo && slot + 8 <= o->fixed_hi)
        return true;
    for (uint32_t i = 0; i < o->n_phdrs; i++) {
        const Elf64_Phdr *h = &o->phdrs[i];
        uint64_t lo = o->base + h->p_vaddr;
        if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && slot >= lo &&
            slot + 8 <= lo + h->p_memsz)
            return true;
    }
    return false;
}

/* What a relocation calls its function. */
static const char *name_in(const ElfObject *o, const Elf64_Rela *r)
{
    uint32_t index = r ? (uint32_t)ELF64_R_SYM(r->r_info) : 0;
    if (!index || index >= o->n_symbols)
        return NULL;
    const char *name = elf_string(o, o->symbols[index].st_name);
    return name[0] ? name : NULL;
}

const char *elf_slot(const ProofCpu *cpu, uint64_t slot, uint64_t *target,
                     const char **symbol)
{
    *symbol = NULL;
    const ElfObject *o = elf_object(slot);
    const void *at = (const void *)(uintptr_t)slot;
    uint64_t index = 0, value;
    if (!o || !elf_inside(o, at, 8))
        return "";
    memcpy(&value, at, sizeof value);
    const Elf64_Rela *r = find_reloc(o->plt, o->n_plt, slot - o->base, &index);
    bool lazy = r && (uint32_t)ELF64_R_TYPE(r->r_info) == cpu->jump_slot;
    r = r ? r : find_reloc(o->relocs, o->n_relocs, slot - o->base, &index);
    *symbol = name_in(o, r);
    if (lazy) {
        Span span;
        if (elf_code(value, &span) &&
            cpu->unbound(span.code, span.n, (uint32_t)index))
            return look_up(o, r, *symbol, target);
    } else if (!is_fixed(o, slot) && (!r || !is_loaders(cpu, r))) {
        *symbol = NULL;
        return "";
    }
    *target = value;
    return NULL;
}
