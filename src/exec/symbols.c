/* SPDX-License-Identifier: MIT
 *
 * Names of blocks for gdb (its JIT compilation interface, GDB manual chapter
 * "JIT Compilation Interface") and for perf (/tmp/perf-<pid>.map, on demand).
 *
 * There is no way to know whether a debugger will attach later, so the symbols
 * are always there, and cheap: one ELF image per page of code, rewritten when
 * the page changes, holding one section that covers the page's blocks, one
 * unwind record and one symbol per block. A block costs its name and 24 bytes.
 */
#include "exec/inner.h"

#include "core/base/bits.h"
#include "os/os.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

/* --- what gdb reads: names, types and order are fixed by its manual ---------------- */

struct jit_code_entry {
    struct jit_code_entry *next_entry;
    struct jit_code_entry *prev_entry;
    const char *symfile_addr;
    uint64_t symfile_size;
};

struct jit_descriptor {
    uint32_t version;
    uint32_t action_flag;
    struct jit_code_entry *relevant_entry;
    struct jit_code_entry *first_entry;
};

enum { JIT_NOACTION, JIT_REGISTER, JIT_UNREGISTER };

/* gdb sets a breakpoint here, and looks both up by name: they are weak, so that
 * a second copy in the process (another code maker) shares them. */
void __jit_debug_register_code(void)
    __attribute__((weak, noinline, visibility("default")));
void __jit_debug_register_code(void)
{
    __asm__ volatile("" ::: "memory");
}

extern struct jit_descriptor __jit_debug_descriptor;
__attribute__((
    weak, visibility("default"))) struct jit_descriptor __jit_debug_descriptor = {
    1, JIT_NOACTION, NULL, NULL};

struct SymFile {
    struct jit_code_entry entry;
    jf_Buf image; /* the ELF file; owned */
};

static void announce(struct jit_code_entry *e, uint32_t action)
{
    __jit_debug_descriptor.relevant_entry = e;
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
    __jit_debug_descriptor.relevant_entry = NULL;
}

static void link_in(struct jit_code_entry *e)
{
    e->prev_entry = NULL;
    e->next_entry = __jit_debug_descriptor.first_entry;
    if (e->next_entry)
        e->next_entry->prev_entry = e;
    __jit_debug_descriptor.first_entry = e;
    announce(e, JIT_REGISTER);
}

static void link_out(struct jit_code_entry *e)
{
    if (e->prev_entry)
        e->prev_entry->next_entry = e->next_entry;
    else
        __jit_debug_descriptor.first_entry = e->next_entry;
    if (e->next_entry)
        e->next_entry->prev_entry = e->prev_entry;
    announce(e, JIT_UNREGISTER);
}

static void symfile_free(SymFile *f)
{
    if (!f)
        return;
    link_out(&f->entry);
    jf_buf_free(&f->image);
    jf_free(f);
}

/* --- the image ----------------------------------------------------------------------- */

/* Section numbers; strings of sections and symbols share one table. */
enum { S_NULL, S_TEXT, S_EH_FRAME, S_SYMTAB, S_STRTAB, S_COUNT };

static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab";
enum { N_TEXT = 1, N_EH_FRAME = 7, N_SYMTAB = 17, N_STRTAB = 25 };

static void symbols_write(jf_Buf *b, const Block *first, uint64_t text)
{
    Elf64_Sym zero, s;
    memset(&zero, 0, sizeof zero);
    jf_buf_put(b, &zero, sizeof zero);
    uint32_t name = sizeof section_names;
    for (const Block *k = first; k; k = k->next) {
        s = zero;
        s.st_name = name;
        s.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
        s.st_shndx = S_TEXT;
        s.st_value = (uint64_t)(uintptr_t)k->pub.entry - text;
        s.st_size = k->pub.size;
        jf_buf_put(b, &s, sizeof s);
        name += (uint32_t)strlen(k->name) + 1;
    }
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

static void image_write(jf_Buf *b, const Region *r, const Block *first)
{
    Elf64_Shdr s[S_COUNT];
    memset(s, 0, sizeof s);
    if (!jf_buf_reserve(b, 1024))
        return;
    b->n = sizeof(Elf64_Ehdr) + sizeof s;
    const Block *last = first;
    while (last->next)
        last = last->next;
    uint64_t text = (uint64_t)(uintptr_t)first->pub.entry;
    uint64_t end = (uint64_t)(uintptr_t)last->pub.entry + last->pub.size;
    s[S_TEXT] = section(N_TEXT, SHT_NOBITS, 0, 0);
    s[S_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    s[S_TEXT].sh_addr = text;
    s[S_TEXT].sh_size = end - text;
    size_t at = b->n;
    exec_unwind_write(b, first->pub.entry, (size_t)(end - text), r->saved, false);
    s[S_EH_FRAME] = section(N_EH_FRAME, SHT_PROGBITS, at, b->n);
    s[S_EH_FRAME].sh_flags = SHF_ALLOC;
    at = b->n = (size_t)jf_round_up(b->n, 8);
    symbols_write(b, first, text);
    s[S_SYMTAB] = section(N_SYMTAB, SHT_SYMTAB, at, b->n);
    s[S_SYMTAB].sh_link = S_STRTAB;
    s[S_SYMTAB].sh_info = 1;
    s[S_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
    at = b->n;
    jf_buf_put(b, section_names, sizeof section_names);
    for (const Block *k = first; k; k = k->next)
        jf_buf_put(b, k->name, strlen(k->name) + 1);
    s[S_STRTAB] = section(N_STRTAB, SHT_STRTAB, at, b->n);
    if (!b->failed)
        header_write(b, s);
}

/* --- the doors ------------------------------------------------------------------------- */

/* Memory running out costs names, nothing else. */
void exec_symbols_page(Region *r, size_t index)
{
    Page *page = &r->pages[index];
    SymFile *f = page->blocks ? jf_calloc(sizeof *f) : NULL;
    if (f) {
        image_write(&f->image, r, page->blocks);
        if (f->image.failed) {
            jf_buf_free(&f->image);
            jf_free(f);
            f = NULL;
        }
    }
    if (page->blocks && !f)
        return; /* what was known stays */
    symfile_free(page->symbols);
    page->symbols = f;
    if (f) {
        f->entry.symfile_addr = f->image.p;
        f->entry.symfile_size = f->image.n;
        link_in(&f->entry);
    }
}

void exec_symbols_drop(Region *r)
{
    size_t n = r->pages ? r->size / jf_os_page_size() : 0;
    for (size_t k = 0; k < n; k++) {
        symfile_free(r->pages[k].symbols);
        r->pages[k].symbols = NULL;
    }
}

static bool perf_wanted(void)
{
    const char *v = jf_os_getenv("JIFFI_PERF");
    return v && (strcmp(v, "1") == 0 || strcmp(v, "map") == 0);
}

/* Opened for each block: a forked child writes to a file of its own. */
void exec_symbols_perf(const Block *b)
{
    if (!perf_wanted())
        return;
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", jf_os_process_id());
    FILE *f = fopen(path, "a");
    if (!f)
        return;
    fprintf(f, "%llx %zx %s\n", (unsigned long long)(uintptr_t)b->pub.entry,
            b->pub.size, b->name);
    fclose(f);
}
