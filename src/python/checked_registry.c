/* SPDX-License-Identifier: MIT
 *
 * Which block an address lies in: a treap by address (Seidel and Aragon, 1996: a
 * search tree by key that is a heap by random priorities, so that it is as deep as a
 * random one). And which blocks hold pointers into which others: links, found by the
 * cell that the pointer lies in, and from both blocks.
 */
#include "python/checked.h"

#include <string.h>

/* --- the tree --------------------------------------------------------------------- */

/* Blocks of others may begin where another does: the order is by number then. */
static bool before(const Allocation *a, const Allocation *b)
{
    if (a->base != b->base)
        return (uintptr_t)a->base < (uintptr_t)b->base;
    return a->number < b->number;
}

static void split(Allocation *t, const Allocation *at, Allocation **l,
                  Allocation **r)
{
    if (!t) {
        *l = *r = NULL;
    } else if (before(t, at)) {
        split(t->right, at, &t->right, r);
        *l = t;
    } else {
        split(t->left, at, l, &t->left);
        *r = t;
    }
}

static Allocation *merge(Allocation *l, Allocation *r)
{
    if (!l || !r)
        return l ? l : r;
    if (l->priority > r->priority) {
        l->right = merge(l->right, r);
        return l;
    }
    r->left = merge(l, r->left);
    return r;
}

void jpy_registry_add(Allocation *a)
{
    Checked *ck = a->st->checked;
    ck->random ^= ck->random << 13; /* xorshift64 (Marsaglia, 2003) */
    ck->random ^= ck->random >> 7;
    ck->random ^= ck->random << 17;
    a->priority = (uint32_t)(ck->random >> 32);
    a->left = a->right = NULL;
    a->known = 1;
    Allocation **at = &ck->root;
    while (*at && (*at)->priority >= a->priority)
        at = before(a, *at) ? &(*at)->left : &(*at)->right;
    split(*at, a, &a->left, &a->right);
    *at = a;
}

void jpy_registry_remove(Allocation *a)
{
    if (!a->known)
        return;
    Allocation **at = &a->st->checked->root;
    while (*at && *at != a)
        at = before(a, *at) ? &(*at)->left : &(*at)->right;
    JF_ASSERT(*at == a);
    if (*at)
        *at = merge(a->left, a->right);
    a->left = a->right = NULL;
    a->known = 0;
}

/* The last that begins at `address` or before it, and comes before `limit`. */
static Allocation *last_before(const Checked *ck, const char *address,
                               const Allocation *limit)
{
    Allocation *found = NULL;
    for (Allocation *t = ck->root; t;) {
        if ((uintptr_t)t->base <= (uintptr_t)address &&
            (!limit || before(t, limit))) {
            found = t;
            t = t->right;
        } else {
            t = t->left;
        }
    }
    return found;
}

/* Blocks of others can lie in one of ours: a few that begin further ahead are asked,
 * too. An address right behind a block is its own only if no other has it. */
Allocation *jpy_registry_find(Checked *ck, const char *address)
{
    enum { DEPTH = 4 };
    Allocation *a = NULL, *behind = NULL;
    for (int i = 0; i < DEPTH; i++) {
        a = last_before(ck, address, a);
        if (!a)
            break;
        uintptr_t at = (uintptr_t)address - (uintptr_t)a->base;
        if (at < (uintptr_t)a->room)
            return a;
        if (at == (uintptr_t)a->room && a->kind == AK_NEW && !behind)
            behind = a;
    }
    return behind;
}

/* --- links ------------------------------------------------------------------------ */

static size_t bucket_of(const Checked *ck, const char *cell)
{
    uint64_t x = (uint64_t)(uintptr_t)cell >> 3;
    return (size_t)(x * 0x9E3779B97F4A7C15u >> 20) & ck->link_mask;
}

static Link **find(Checked *ck, const char *cell)
{
    if (!ck->links)
        return NULL;
    Link **at = &ck->links[bucket_of(ck, cell)];
    while (*at && (*at)->cell != cell)
        at = &(*at)->next;
    return *at ? at : NULL;
}

/* Twice as many buckets. False: memory. */
static bool grow(Checked *ck)
{
    size_t n = ck->links ? 2 * (ck->link_mask + 1) : 64;
    size_t old = ck->links ? ck->link_mask + 1 : 0;
    Link **cells = PyMem_Calloc(n, sizeof *cells), **before_ = ck->links;
    if (!cells)
        return false;
    ck->links = cells;
    ck->link_mask = n - 1;
    for (size_t i = 0; i < old; i++) {
        while (before_[i]) {
            Link *l = before_[i], **at = &cells[bucket_of(ck, l->cell)];
            before_[i] = l->next;
            l->next = *at;
            *at = l;
        }
    }
    PyMem_Free(before_);
    return true;
}

void jpy_link_free(Checked *ck, Link *l)
{
    Link **at = find(ck, l->cell);
    JF_ASSERT(at && *at == l);
    *at = l->next;
    ck->n_links--;
    *(l->prev_in ? &l->prev_in->next_in : &l->to->in) = l->next_in;
    if (l->next_in)
        l->next_in->prev_in = l->prev_in;
    *(l->prev_out ? &l->prev_out->next_out : &l->from->out) = l->next_out;
    if (l->next_out)
        l->next_out->prev_out = l->prev_out;
    jpy_site_clear(&l->site);
    Allocation *to = l->to;
    PyMem_Free(l);
    Py_DECREF((PyObject *)to); /* last: it may be its end */
}

static void link_add(Allocation *from, Allocation *to, char *cell, char *value)
{
    Checked *ck = from->st->checked;
    if ((!ck->links || ck->n_links > ck->link_mask) && !grow(ck) && !ck->links)
        return;
    Link *l = PyMem_Calloc(1, sizeof *l);
    if (!l)
        return;
    l->from = from;
    l->to = (Allocation *)Py_NewRef((PyObject *)to);
    l->cell = cell;
    l->value = value;
    jpy_site_here(&l->site);
    Link **at = &ck->links[bucket_of(ck, cell)];
    l->next = *at;
    *at = l;
    ck->n_links++;
    l->next_in = to->in;
    if (to->in)
        to->in->prev_in = l;
    to->in = l;
    l->next_out = from->out;
    if (from->out)
        from->out->prev_out = l;
    from->out = l;
}

static void note(Allocation *holder, char *cell)
{
    Checked *ck = holder->st->checked;
    char *value;
    memcpy(&value, cell, sizeof value);
    Link **known = find(ck, cell);
    if (known && (*known)->value == value)
        return;
    if (known)
        jpy_link_free(ck, *known);
    Allocation *to = value ? jpy_registry_find(ck, value) : NULL;
    if (to && to != holder && to->state == AS_ALIVE)
        link_add(holder, to, cell, value);
}

void jpy_links_note(Allocation *holder, char *from, Py_ssize_t bytes)
{
    if (!holder->pointers || holder->state != AS_ALIVE)
        return;
    /* Every place of a pointer that the bytes touch, within the block. */
    const Py_ssize_t step = (Py_ssize_t)sizeof(void *);
    Py_ssize_t first = (from - holder->base) / step * step;
    for (Py_ssize_t i = first; i < from - holder->base + bytes; i += step)
        if (i + step <= holder->room)
            note(holder, holder->base + i);
}

Allocation *jpy_link_target(Checked *ck, const char *cell, const char *value)
{
    Link **at = cell ? find(ck, cell) : NULL;
    return at && (*at)->value == value ? (*at)->to : NULL;
}

void jpy_links_drop(Allocation *holder)
{
    while (holder->out)
        jpy_link_free(holder->st->checked, holder->out);
}

/* Does the cell still have that pointer, in a block that is alive? */
static bool points(const Link *l)
{
    char *now;
    if (l->from->state != AS_ALIVE)
        return false;
    memcpy(&now, l->cell, sizeof now);
    return now == l->value;
}

/* "'struct node *->next' points to (stored at ...; ...)": new str. */
static PyObject *link_text(const Link *l)
{
    Allocation *from = (Allocation *)Py_NewRef((PyObject *)l->from);
    PyObject *place = jpy_place_name(from, l->cell - from->base);
    PyObject *stored = place ? jpy_site_text(&l->site) : NULL;
    PyObject *story = stored ? jpy_story(from) : NULL;
    PyObject *text = story ? PyUnicode_FromFormat("'%U' points to (stored at %U%U)",
                                                  place, stored, story)
                           : NULL;
    Py_XDECREF(place);
    Py_XDECREF(stored);
    Py_XDECREF(story);
    Py_DECREF((PyObject *)from);
    return text;
}

/* What dies on the line on which it was stored was a temporary. Else it may be the end
 * of a function, where both go: it is a mistake only if the pointer is used after that,
 * see jpy_links_check(). */
void jpy_links_warn(Allocation *target)
{
    Checked *ck = target->st->checked;
    for (Link *l = target->in; l; l = l->next_in) {
        if (!points(l) || l->from == target ||
            !jpy_same_line(&l->site, &target->ended))
            continue;
        char *cell = l->cell;
        PyObject *text = link_text(l);
        if (text)
            jpy_checked_tell(target, "memory is freed that %U", text);
        else
            PyErr_Clear();
        Py_XDECREF(text);
        Link **again = find(ck, cell); /* a warning may run anything */
        if (!again || *again != l)
            return;
    }
}

int jpy_links_check(Allocation *holder, const char *what)
{
    for (Link *l = holder->out; l; l = l->next_out) {
        if (l->to->state == AS_ALIVE || !points(l))
            continue;
        Allocation *to = (Allocation *)Py_NewRef((PyObject *)l->to);
        PyObject *text = link_text(l);
        int bad =
            text ? jpy_checked_warn(to, "%s is given memory that is freed, as %U",
                                    what, text)
                 : -1;
        Py_XDECREF(text);
        Py_DECREF((PyObject *)to);
        return bad; /* the list may be another now */
    }
    return 0;
}
