/* SPDX-License-Identifier: MIT
 *
 * The functions that a function leads to: each is read once and remembered, asked
 * for again only through its result. A function that leads back to one whose answer
 * is still open is recursive, and not proved. So every way through the code goes
 * forward inside functions and forward in an order of functions: it ends.
 */
#include "proof/inner.h"

#include "os/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- the memory --------------------------------------------------------------------- */

typedef enum State { STATE_OPEN, STATE_PROVED, STATE_NOT } State;

/* A function at an address, entered with a stack. */
typedef struct Entry {
    uint64_t address;
    Frame frame;
    State state;
    bool tls;
    bool passing; /* its no may be a yes for the next question: asked anew then */
    bool returns; /* proved: some way comes back */
    uint32_t question;        /* that it was answered for */
    uint32_t longest;         /* proved: instructions, callees included */
    uint32_t read, functions; /* with callees, each as often as it is called */
    /* Not proved: */
    const char *why;    /* static; NULL: a callee says no */
    uint32_t why_at;    /* bytes from its start: there, or the call of the callee */
    uint32_t culprit;   /* the entry that says no, itself or further on */
    uint32_t via;       /* the callee through which, or PROOF_NONE */
    const char *symbol; /* that `why` is about, or the callee's; borrowed */
} Entry;

typedef struct Prover {
    const ProofCpu *cpu;
    const uint8_t *bytes; /* plain bytes, or NULL: this process */
    size_t n_bytes;
    Entry *entries; /* owned */
    uint32_t n_entries, room;
    uint32_t *slots;   /* owned; entries by hash, PROOF_NONE: free */
    uint32_t n_slots;  /* a power of two */
    uint32_t question; /* counts calls of jf_prove */
    uint32_t budget;   /* instructions that this one may still read */
} Prover;

static void forget(Prover *p)
{
    jf_free(p->entries);
    jf_free(p->slots);
    p->entries = NULL;
    p->slots = NULL;
    p->n_entries = p->room = p->n_slots = 0;
}

static uint32_t hash_of(uint64_t address, const Frame *f)
{
    uint64_t h = address * 0x9e3779b97f4a7c15u;
    h ^= ((uint64_t)(uint32_t)f->depth << 32 | (uint32_t)f->base) +
         (uint64_t)f->known * 0x85ebca6b;
    h *= 0xc2b2ae3d27d4eb4fu;
    return (uint32_t)(h >> 32);
}

static void put_slot(Prover *p, uint32_t e)
{
    uint32_t i = hash_of(p->entries[e].address, &p->entries[e].frame);
    while (p->slots[i & (p->n_slots - 1)] != PROOF_NONE)
        i++;
    p->slots[i & (p->n_slots - 1)] = e;
}

static bool make_room(Prover *p)
{
    if (p->n_entries == p->room) {
        uint32_t room = p->room ? p->room * 2 : 64;
        Entry *e = jf_realloc(p->entries, room * sizeof *e);
        if (!e)
            return false;
        p->entries = e;
        p->room = room;
    }
    if (p->n_entries * 2 < p->n_slots)
        return true;
    uint32_t n = p->n_slots ? p->n_slots * 2 : 256;
    uint32_t *slots = jf_alloc(n * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xff, n * sizeof *slots);
    jf_free(p->slots);
    p->slots = slots;
    p->n_slots = n;
    for (uint32_t e = 0; e < p->n_entries; e++)
        put_slot(p, e);
    return true;
}

/* The entry for it, new or not; PROOF_NONE when memory is out. */
static uint32_t entry_of(Prover *p, uint64_t address, Frame frame, bool *is_new)
{
    *is_new = false;
    if (p->n_slots) {
        uint32_t i = hash_of(address, &frame), e;
        for (; (e = p->slots[i & (p->n_slots - 1)]) != PROOF_NONE; i++)
            if (p->entries[e].address == address &&
                frame_same(&p->entries[e].frame, &frame))
                return e;
    }
    if (!make_room(p))
        return PROOF_NONE;
    uint32_t e = p->n_entries++;
    memset(&p->entries[e], 0, sizeof p->entries[e]);
    p->entries[e].address = address;
    p->entries[e].frame = frame;
    put_slot(p, e);
    *is_new = true;
    return e;
}

/* --- one function ------------------------------------------------------------------------- */

static const char no_code[] = "is not in the code of a library";
static const char recursive[] = "leads back to itself";
static const char too_deep[] = "leads too deep into other functions";
static const char too_long[] = "may run through more instructions than the limit";
static const char outside[] = "leads out of these bytes";

static bool is_passing(const char *why)
{
    return why == walk_no_budget || why == walk_no_memory || why == too_deep ||
           why == no_code || why == elf_nobody || why == elf_several;
}

static void answer_no(Prover *p, uint32_t e, const char *why, uint32_t at)
{
    Entry *x = &p->entries[e];
    x->state = STATE_NOT;
    x->why = why;
    x->why_at = at;
    x->culprit = e;
    x->via = PROOF_NONE;
    x->symbol = NULL;
    x->passing = is_passing(why);
}

/* A callee is not proved. */
static void answer_via(Prover *p, uint32_t e, const Call *c)
{
    Entry *x = &p->entries[e], *callee = &p->entries[c->entry];
    if (callee->state == STATE_OPEN) {
        answer_no(p, e, recursive, c->at);
        return;
    }
    x->state = STATE_NOT;
    x->why = NULL;
    x->why_at = c->at;
    x->culprit = callee->culprit;
    x->via = c->entry;
    x->symbol = c->symbol;
    x->passing = callee->passing;
}

/* A part of the function itself is not: said as of the whole. */
static void answer_part(Prover *p, uint32_t e, const Call *c)
{
    Entry *x = &p->entries[e], *part = &p->entries[c->entry];
    if (part->state == STATE_OPEN) {
        answer_no(p, e, walk_back, c->at);
        return;
    }
    x->state = STATE_NOT;
    x->why = part->why;
    x->why_at = part->why_at + (uint32_t)(part->address - x->address);
    x->symbol = part->symbol;
    x->culprit = part->culprit == c->entry ? e : part->culprit;
    x->via = part->via;
    x->passing = part->passing;
}

static bool place_of(Prover *p, uint64_t address, Place *place)
{
    memset(place, 0, sizeof *place);
    place->cpu = p->cpu;
    place->address = address;
    place->budget = p->budget;
    place->loaded = p->bytes == NULL;
    if (place->loaded)
        return elf_span(address, &place->span);
    uint64_t at = address - (uint64_t)(uintptr_t)p->bytes;
    if (at >= p->n_bytes)
        return false;
    place->span = (Span){p->bytes + at, p->n_bytes - at, 0};
    return true;
}

static uint32_t index_of(const Walk *w, uint32_t at)
{
    uint32_t lo = 0, hi = w->n_insns;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (w->insns[mid].at < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The longest way, from the last instruction back: `at` becomes the length from
 * there on. NULL, or why not. */
static const char *longest_way(const Prover *p, const Walk *w, uint32_t *longest)
{
    uint32_t *from = jf_alloc((w->n_insns ? w->n_insns : 1) * sizeof *from);
    if (!from)
        return walk_no_memory;
    for (uint32_t i = w->n_insns; i--;) {
        const Insn *n = &w->insns[i];
        uint32_t next = n->next == PROOF_NONE ? 0 : from[index_of(w, n->next)];
        uint32_t jump = n->jump == PROOF_NONE ? 0 : from[index_of(w, n->jump)];
        uint32_t call = 0;
        if (n->call != PROOF_NONE)
            call = p->entries[w->calls[n->call].entry].longest;
        if (n->call != PROOF_NONE && !w->calls[n->call].tail)
            next += call;
        else if (call > jump)
            jump = call;
        from[i] = 1 + (next > jump ? next : jump);
    }
    *longest = w->n_insns ? from[0] : 0;
    jf_free(from);
    return *longest <= PROOF_LONGEST ? NULL : too_long;
}

/* Counts end somewhere: what is called on many ways is counted on each. */
static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > 1000000000 - b ? 1000000000 : a + b;
}

static void answer_yes(Prover *p, uint32_t e, const Walk *w)
{
    Entry *x = &p->entries[e];
    const char *why = longest_way(p, w, &x->longest);
    if (why) {
        answer_no(p, e, why, 0);
        return;
    }
    x->tls = w->tls;
    x->returns = w->returns;
    x->read = w->n_insns;
    x->functions = 1;
    for (uint32_t i = 0; i < w->n_calls; i++) {
        const Call *c = &w->calls[i];
        const Entry *callee = &p->entries[c->entry];
        if (c->last && callee->returns) {
            answer_no(p, e, "runs past its end", c->at);
            return;
        }
        x->returns |= c->tail && callee->returns;
        bool again = false;
        for (uint32_t k = 0; k < i && !again; k++)
            again = w->calls[k].entry == c->entry;
        x->tls |= callee->tls;
        if (again)
            continue;
        x->read = sum(x->read, callee->read);
        x->functions = sum(x->functions, callee->functions - c->part);
    }
    x->state = STATE_PROVED;
}

static uint32_t ask(Prover *p, uint64_t address, Frame frame, uint32_t depth);

/* Read it, then ask for what it calls. */
static void answer(Prover *p, uint32_t e, uint32_t depth)
{
    Place place;
    Walk w;
    p->entries[e].question = p->question;
    p->entries[e].state = STATE_OPEN;
    if (!place_of(p, p->entries[e].address, &place)) {
        answer_no(p, e, p->bytes ? outside : no_code, 0);
        return;
    }
    if (depth == PROOF_DEPTH) {
        answer_no(p, e, too_deep, 0);
        return;
    }
    walk_read(&w, &place, p->entries[e].frame);
    p->budget -= w.n_insns < p->budget ? w.n_insns : p->budget;
    if (w.why) {
        answer_no(p, e, w.why, w.why_at);
        p->entries[e].symbol = w.symbol;
    }
    for (uint32_t i = 0; i < w.n_calls && !w.why; i++) {
        Call *c = &w.calls[i];
        c->entry = ask(p, c->target, c->frame, depth + 1);
        if (c->entry == PROOF_NONE) {
            answer_no(p, e, walk_no_memory, c->at);
            break;
        }
        if (p->entries[c->entry].state != STATE_PROVED) {
            if (c->part)
                answer_part(p, e, c);
            else
                answer_via(p, e, c);
            break;
        }
    }
    if (p->entries[e].state == STATE_OPEN)
        answer_yes(p, e, &w);
    walk_free(&w);
}

/* The entry with its answer; open if it is being answered further up. */
static uint32_t ask(Prover *p, uint64_t address, Frame frame, uint32_t depth)
{
    bool is_new;
    uint32_t e = entry_of(p, address, frame, &is_new);
    if (e == PROOF_NONE)
        return e;
    bool stale = p->entries[e].passing && p->entries[e].question != p->question;
    if (is_new || stale)
        answer(p, e, depth);
    return e;
}

/* --- in words --------------------------------------------------------------------------------- */

/* As much as there is room for. */
static void words(char *text, size_t n, const char *fmt, ...) JF_PRINTF(3, 4);
static void words(char *text, size_t n, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, n, fmt, args);
    va_end(args);
}

static void name_of(const Prover *p, const Entry *x, char *name, size_t n)
{
    if (!p->bytes)
        elf_name(x->address, name, n);
    else
        words(name, n, "+0x%llx",
              (unsigned long long)(x->address - (uint64_t)(uintptr_t)p->bytes));
}

/* What its own code does: "makes a system call at +0x12". */
static void own_words(const Entry *x, char *text, size_t n)
{
    bool nowhere = x->why == no_code || x->why == outside || x->why == too_deep;
    if (x->symbol)
        words(text, n, "calls %s at +0x%x, %s", x->symbol, x->why_at, x->why);
    else if (nowhere || x->why == too_long)
        words(text, n, "%s", x->why);
    else
        words(text, n, "%s at +0x%x%s", x->why, x->why_at,
              x->why == walk_back ? ", as a loop does" : "");
}

static void explain(const Prover *p, uint32_t e, jf_Proof *proof)
{
    const Entry *x = &p->entries[e], *bad = &p->entries[x->culprit];
    char what[140], via[72], culprit[72];
    own_words(bad, what, sizeof what);
    proof->at = (const void *)(uintptr_t)(bad->address + bad->why_at);
    if (x->via == PROOF_NONE) {
        words(proof->reason, sizeof proof->reason, "it %s", what);
        return;
    }
    if (x->symbol)
        words(via, sizeof via, "%.50s", x->symbol);
    else
        name_of(p, &p->entries[x->via], via, sizeof via);
    if (x->via == x->culprit) {
        words(proof->reason, sizeof proof->reason, "it calls %s at +0x%x, which %s",
              via, x->why_at, what);
        return;
    }
    name_of(p, bad, culprit, sizeof culprit);
    words(proof->reason, sizeof proof->reason,
          "it calls %s at +0x%x, which leads to %s, which %s", via, x->why_at,
          culprit, what);
}

static void praise(const Entry *x, jf_Proof *proof)
{
    words(
        proof->reason, sizeof proof->reason,
        "it comes back after at most %u instruction%s%s, without a loop or a wait",
        x->longest, x->longest == 1 ? "" : "s",
        x->functions > 1 ? " with callees" : "");
}

static void question(Prover *p, uint64_t address, jf_Proof *proof)
{
    p->question++;
    p->budget = PROOF_BUDGET;
    uint32_t e = ask(p, address, frame_entry(), 0);
    if (e == PROOF_NONE) {
        words(proof->reason, sizeof proof->reason,
              "it could not be read: out of memory");
        return;
    }
    const Entry *x = &p->entries[e];
    proof->proved = x->state == STATE_PROVED;
    proof->uses_tls = x->tls;
    proof->instructions = x->read;
    proof->functions = x->functions;
    if (proof->proved)
        praise(x, proof);
    else
        explain(p, e, proof);
}

/* --- the doors ------------------------------------------------------------------------------- */

static Prover shared;
static jf_OsLock lock;
static jf_OsOnce once = JF_OS_ONCE;

static void take(void)
{
    jf_os_lock(&lock);
}

static void give(void)
{
    jf_os_unlock(&lock);
}

/* A child of fork has one thread: whoever held the lock is not there. */
static void start(void)
{
    jf_os_lock_init(&lock);
    jf_os_at_fork(take, give, give);
}

const ProofCpu *proof_host(void)
{
    switch (JF_PROOF_HOST) {
    case 1:
        return &proof_x64;
    case 2:
        return &proof_a64;
    default:
        return NULL;
    }
}

const char *jf_proof_why_not(void)
{
    const ProofCpu *cpu = proof_host();
    return cpu ? cpu->missing : "Machine code of this processor cannot be read.";
}

typedef struct Question {
    const void *address;
    jf_Proof *proof;
} Question;

static void ask_shared(void *ctx, bool closed)
{
    Question *q = ctx;
    if (closed || shared.n_entries > PROOF_MEMORY)
        forget(&shared);
    shared.cpu = proof_host();
    question(&shared, (uint64_t)(uintptr_t)q->address, q->proof);
}

void jf_prove(const void *address, jf_Proof *proof)
{
    Question q = {address, proof};
    memset(proof, 0, sizeof *proof);
    proof->at = address;
    if (jf_proof_why_not()) {
        words(proof->reason, sizeof proof->reason, "its code cannot be read here");
        return;
    }
    jf_os_once(&once, start);
    take();
    if (!elf_hold(ask_shared, &q))
        words(proof->reason, sizeof proof->reason,
              "it could not be read: out of memory");
    give();
}

void jf_prove_bytes(jf_ProofCpu cpu, const void *code, size_t n, jf_Proof *proof)
{
    Prover p;
    memset(&p, 0, sizeof p);
    memset(proof, 0, sizeof *proof);
    proof->at = code;
    p.cpu = cpu == JF_PROOF_X64 ? &proof_x64 : &proof_a64;
    p.bytes = code;
    p.n_bytes = n;
    question(&p, (uint64_t)(uintptr_t)code, proof);
    forget(&p);
}

void jf_proof_forget(void)
{
    jf_os_once(&once, start);
    take();
    forget(&shared);
    elf_forget();
    give();
}
