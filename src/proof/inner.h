/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share: an instruction as the rule sees it, where code
 * is read from, and a function as it was read.
 *
 *   x64.c, a64.c   bytes to a Step            walk.c    one function: its Steps in order
 *   elf*.c         addresses to code, names   prove.c   the functions it leads to
 */
#ifndef JF_PROOF_INNER_H
#define JF_PROOF_INNER_H

#include "proof/proof.h"

/* --- limits ---------------------------------------------------------------------- */

enum {
    /* Instructions on the longest way, callees included: at one a nanosecond 2 us,
     * about what it costs others to wait for a released and retaken GIL. */
    PROOF_LONGEST = 2000,
    /* Instructions read for one answer: some milliseconds. */
    PROOF_BUDGET = 10000,
    /* A function is read so far from its start, in bytes; also its size in uint16. */
    PROOF_SPAN = 65535,
    /* Calls within calls: the depth of our own recursion. */
    PROOF_DEPTH = 48,
    /* Functions remembered; then all are forgotten. */
    PROOF_MEMORY = 1 << 16
};

/* True, the rule of proof.h: what a jump back leads to is read as a part of its own, and
 * only ways that come by the same place twice are loops; compilers jump back to an end
 * that is shared. False, for tests: every jump back is one. Set before the first
 * question. */
extern bool proof_follow_back;

/* --- the stack ---------------------------------------------------------------------- */

/* `ret` comes back to the caller only if the stack pointer (and on AArch64 x30) is
 * what it was at entry: a switch of coroutines ends in `ret` as well. So both are
 * followed. Distances are in bytes below the stack pointer at entry. */
enum {
    K_DEPTH = 1, /* `depth` is known */
    K_BASE = 2,  /* `base` is */
    K_LINK = 4,  /* `link` is */
    K_HERE = 8   /* x30 holds the return address */
};

typedef struct Frame {
    int32_t depth;  /* of the stack pointer; 0 where not known, as the others */
    int32_t base;   /* of the frame pointer: rbp, x29 */
    int32_t link;   /* of the eight bytes where x30 was saved */
    uint32_t known; /* K_ */
} Frame;

/* At entry of a function. */
static inline Frame frame_entry(void)
{
    Frame f = {0, 0, 0, K_DEPTH | K_HERE};
    return f;
}

static inline void frame_lose(Frame *f, uint32_t what)
{
    f->known &= ~what;
    f->depth = f->known & K_DEPTH ? f->depth : 0;
    f->base = f->known & K_BASE ? f->base : 0;
    f->link = f->known & K_LINK ? f->link : 0;
}

static inline bool frame_same(const Frame *a, const Frame *b)
{
    return a->known == b->known && a->depth == b->depth && a->base == b->base &&
           a->link == b->link;
}

/* --- an instruction ------------------------------------------------------------------ */

typedef enum Flow {
    FLOW_NEXT,      /* goes on behind itself */
    FLOW_BRANCH,    /* goes on behind itself, or at `target` */
    FLOW_JUMP,      /* goes on at `target` */
    FLOW_CALL,      /* calls `target`, goes on behind itself */
    FLOW_JUMP_SLOT, /* the same two, through the pointer stored at `target` */
    FLOW_CALL_SLOT,
    FLOW_RETURN,
    FLOW_STOP,      /* the process ends here */
    FLOW_NO         /* not proved: `why` */
} Flow;

typedef struct Step {
    uint32_t size;    /* bytes */
    Flow flow;
    uint64_t target;
    bool tls;         /* uses thread-local storage */
    const char *why;  /* "makes a system call": a verb, its offset follows; static */
    Frame frame;      /* in: before; out: behind it */
} Step;

/* --- a CPU --------------------------------------------------------------------------- */

typedef struct ProofCpu {
    const char *missing;  /* NULL, or why its code cannot be read here; static */
    /* Read the instruction at `code`, which stands for `address`; `n` bytes may be
     * read. What it is not sure of is FLOW_NO. */
    void (*step)(const uint8_t *code, size_t n, uint64_t address, Step *s);
    /* Is `code` where a slot of the linkage table leads before the loader has filled
     * it? `index`: of its relocation in DT_JMPREL. */
    bool (*unbound)(const uint8_t *code, size_t n, uint32_t index);
    /* The psABI's numbers of relocations: R_*_JUMP_SLOT, _GLOB_DAT, _IRELATIVE. */
    uint32_t jump_slot, glob_dat, irelative;
} ProofCpu;

extern const ProofCpu proof_x64, proof_a64;
/* The CPU this was built for; NULL: none of the two. */
const ProofCpu *proof_host(void);

/* --- code in this process (elf.c, elf_slot.c); one thread at a time --------------------- */

typedef struct Span {
    const uint8_t *code; /* borrowed while its library is loaded */
    size_t n;            /* bytes that can be read and executed from here on */
    size_t symbol;       /* bytes to the end of the symbol here; 0: no symbol */
} Span;

/* Do `work` while the loader unmaps nothing; everything below may only be called by
 * it. `closed`: something was unloaded since the last time. False: memory is out. */
bool elf_hold(void (*work)(void *ctx, bool closed), void *ctx);
/* Give back all memory; it is looked at again. */
void elf_forget(void);
/* The code at an address; false: it is no library's. */
bool elf_code(uint64_t address, Span *span);
/* The same, with where the symbol ends. */
bool elf_span(uint64_t address, Span *span);
/* Where the pointer at `slot` leads and always will. NULL, or why not: what follows
 * "calls NAME at +0x0," or "". `*symbol`: its name in the linkage table, borrowed while
 * the library is loaded; NULL: it has none. */
const char *elf_slot(const ProofCpu *cpu, uint64_t slot, uint64_t *target,
                     const char **symbol);
/* Two of its reasons, which what is loaded later may change. */
extern const char elf_nobody[], elf_several[];
/* "memcpy", "memcpy+0x10", "libc.so.6+0x1234"; always terminated. */
void elf_name(uint64_t address, char *name, size_t n);
/* Is it one of libc's functions that end the process? */
bool elf_ends_process(uint64_t address);

/* --- a function as it was read (walk.c) ------------------------------------------------- */

#define PROOF_NONE UINT32_MAX

typedef struct Insn {
    uint32_t at;    /* bytes from the function's start; in order */
    uint32_t next;  /* where it goes on, as `at`; PROOF_NONE: nowhere */
    uint32_t jump;  /* and where else */
    uint32_t call;  /* of `calls`, or PROOF_NONE */
} Insn;

typedef struct Call {
    uint64_t target;
    Frame frame;   /* the callee's at its entry */
    uint32_t at;   /* bytes from the function's start */
    bool tail;     /* it is jumped to: who called us gets its result */
    bool part;     /* ... back, to a place in the same function */
    bool last;     /* called, and no code stands behind the call */
    uint32_t entry;     /* of the memory of prove.c, once it was asked */
    const char *symbol; /* as the linkage table calls it; borrowed, NULL: not through it */
} Call;

typedef struct Walk {
    Insn *insns;       /* owned */
    Call *calls;       /* owned */
    uint32_t n_insns, n_calls;
    uint32_t room_insns, room_calls;
    bool tls;
    bool returns;      /* by a `ret` of its own */
    const char *why;   /* NULL, or the reason why not: static */
    uint32_t why_at;   /* bytes from the function's start */
    const char *symbol; /* that `why` is about, or NULL; borrowed from its library */
} Walk;

/* Where a function's code lies and what may be asked about it. */
typedef struct Place {
    const ProofCpu *cpu;
    Span span;
    uint64_t address; /* of span.code */
    bool loaded;      /* slots and names are the process's; otherwise plain bytes */
    uint32_t budget;  /* instructions that may be read */
} Place;

/* Read it from its start. Every instruction found is in `w` in the order of their
 * addresses, up to the one that says no. Free it whatever happened. */
void walk_read(Walk *w, const Place *p, Frame frame);
void walk_free(Walk *w);

/* Reasons that prove.c tells from others. */
extern const char walk_back[], walk_no_memory[], walk_no_budget[];

#endif
