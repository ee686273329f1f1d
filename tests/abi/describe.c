/* SPDX-License-Identifier: MIT
 * The reader of the generators' notation: see describe.h. */
#include "describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const char *p;
    char word[64];
    Described *out;
} Reader;

static void die(const Reader *r, const char *what)
{
    fprintf(stderr, "describe: %s near '%s' before '%.40s'\n", what, r->word, r->p);
    exit(2);
}

static bool next(Reader *r)
{
    size_t n = 0;
    r->p += strspn(r->p, " \n");
    n = strcspn(r->p, " \n");
    if (!n)
        return false;
    if (n >= sizeof r->word)
        die(r, "word too long");
    memcpy(r->word, r->p, n);
    r->word[n] = 0;
    r->p += n;
    return true;
}

static long number(Reader *r)
{
    if (!next(r))
        die(r, "number expected");
    return strtol(r->word, NULL, 10);
}

static jf_Type *prim(Reader *r, const char *id)
{
    static const char *const ids[] = {
#define X(id, name, kind, sign, cls) #id,
        JF_PRIMS(X)
#undef X
    };
    for (unsigned i = 0; i < JF_P_COUNT; i++)
        if (!strcmp(ids[i], id)) {
            jf_Type *t = jf_type_prim(r->out->u, (jf_Prim)i);
            if (!t)
                die(r, "target has no such type");
            return t;
        }
    die(r, "unknown primitive");
    return NULL;
}

/* A new reference, as jf_type_array & co give; drops the one on `of`. */
static jf_Type *type(Reader *r);

static jf_Type *array(Reader *r, uint64_t n, bool vector)
{
    jf_Universe *u = r->out->u;
    jf_Type *of = type(r);
    jf_Type *t = vector ? jf_type_vector(u, of, n) : jf_type_array(u, of, n, 0);
    jf_type_unref(u, of);
    return t;
}

static jf_Type *type(Reader *r)
{
    jf_Universe *u = r->out->u;
    if (!next(r))
        die(r, "type expected");
    const char *w = r->word + 2;
    uint64_t n = strtoull(w, NULL, 10);
    switch (r->word[0]) {
    case 'i':
        return prim(r, w);
    case 'p':
        return jf_type_pointer(u, jf_type_prim(u, JF_P_VOID), 0);
    case 's':
        return jf_type_ref(r->out->records[n]);
    case 'e': {
        jf_Type *e = jf_type_enum(r->out->g, NULL, 0);
        e->to = prim(r, w);
        e->u.en->flags |= JF_R_COMPLETE;
        return jf_type_ref(e);
    }
    case 'a':
        return array(r, n, false);
    case 'f':
        return array(r, JF_UNKNOWN, false);
    case 'v':
        return array(r, n, true);
    default:
        die(r, "unknown type");
        return NULL;
    }
}

static void record(Reader *r, jf_Kind kind)
{
    Described *o = r->out;
    uint32_t k = (uint32_t)number(r);
    unsigned flags = (unsigned)number(r);
    long pack = number(r), align = number(r), n = number(r);
    if (k >= o->n_records) {
        o->records = realloc(o->records, (k + 1) * sizeof *o->records);
        while (o->n_records <= k)
            o->records[o->n_records++] = NULL;
    }
    char tag[24];
    snprintf(tag, sizeof tag, "s%u", k);
    jf_Type *t = o->records[k] = jf_type_record(o->g, kind, tag, strlen(tag));
    jf_Field *f = calloc((size_t)n + 1, sizeof *f);
    for (long i = 0; i < n; i++) {
        if (!next(r))
            die(r, "field expected");
        if (strcmp(r->word, "-"))
            f[i].name = jf_arena_strndup(&o->g->arena, r->word, strlen(r->word));
        f[i].bits = (int16_t)number(r);
        f[i].packed = (uint8_t)number(r);
        f[i].align = (uint32_t)number(r);
        f[i].type = type(r);
    }
    t->u.rec->pack = (uint16_t)pack;
    t->u.rec->want_align = (uint32_t)align;
    if (!jf_type_complete(o->g, t, f, (uint32_t)n, flags))
        die(r, "memory");
    for (long i = 0; i < n; i++)
        jf_type_unref(o->u, f[i].type);
    free(f);
}

static void func(Reader *r)
{
    Described *o = r->out;
    jf_Type *params[MAX_ARGS];
    if (o->n_funcs % 256 == 0)
        o->funcs = realloc(o->funcs, (o->n_funcs + 256) * sizeof *o->funcs);
    Func *f = &o->funcs[o->n_funcs++];
    f->number = (unsigned)number(r);
    bool variadic = number(r);
    uint32_t n = (uint32_t)number(r);
    f->n_extra = (uint32_t)number(r);
    if (n > MAX_ARGS || f->n_extra > MAX_ARGS)
        die(r, "too many arguments");
    jf_Type *result = type(r);
    for (uint32_t i = 0; i < n; i++)
        params[i] = type(r);
    for (uint32_t i = 0; i < f->n_extra; i++)
        f->extra[i] = type(r);
    f->type = jf_type_func(o->u, result, params, n, variadic ? JF_T_VARIADIC : 0);
    jf_type_unref(o->u, result);
    for (uint32_t i = 0; i < n; i++)
        jf_type_unref(o->u, params[i]);
}

void describe_read(jf_Universe *u, const char *text, Described *out)
{
    memset(out, 0, sizeof *out);
    out->u = u;
    out->g = jf_group_new(out->u);
    Reader r = {.p = text, .out = out};
    while (next(&r)) {
        if (!strcmp(r.word, "struct"))
            record(&r, JF_STRUCT);
        else if (!strcmp(r.word, "union"))
            record(&r, JF_UNION);
        else if (!strcmp(r.word, "func"))
            func(&r);
        else
            die(&r, "struct, union or func expected");
    }
}

void describe_free(Described *o)
{
    for (uint32_t k = 0; k < o->n_funcs; k++) {
        for (uint32_t i = 0; i < o->funcs[k].n_extra; i++)
            jf_type_unref(o->u, o->funcs[k].extra[i]);
        jf_type_unref(o->u, o->funcs[k].type);
    }
    jf_group_unref(o->g);
    jf_universe_free(o->u);
    free(o->funcs);
    free(o->records);
}
