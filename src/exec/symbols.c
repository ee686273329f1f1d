/* SPDX-License-Identifier: MIT
 *
 * Names of blocks and stubs, and their frames, for gdb: its JIT compilation
 * interface (GDB manual, chapter of that name).
 *
 * There is no way to know whether a debugger will attach later, so the symbols
 * are always there, and cheap: few ELF images, each for many pages of code, in
 * which blocks are written and struck out where they stand: what a debugger that
 * watches pays for one block grows with the number of images. A block costs its name
 * and some 100 bytes, twice. The image of a page of stubs keeps room for all their
 * names, so that making one costs nothing more than writing its name.
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
    Image grows;  /* of a group of pages: instead */
    size_t n;     /* ... blocks in it */
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
    jf_buf_free(&f->grows.file);
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

/* --- groups of pages --------------------------------------------------------------- */

static SymFile **group_of(const Block *b)
{
    const Region *r = b->region;
    size_t page = jf_os_page_size();
    return &r->groups[(size_t)((const char *)b->pub.entry - r->base) / page /
                      EXEC_GROUP];
}

/* All blocks of the group, into an image with twice the room that they need. */
static SymFile *group_write(Region *r, size_t index)
{
    enum { FRAME = 96, NAME = 64, LEAST = 16 };
    size_t first = index * EXEC_GROUP, page = jf_os_page_size();
    size_t end = first + EXEC_GROUP, names = 0, frames = 0, n = 0;
    end = end < r->size / page ? end : r->size / page;
    for (size_t k = first; k < end; k++)
        for (const Block *b = r->pages[k].blocks; b; b = b->next) {
            n++;
            names += strlen(b->name) + 1;
            frames += FRAME + 24 * b->frame.n_exits;
        }
    SymFile *f = jf_calloc(sizeof *f);
    if (!f || !exec_image_open(&f->grows, r->base + first * page,
                               (end - first) * page, 2 * frames + LEAST * FRAME,
                               2 * n + LEAST, 2 * names + LEAST * NAME)) {
        jf_free(f);
        return NULL;
    }
    for (size_t k = first; k < end; k++)
        for (Block *b = r->pages[k].blocks; b; b = b->next) {
            b->symbol_at = 0;
            f->n += exec_image_add(&f->grows, b);
        }
    return f;
}

/* Memory running out costs names, nothing else. */
static void group_renew(Block *b)
{
    SymFile **at = group_of(b);
    SymFile *f = group_write(b->region, (size_t)(at - b->region->groups));
    if (!f)
        return; /* what was known stays */
    symfile_free(*at);
    *at = f;
    f->entry.symfile_addr = f->grows.file.p;
    f->entry.symfile_size = f->grows.file.n;
    link_in(&f->entry);
}

/* --- the doors ------------------------------------------------------------------------- */

void exec_symbols_add(Block *b)
{
    SymFile *f = *group_of(b);
    if (f)
        link_out(&f->entry);
    bool done = f && exec_image_add(&f->grows, b);
    if (f)
        link_in(&f->entry);
    if (done)
        f->n++;
    else
        group_renew(b);
}

void exec_symbols_rename(Block *b)
{
    SymFile *f = *group_of(b);
    bool done = false;
    if (f && b->symbol_at) {
        link_out(&f->entry);
        done = exec_image_rename(&f->grows, b);
        link_in(&f->entry);
    }
    if (!done)
        group_renew(b);
}

void exec_symbols_remove(Block *b)
{
    SymFile **at = group_of(b), *f = *at;
    if (!f || !b->symbol_at)
        return;
    if (--f->n == 0) {
        symfile_free(f);
        *at = NULL;
        return;
    }
    link_out(&f->entry);
    exec_image_remove(&f->grows, b);
    link_in(&f->entry);
}

void exec_symbols_drop(Region *r)
{
    size_t n = r->groups ? r->size / jf_os_page_size() / EXEC_GROUP + 1 : 0;
    for (size_t k = 0; k < n; k++) {
        symfile_free(r->groups[k]);
        r->groups[k] = NULL;
    }
}

SymFile *exec_symbols_stubs(const char *page, size_t size)
{
    size_t n = jf_os_page_size() / size, cie;
    ImageSymbol *symbols = jf_alloc(n * sizeof *symbols);
    if (!symbols)
        return NULL;
    for (size_t k = 0; k < n; k++)
        symbols[k] = (ImageSymbol){page + k * size, size};
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
