/* SPDX-License-Identifier: MIT
 *
 * Inner header of the exec room: regions and blocks as the pool, the unwind
 * records and the debug symbols see them.
 *
 *   region   one mapping; all its blocks have the same number of saved registers
 *   page     unit of rewriting and of debug symbols
 *   block    16-aligned bytes inside one region; belongs to the page it starts in
 */
#ifndef JF_EXEC_INNER_H
#define JF_EXEC_INNER_H

#include "exec/exec.h"

enum {
    EXEC_UNIT = 16,    /* bytes: granularity of blocks */
    EXEC_CLASSES = 5   /* blocks with 0 to 4 saved registers */
};

typedef struct Region Region;
typedef struct SymFile SymFile;

typedef struct Block {
    jf_Block pub;        /* what the owner sees; first, so that they convert */
    Region *region;      /* borrowed: outlives its blocks */
    struct Block *next;  /* next in its page, addresses ascending */
    char name[];         /* for debuggers */
} Block;

typedef struct Page {
    Block *blocks;       /* those that start here; owned by their users */
    SymFile *symbols;    /* owned; NULL: none registered */
    bool used;           /* filled with traps before its first block */
} Page;

struct Region {
    Region *next;        /* of the same class */
    char *base;          /* mapping: readable and executable */
    size_t size;         /* bytes, whole pages */
    uint32_t saved;      /* class */
    uint32_t n_units;    /* size / EXEC_UNIT */
    uint32_t free_units;
    uint32_t hint;       /* no free unit lies below */
    uint64_t *taken;     /* one bit per unit; owned */
    Page *pages;         /* owned */
    void *unwind;        /* owned: registered unwind record, or NULL */
};

extern const jf_ExecCpu *exec_cpu; /* NULL: no encoder */

/* pool.c: one lock for the room; held over fork. */
void exec_lock(void);
void exec_unlock(void);
/* Under the lock: more (or fewer) stubs, more bytes mapped. */
void exec_count_stubs(int stubs, size_t mapped);

/* unwind.c: DWARF call frame information for `size` bytes at `at`: a CIE, an
 * FDE, and a terminating zero. `exact`: with the prologue's steps, for gdb. */
void exec_unwind_write(jf_Buf *out, const void *at, size_t size, uint32_t saved,
                       bool exact);
/* Register a region; failure means only that unwinding stops there. */
void exec_unwind_add(Region *r);
void exec_unwind_drop(Region *r);

/* symbols.c: tell debuggers what page `index` of the region holds now, and the
 * profiler about one new block. */
void exec_symbols_page(Region *r, size_t index);
void exec_symbols_drop(Region *r);
void exec_symbols_perf(const Block *b);

#endif
