/* SPDX-License-Identifier: MIT
 *
 * One function, read from its start: every address that control can reach, lowest
 * first. As no jump may go back, an address is complete when its turn comes: all that
 * leads there was read before. What leaves the function is a call, for prove.c.
 */
#include "proof/inner.h"

#include <stdio.h>
#include <string.h>

bool proof_follow_back = true;

const char walk_back[] = "jumps back";
const char walk_no_memory[] = "could not be read: out of memory";
const char walk_no_budget[] = "leads to more code than is read for an answer";

enum { PENDING = 256 };

/* An address that is reached, and with which stack. */
typedef struct Pending {
    uint32_t at;
    uint32_t length; /* instructions on the longest way there */
    Frame frame;
} Pending;

typedef struct Walker {
    Walk *w;
    const Place *p;
    uint32_t end; /* no jump stays inside from here on; bytes */
    uint32_t n_pending;
    Pending pending[PENDING]; /* highest first */
} Walker;

static void say_no(Walk *w, uint32_t at, const char *why)
{
    if (w->why)
        return;
    w->why = why;
    w->why_at = at;
}

/* Grow to hold one more; false when memory is out. */
static bool grow(void **items, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room)
        return true;
    uint32_t more = *room ? *room * 2 : 64;
    void *p = jf_realloc(*items, more * size);
    if (!p)
        return false;
    *items = p;
    *room = more;
    return true;
}

/* --- what is reached ---------------------------------------------------------------- */

/* Two ways meet: what is known is what both know. */
static void meet(Pending *a, const Pending *b)
{
    uint32_t lost = 0;
    if (a->frame.depth != b->frame.depth)
        lost |= K_DEPTH;
    if (a->frame.base != b->frame.base)
        lost |= K_BASE;
    if (a->frame.link != b->frame.link)
        lost |= K_LINK;
    a->frame.known &= b->frame.known;
    frame_lose(&a->frame, lost);
    if (a->length < b->length)
        a->length = b->length;
}

static void reach(Walker *k, uint32_t from, uint32_t at, const Frame *frame,
                  uint32_t length)
{
    Pending new = {at, length, *frame};
    uint32_t i = k->n_pending;
    while (i && k->pending[i - 1].at < at)
        i--;
    if (i && k->pending[i - 1].at == at) {
        meet(&k->pending[i - 1], &new);
        return;
    }
    if (k->n_pending == PENDING) {
        say_no(k->w, from, "has too many ways open");
        return;
    }
    memmove(&k->pending[i + 1], &k->pending[i],
            (k->n_pending - i) * sizeof k->pending[0]);
    k->pending[i] = new;
    k->n_pending++;
}

/* --- what leaves the function ---------------------------------------------------------- */

static uint32_t add_call(Walker *k, const Call *call)
{
    Walk *w = k->w;
    if (!grow((void **)&w->calls, w->n_calls, &w->room_calls, sizeof *w->calls)) {
        say_no(w, call->at, walk_no_memory);
        return PROOF_NONE;
    }
    w->calls[w->n_calls] = *call;
    return w->n_calls++;
}

/* Follow the pointer; a reason when it cannot be. */
static bool follow_slot(Walker *k, uint32_t at, Step *s, const char **symbol)
{
    bool call = s->flow == FLOW_CALL_SLOT;
    const char *why = call ? "calls through a pointer" : "jumps through a pointer";
    if (k->p->loaded) {
        const char *other = elf_slot(k->p->cpu, s->target, &s->target, symbol);
        why = other == NULL ? NULL : other[0] ? other : why;
    }
    if (why) {
        k->w->symbol = *symbol;
        say_no(k->w, at, why);
        return false;
    }
    s->flow = call ? FLOW_CALL : FLOW_JUMP;
    return true;
}

/* Where a stub of the linkage table leads; any other address is itself. What the
 * slot's trouble is, is said when the stub is read as a function. */
static uint64_t behind_stub(Walker *k, uint64_t address, const char **symbol)
{
    Span span;
    if (*symbol || !k->p->loaded || !elf_code(address, &span))
        return address;
    size_t off = 0;
    for (int n = 0; n < 2 && off < span.n; n++) {
        Step s = {.frame = frame_entry()};
        k->p->cpu->step(span.code + off, span.n - off, address + off, &s);
        if (s.flow == FLOW_JUMP_SLOT &&
            !elf_slot(k->p->cpu, s.target, &s.target, symbol))
            return s.target;
        /* endbr64, bti: what stands here may be left out if it does nothing. */
        Frame entry = frame_entry();
        if (s.flow != FLOW_NEXT || s.tls || !frame_same(&s.frame, &entry))
            break;
        off += s.size;
    }
    return address;
}

/* The target of a jump: inside, as an offset, or a call that does not come back. */
static void go(Walker *k, Insn *insn, uint32_t length, const Step *s, bool slot,
               const char *symbol)
{
    uint64_t off = s->target - k->p->address;
    if (!slot && off <= insn->at && proof_follow_back) {
        Call c = {.at = insn->at, .frame = s->frame, .tail = true, .part = true};
        c.target = s->target;
        insn->call = add_call(k, &c);
    } else if (!slot && off <= insn->at) {
        say_no(k->w, insn->at, walk_back);
    } else if (!slot && off < k->end) {
        insn->jump = (uint32_t)off;
        reach(k, insn->at, insn->jump, &s->frame, length);
    } else {
        Call c = {
            .at = insn->at, .frame = s->frame, .tail = true, .symbol = symbol};
        c.target = behind_stub(k, s->target, &c.symbol);
        if (!k->p->loaded || !elf_ends_process(c.target))
            insn->call = add_call(k, &c);
    }
}

/* --- the way ----------------------------------------------------------------------------- */

static void go_on(Walker *k, Insn *insn, uint32_t length, const Step *s)
{
    uint32_t next = insn->at + s->size;
    if (next < k->end) {
        insn->next = next;
        reach(k, insn->at, next, &s->frame, length);
    } else if (insn->call != PROOF_NONE && !k->w->calls[insn->call].tail) {
        k->w->calls[insn->call].last = true; /* perhaps it never returns */
    } else {
        bool symbol = k->p->span.symbol && k->end == k->p->span.symbol;
        say_no(k->w, insn->at,
               symbol                 ? "runs past its end"
               : next >= k->p->span.n ? "runs past the end of its code"
                                      : "is too long to be read");
    }
}

static void one_step(Walker *k, const Pending *here)
{
    Walk *w = k->w;
    if (!grow((void **)&w->insns, w->n_insns, &w->room_insns, sizeof *w->insns)) {
        say_no(w, here->at, walk_no_memory);
        return;
    }
    Insn *insn = &w->insns[w->n_insns++];
    *insn = (Insn){here->at, PROOF_NONE, PROOF_NONE, PROOF_NONE};
    Step s = {.frame = here->frame};
    k->p->cpu->step(k->p->span.code + here->at, k->p->span.n - here->at,
                    k->p->address + here->at, &s);
    w->tls |= s.tls;
    uint32_t length = here->length + 1;
    if (length > PROOF_LONGEST)
        say_no(w, here->at,
               "is too long: more instructions on one way than the limit");
    const char *symbol = NULL;
    bool slot = s.flow == FLOW_CALL_SLOT || s.flow == FLOW_JUMP_SLOT;
    if (slot && !follow_slot(k, here->at, &s, &symbol))
        return;
    if (s.flow == FLOW_NO) {
        say_no(w, here->at, s.why);
    } else if (s.flow == FLOW_RETURN) {
        w->returns = true;
    } else if (s.flow == FLOW_JUMP || s.flow == FLOW_BRANCH) {
        go(k, insn, length, &s, slot, symbol);
    } else if (s.flow == FLOW_CALL) {
        Call c = {.at = insn->at, .frame = frame_entry(), .symbol = symbol};
        c.target = behind_stub(k, s.target, &c.symbol);
        if (k->p->loaded && elf_ends_process(c.target))
            return;
        insn->call = add_call(k, &c);
    }
    bool goes_on =
        s.flow == FLOW_NEXT || s.flow == FLOW_BRANCH || s.flow == FLOW_CALL;
    if (goes_on && !w->why)
        go_on(k, insn, length, &s);
}

void walk_read(Walk *w, const Place *p, Frame frame)
{
    memset(w, 0, sizeof *w);
    Walker *k = jf_alloc(sizeof *k);
    if (!k) {
        say_no(w, 0, walk_no_memory);
        return;
    }
    k->w = w;
    k->p = p;
    k->n_pending = 0;
    size_t end = p->span.symbol ? p->span.symbol : p->span.n;
    k->end = (uint32_t)(end < PROOF_SPAN ? end : PROOF_SPAN);
    reach(k, 0, 0, &frame, 0);
    while (k->n_pending && !w->why) {
        Pending here = k->pending[--k->n_pending];
        if (w->n_insns >= p->budget)
            say_no(w, here.at, walk_no_budget);
        else
            one_step(k, &here);
    }
    jf_free(k);
}

void walk_free(Walk *w)
{
    jf_free(w->insns);
    jf_free(w->calls);
    memset(w, 0, sizeof *w);
}
