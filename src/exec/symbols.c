/* SPDX-License-Identifier: MIT
 *
 * Names of blocks and stubs, and their frames, for gdb: its JIT compilation
 * interface (GDB manual, chapter of that name).
 *
 * There is no way to know whether a debugger will attach later, so the symbols
 * are always there, and cheap: one ELF image per page of code, rewritten when
 * the page changes. A block costs its name and some 80 bytes. The image of a page
 * of stubs keeps room for all their names, so that making one costs nothing more
 * than writing its name.
 */
#include "exec/inner.h"

#include "os/os.h"

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
    size_t names; /* where in it the first name stands */
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

/* --- images ------------------------------------------------------------------------ */

enum { STUB_NAME = 80 }; /* bytes kept for the name of a stub, its end included */

/* Takes over the frames. NULL: memory is out. */
static SymFile *symfile_new(jf_Buf *frames, const ImageSymbol *symbols, size_t n,
                            size_t room)
{
    SymFile *f = jf_calloc(sizeof *f);
    if (!f) {
        jf_buf_free(frames);
        return NULL;
    }
    exec_image_write(&f->image, frames, symbols, n, room, &f->names);
    if (f->image.failed) {
        jf_buf_free(&f->image);
        jf_free(f);
        return NULL;
    }
    f->entry.symfile_addr = f->image.p;
    f->entry.symfile_size = f->image.n;
    return f;
}

static SymFile *symfile_of_blocks(const Block *first)
{
    size_t n = 0, cie;
    for (const Block *b = first; b; b = b->next)
        n++;
    ImageSymbol *symbols = jf_alloc(n * sizeof *symbols);
    if (!symbols)
        return NULL;
    jf_Buf frames = JF_BUF_INIT;
    exec_frames_begin(&frames, &cie);
    n = 0;
    for (const Block *b = first; b; b = b->next) {
        symbols[n++] = (ImageSymbol){b->pub.entry, b->pub.size, b->name};
        exec_frames_block(&frames, cie, b);
    }
    exec_frames_end(&frames);
    SymFile *f = symfile_new(&frames, symbols, n, 0);
    jf_free(symbols);
    return f;
}

/* --- the doors ------------------------------------------------------------------------- */

/* Memory running out costs names, nothing else. */
void exec_symbols_page(Region *r, size_t index)
{
    Page *page = &r->pages[index];
    SymFile *f = page->blocks ? symfile_of_blocks(page->blocks) : NULL;
    if (page->blocks && !f)
        return; /* what was known stays */
    symfile_free(page->symbols);
    page->symbols = f;
    if (f)
        link_in(&f->entry);
}

void exec_symbols_drop(Region *r)
{
    size_t n = r->pages ? r->size / jf_os_page_size() : 0;
    for (size_t k = 0; k < n; k++) {
        symfile_free(r->pages[k].symbols);
        r->pages[k].symbols = NULL;
    }
}

SymFile *exec_symbols_stubs(const char *page, size_t size)
{
    size_t n = jf_os_page_size() / size, cie;
    ImageSymbol *symbols = jf_alloc(n * sizeof *symbols);
    if (!symbols)
        return NULL;
    for (size_t k = 0; k < n; k++)
        symbols[k] = (ImageSymbol){page + k * size, size, NULL};
    jf_Buf frames = JF_BUF_INIT;
    exec_frames_begin(&frames, &cie);
    exec_frames_plain(&frames, cie, page, n * size);
    exec_frames_end(&frames);
    SymFile *f = symfile_new(&frames, symbols, n, STUB_NAME);
    jf_free(symbols);
    if (f)
        link_in(&f->entry);
    return f;
}

/* Written where it stands: a debugger that is there is told that the file is another
 * one, a debugger that comes later reads it then. */
void exec_symbols_stub(SymFile *f, size_t index, const char *name)
{
    char *at = f->image.p + f->names + index * STUB_NAME;
    if (!name) {
        *at = '\0';
        return;
    }
    size_t n = strlen(name);
    n = n < STUB_NAME ? n : STUB_NAME - 1;
    if (strncmp(at, name, n) == 0 && !at[n])
        return;
    link_out(&f->entry);
    memset(at, 0, STUB_NAME);
    memcpy(at, name, n);
    link_in(&f->entry);
}
