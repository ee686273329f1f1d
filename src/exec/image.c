/* SPDX-License-Identifier: MIT
 *
 * An ELF file in memory that tells a debugger about code at fixed addresses: one
 * section that covers it, call frame information, symbols. Format: System V ABI,
 * chapters 4 (object files) and 5.
 */
#include "exec/inner.h"

#include <elf.h>
#include <string.h>

/* Section numbers; strings of sections and symbols share one table. */
enum { S_NULL, S_TEXT, S_EH_FRAME, S_SYMTAB, S_STRTAB, S_COUNT };

static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab";
enum { N_TEXT = 1, N_EH_FRAME = 7, N_SYMTAB = 17, N_STRTAB = 25 };

static size_t name_size(const ImageSymbol *s, size_t room)
{
    return room ? room : strlen(s->name) + 1;
}

static void symbols_write(jf_Buf *b, const ImageSymbol *symbols, size_t n,
                          size_t room)
{
    Elf64_Sym zero, s;
    memset(&zero, 0, sizeof zero);
    jf_buf_put(b, &zero, sizeof zero);
    size_t name = sizeof section_names;
    for (size_t k = 0; k < n; k++) {
        s = zero;
        s.st_name = (uint32_t)name;
        s.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        s.st_shndx = S_TEXT;
        s.st_value =
            (uint64_t)((const char *)symbols[k].at - (const char *)symbols[0].at);
        s.st_size = symbols[k].size;
        jf_buf_put(b, &s, sizeof s);
        name += name_size(&symbols[k], room);
    }
}

static void names_write(jf_Buf *b, const ImageSymbol *symbols, size_t n,
                        size_t room)
{
    jf_buf_put(b, section_names, sizeof section_names);
    if (room) {
        if (jf_buf_reserve(b, n * room)) {
            memset(b->p + b->n, 0, n * room);
            b->n += n * room;
        }
        return;
    }
    for (size_t k = 0; k < n; k++)
        jf_buf_put(b, symbols[k].name, strlen(symbols[k].name) + 1);
}

static Elf64_Shdr section(uint32_t name, uint32_t type, size_t from, size_t to)
{
    Elf64_Shdr s;
    memset(&s, 0, sizeof s);
    s.sh_name = name;
    s.sh_type = type;
    s.sh_offset = from;
    s.sh_size = to - from;
    s.sh_addralign = 8;
    return s;
}

static void header_write(jf_Buf *b, Elf64_Shdr *sections)
{
    Elf64_Ehdr h;
    memset(&h, 0, sizeof h);
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    h.e_type = ET_REL;
    h.e_machine = exec_cpu->elf_machine;
    h.e_version = EV_CURRENT;
    h.e_shoff = sizeof h;
    h.e_ehsize = sizeof h;
    h.e_shentsize = sizeof(Elf64_Shdr);
    h.e_shnum = S_COUNT;
    h.e_shstrndx = S_STRTAB;
    memcpy(b->p, &h, sizeof h);
    memcpy(b->p + sizeof h, sections, S_COUNT * sizeof *sections);
}

void exec_image_write(jf_Buf *b, jf_Buf *frames, const ImageSymbol *symbols,
                      size_t n, size_t room, size_t *names)
{
    Elf64_Shdr s[S_COUNT];
    memset(s, 0, sizeof s);
    if (frames->failed || !jf_buf_reserve(b, 1024)) {
        b->failed = true;
        jf_buf_free(frames);
        return;
    }
    const ImageSymbol *last = &symbols[n - 1];
    b->n = sizeof(Elf64_Ehdr) + sizeof s;
    s[S_TEXT] = section(N_TEXT, SHT_NOBITS, 0, 0);
    s[S_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    s[S_TEXT].sh_addr = (uint64_t)(uintptr_t)symbols[0].at;
    s[S_TEXT].sh_size = (uint64_t)((const char *)last->at + last->size -
                                   (const char *)symbols[0].at);
    size_t at = b->n;
    jf_buf_put(b, frames->p, frames->n);
    jf_buf_free(frames);
    s[S_EH_FRAME] = section(N_EH_FRAME, SHT_PROGBITS, at, b->n);
    s[S_EH_FRAME].sh_flags = SHF_ALLOC;
    while (!b->failed && b->n % 8)
        jf_buf_put(b, "", 1);
    at = b->n;
    symbols_write(b, symbols, n, room);
    s[S_SYMTAB] = section(N_SYMTAB, SHT_SYMTAB, at, b->n);
    s[S_SYMTAB].sh_link = S_STRTAB;
    s[S_SYMTAB].sh_info = 1;
    s[S_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
    at = b->n;
    names_write(b, symbols, n, room);
    s[S_STRTAB] = section(N_STRTAB, SHT_STRTAB, at, b->n);
    *names = at + sizeof section_names;
    if (!b->failed)
        header_write(b, s);
}
