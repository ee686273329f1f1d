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
        name += room;
    }
}

static void names_write(jf_Buf *b, size_t n, size_t room)
{
    jf_buf_put(b, section_names, sizeof section_names);
    if (!jf_buf_reserve(b, n * room))
        return;
    memset(b->p + b->n, 0, n * room);
    b->n += n * room;
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
    names_write(b, n, room);
    s[S_STRTAB] = section(N_STRTAB, SHT_STRTAB, at, b->n);
    *names = at + sizeof section_names;
    if (!b->failed)
        header_write(b, s);
}

/* --- images that grow ---------------------------------------------------------------- */

static size_t size_place(int section)
{
    return sizeof(Elf64_Ehdr) + (size_t)section * sizeof(Elf64_Shdr) +
           offsetof(Elf64_Shdr, sh_size);
}

static bool fits(const ImageArea *a, size_t n)
{
    return a->room - a->used >= n;
}

/* There is room. Returns the place in the file. */
static size_t area_put(Image *i, ImageArea *a, const void *p, size_t n)
{
    size_t place = a->at + a->used;
    memcpy(i->file.p + place, p, n);
    a->used += n;
    uint64_t size = a->used;
    memcpy(i->file.p + a->size_at, &size, sizeof size);
    return place;
}

static ImageArea area(size_t *end, size_t room, int section)
{
    ImageArea a = {*end, 0, room, size_place(section)};
    *end = (*end + room + 7) / 8 * 8;
    return a;
}

bool exec_image_open(Image *i, const void *base, size_t size, size_t frames,
                     size_t symbols, size_t names)
{
    Elf64_Shdr s[S_COUNT];
    Elf64_Sym zero;
    jf_Buf head = JF_BUF_INIT;
    size_t cie, end = sizeof(Elf64_Ehdr) + sizeof s;
    memset(i, 0, sizeof *i);
    memset(s, 0, sizeof s);
    memset(&zero, 0, sizeof zero);
    exec_frames_begin(&head, &cie);
    i->base = base;
    i->frames = area(&end, frames + head.n, S_EH_FRAME);
    i->symbols = area(&end, (symbols + 1) * sizeof zero, S_SYMTAB);
    i->names = area(&end, names + sizeof section_names, S_STRTAB);
    if (head.failed || !jf_buf_reserve(&i->file, end)) {
        jf_buf_free(&head);
        jf_buf_free(&i->file);
        return false;
    }
    memset(i->file.p, 0, end);
    i->file.n = end;
    s[S_TEXT] = section(N_TEXT, SHT_NOBITS, 0, size);
    s[S_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    s[S_TEXT].sh_addr = (uint64_t)(uintptr_t)base;
    s[S_EH_FRAME] = section(N_EH_FRAME, SHT_PROGBITS, i->frames.at, i->frames.at);
    s[S_EH_FRAME].sh_flags = SHF_ALLOC;
    s[S_SYMTAB] = section(N_SYMTAB, SHT_SYMTAB, i->symbols.at, i->symbols.at);
    s[S_SYMTAB].sh_link = S_STRTAB;
    s[S_SYMTAB].sh_info = 1;
    s[S_SYMTAB].sh_entsize = sizeof zero;
    s[S_STRTAB] = section(N_STRTAB, SHT_STRTAB, i->names.at, i->names.at);
    header_write(&i->file, s);
    area_put(i, &i->frames, head.p, head.n);
    area_put(i, &i->symbols, &zero, sizeof zero);
    area_put(i, &i->names, section_names, sizeof section_names);
    jf_buf_free(&head);
    return true;
}

bool exec_image_add(Image *i, Block *b)
{
    size_t name = strlen(b->name) + 1;
    jf_Buf frame = JF_BUF_INIT;
    Elf64_Sym s;
    exec_frames_block(&frame, 0, b);
    bool can = !frame.failed && fits(&i->frames, frame.n) &&
               fits(&i->symbols, sizeof s) && fits(&i->names, name);
    if (can) {
        uint32_t back = (uint32_t)i->frames.used + 4; /* the CIE is the first */
        memcpy(frame.p + 4, &back, sizeof back);
        memset(&s, 0, sizeof s);
        s.st_name = (uint32_t)i->names.used;
        s.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        s.st_shndx = S_TEXT;
        s.st_value = (uint64_t)((const char *)b->pub.entry - i->base);
        s.st_size = b->pub.size;
        area_put(i, &i->names, b->name, name);
        b->frame_at = (uint32_t)area_put(i, &i->frames, frame.p, frame.n);
        b->symbol_at = (uint32_t)area_put(i, &i->symbols, &s, sizeof s);
    }
    jf_buf_free(&frame);
    return can;
}

bool exec_image_rename(Image *i, const Block *b)
{
    size_t name = strlen(b->name) + 1;
    if (!fits(&i->names, name))
        return false;
    uint32_t at = (uint32_t)i->names.used;
    area_put(i, &i->names, b->name, name);
    memcpy(i->file.p + b->symbol_at + offsetof(Elf64_Sym, st_name), &at, sizeof at);
    return true;
}

/* A symbol without a name is none; a frame of no bytes at address 0 is nobody's. */
void exec_image_remove(Image *i, Block *b)
{
    memset(i->file.p + b->symbol_at, 0, sizeof(Elf64_Sym));
    memset(i->file.p + b->frame_at + 8, 0, 16);
    b->symbol_at = b->frame_at = 0;
}
