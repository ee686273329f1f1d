/* SPDX-License-Identifier: MIT
 *
 * Inner header of the exec room: regions and blocks as the pool, the unwind
 * records and the debug symbols see them.
 *
 *   region   one mapping; all its blocks have the same number of saved registers
 *   page     unit of rewriting
 *   group    some pages: unit of debug symbols
 *   block    16-aligned bytes inside one region; belongs to the page it starts in
 */
#ifndef JF_EXEC_INNER_H
#define JF_EXEC_INNER_H

#include "exec/exec.h"
#include "os/os.h"

enum {
    EXEC_UNIT = 16,    /* bytes: granularity of blocks */
    EXEC_GROUP = 16,   /* pages */
    EXEC_SAVED = 5,    /* blocks with 0 to 4 saved registers */
    EXEC_CLASSES = 3 * EXEC_SAVED /* of each jf_Throws */
};

typedef struct Region Region;
typedef struct SymFile SymFile;

typedef struct Block {
    jf_Block pub;        /* what the owner sees; first, so that they convert */
    Region *region;      /* borrowed: outlives its blocks */
    struct Block *next;  /* next in its page, addresses ascending */
    char *name;          /* for debuggers; owned */
    jf_Frame frame;      /* its exits are owned */
    uint32_t symbol_at, frame_at; /* places in its group's image; 0: not there */
    long perf_at;        /* place of its line in the perf map ... */
    long perf_pid;       /* ... of this process; 0: it has none */
} Block;

typedef struct Page {
    Block *blocks;       /* those that start here; owned by their users */
    bool used;           /* filled with traps before its first block */
} Page;

struct Region {
    Region *next;        /* of the same class */
    char *base;          /* mapping: readable and executable */
    size_t size;         /* bytes, whole pages */
    jf_Frame frame;      /* class */
    uint32_t n_units;    /* size / EXEC_UNIT */
    uint32_t free_units;
    uint32_t hint;       /* no free unit lies below */
    uint64_t *taken;     /* one bit per unit; owned */
    Page *pages;         /* owned */
    SymFile **groups;    /* owned, by EXEC_GROUP pages; NULL: none registered */
    void *unwind;        /* owned: registered unwind record, or NULL */
    void (*second)(void *); /* where it was registered as well; NULL */
};

extern const jf_ExecCpu *exec_cpu; /* NULL: no encoder */

/* pool.c: one lock for the room; held over fork. */
void exec_lock(void);
void exec_unlock(void);
/* Under the lock: more (or fewer) stubs, more bytes mapped. */
void exec_count_stubs(int stubs, size_t mapped);

/* unwind.c: DWARF call frame information for `size` bytes at `at`: a CIE, an
 * FDE, and a terminating zero; for the run-time library, which meets blocks at their
 * calls only. */
void exec_unwind_write(jf_Buf *out, const void *at, size_t size, jf_Frame frame);
/* Register a region; failure means only that unwinding stops there. */
void exec_unwind_add(Region *r);
void exec_unwind_drop(Region *r);

/* The library of the unwinder that knows our records; NULL: there is none. */
jf_OsLib *exec_unwind_library(void);

/* guard.c: where an exception that comes out of the call that returns to `ip` goes
 * on. */
uintptr_t exec_landing(uintptr_t ip);
/* Run f(arg) in a frame that catches (the exception, or NULL), or that names. */
void *exec_guard_catches(void (*f)(void *), void *arg, const void *target);
void *exec_guard_names(void (*f)(void *), void *arg, const void *target);
/* The `target` of the frame whose stack pointer, at the call, was `sp`. */
const void *exec_guard_target(uintptr_t sp);
bool exec_can_guard(void); /* false: the two do nothing but run */

/* personality.c: what the unwinder asks at a frame of that kind; NULL: nothing. */
void *exec_personality(jf_Throws throws);

/* frames.c: call frame information that is right at every instruction, for
 * debuggers: a CIE; FDEs that follow it; a terminating zero. `cie`: where it began. */
void exec_frames_begin(jf_Buf *out, size_t *cie);
void exec_frames_block(jf_Buf *out, size_t cie, const Block *b);
/* Code that never touches the stack. */
void exec_frames_plain(jf_Buf *out, size_t cie, const void *at, size_t size);
void exec_frames_end(jf_Buf *out);

/* image.c: one ELF file in memory, as gdb reads it. */
typedef struct ImageSymbol {
    const void *at;
    size_t size;
} ImageSymbol;
/* `frames` is taken over. Symbols ascend and have no names yet. `room`: bytes kept for
 * each. *names receives where the first one stands. */
void exec_image_write(jf_Buf *out, jf_Buf *frames, const ImageSymbol *symbols,
                      size_t n, size_t room, size_t *names);

/* An image that grows: areas of it with room for more. */
typedef struct ImageArea {
    size_t at, used, room; /* bytes */
    size_t size_at;        /* place of the section's size */
} ImageArea;

typedef struct Image {
    jf_Buf file; /* owned */
    ImageArea frames, symbols, names;
    const char *base;
} Image;

/* For `size` bytes of code at `base`, with so many bytes of room. False: memory. */
bool exec_image_open(Image *i, const void *base, size_t size, size_t frames,
                     size_t symbols, size_t names);
/* False: there is no room. */
bool exec_image_add(Image *i, Block *b);
bool exec_image_rename(Image *i, const Block *b);
void exec_image_remove(Image *i, Block *b);

/* symbols.c: tell debuggers of a block that was put into its page, that has another
 * name, that was taken out of its page. */
void exec_symbols_add(Block *b);
void exec_symbols_rename(Block *b);
void exec_symbols_remove(Block *b);
void exec_symbols_drop(Region *r);
/* A page of callback stubs, `size` bytes each, without names so far; NULL: memory. */
SymFile *exec_symbols_stubs(const char *page, size_t size);
/* Name stub `index` of such a page; NULL: it has none any more. */
void exec_symbols_stub(SymFile *f, size_t index, const char *name);

/* perf.c: tell the profiler about a new block, or that it has another name. */
void exec_perf_block(Block *b);
void exec_perf_stub(const void *at, size_t size, const char *name);

#endif
