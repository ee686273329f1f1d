/* SPDX-License-Identifier: MIT
 *
 * The outer level: one text into one scope, all or nothing. Declarations are
 * C11 6.7 and 6.9; `extern "C"` is C++'s, `extern "Python"` is cffi's.
 */
#include <string.h>

#include "core/parse/parser.h"

/* --- typedefs ------------------------------------------------------------- */

/* A tag-less struct is called by its first typedef. */
static void give_alias(Parser *p, Specs *s, const Decl *d)
{
    jf_Type *t = s->fresh;
    bool record = jf_is_record(t);
    const char **alias = record ? &t->u.rec->alias : &t->u.en->alias;
    uint32_t *serial = record ? &t->u.rec->serial : &t->u.en->serial;
    if (*alias)
        return;
    *alias = d->name->text;
    if (*serial == p->scope->serial) {
        p->scope->serial--;
        *serial = 0;
    }
    if (record && d->attrs.align > t->u.rec->want_align)
        t->u.rec->want_align = d->attrs.align;
    jf_Type *to = record ? NULL : jf_parse_given_enum(p, t, d->at);
    if (to)
        jf_type_enum_integer(t, to);
}

/* A record without a name of its own is known by what is made of it: by a variable,
 * or by a typedef of pointers to it. */
static void give_way(Parser *p, Specs *s, const Decl *d)
{
    jf_Type *rec = s->fresh;
    bool is_typedef = s->storage & JF_ST_TYPEDEF;
    size_t stars = 0, n = d->name->n;
    const jf_Type *t = d->type;
    if (!rec || !jf_is_record(rec) || rec->u.rec->via || rec->u.rec->outer)
        return;
    for (; is_typedef && t->kind == JF_PTR; t = t->to)
        stars++;
    if (t != rec || (is_typedef && !stars))
        return;
    char *via = jf_arena_alloc(&p->group->arena, stars + n + 1);
    if (!via)
        jf_parse_nomem(p);
    memset(via, '*', stars);
    memcpy(via + stars, d->name->text, n + 1);
    rec->u.rec->via = via;
}

/* typedef int... t; typedef float... t: known from the oracle, or a type of its own
 * that nothing is known of. */
static void open_number(Parser *p, Specs *s, Decl *d, jf_Symbol *sym)
{
    bool real = s->dots == DOTS_FLOAT;
    sym->flags = 0;
    sym->type = jf_parse_given_type(p, d->name->text, real, d->at);
    if (sym->type)
        return;
    sym->type = jf_type_record(p->group, JF_STRUCT, NULL, 0);
    if (!sym->type)
        jf_parse_nomem(p);
    p->made_types = true;
    sym->type->u.rec->flags =
        JF_R_OPAQUE_DOTS | (real ? JF_R_DOTS_FLOAT : JF_R_DOTS_INT);
    sym->type->u.rec->alias = d->name->text;
    sym->flags = real ? JF_S_DOTS_FLOAT : JF_S_DOTS_INT;
}

/* `[...]`: the type with its lengths, if they are known. JF_S_DOTS if not. */
static unsigned known_array(Parser *p, Decl *d, jf_Symbol *sym)
{
    d->type =
        jf_parse_given_lengths(p, d->name->text, d->type, d->open_first, d->at);
    sym->type = d->type;
    for (const jf_Type *t = d->type; t->kind == JF_ARRAY; t = t->to)
        if (t->length == JF_UNKNOWN)
            return d->open_first ? JF_S_DOTS | JF_S_OPEN_FIRST : JF_S_DOTS;
    return d->type->kind == JF_ARRAY ? 0 : JF_S_DOTS;
}

static void declare_typedef(Parser *p, Specs *s, Decl *d, uint32_t line)
{
    jf_Symbol sym = {.kind = JF_SYM_TYPEDEF, .quals = (uint8_t)d->quals};
    uint32_t align =
        d->attrs.align > s->attrs.align ? d->attrs.align : s->attrs.align;
    sym.type = d->type;
    if (s->dots)
        sym.flags = d->plain ? JF_S_DOTS_TYPE : JF_S_DOTS_POINTER;
    if (s->dots && !d->plain &&
        !(s->dots == DOTS_TYPE && d->type->kind == JF_PTR &&
          d->type->to == s->type))
        jf_parse_fail(p, d->at, JF_SYNTAX,
                      "unsupported usage of '...' in a typedef: known are "
                      "'typedef ... %s;' and 'typedef ... *%s;'",
                      d->name->text, d->name->text);
    if (s->dots == DOTS_INT || s->dots == DOTS_FLOAT)
        open_number(p, s, d, &sym);
    if (is_dots_array(d))
        sym.flags |= known_array(p, d, &sym);
    if (s->fresh && d->plain) {
        give_alias(p, s, d);
        align = 0;
    } else {
        give_way(p, s, d);
    }
    Sym *made = jf_scope_declare(p, d->name, &sym, d->at, line);
    if (made->s.type == d->type)
        made->align = align ? align : d->plain ? s->align : 0;
}

/* --- functions and variables ---------------------------------------------- */

static const char *const *keep_params(Parser *p, const Decl *d)
{
    if (!d->params || !d->n_params)
        return NULL;
    const char **names =
        jf_arena_alloc(&p->scope->arena, d->n_params * sizeof *names);
    if (!names)
        jf_parse_nomem(p);
    memcpy(names, d->params, d->n_params * sizeof *names);
    return names;
}

/* Those of `list` that name an array and an integer, in front of `rest`. */
static const jf_Access *keep_access(Parser *p, const jf_Access *list,
                                    const jf_Type *fn, const jf_Access *rest)
{
    const jf_FuncInfo *f = fn->u.func;
    for (; list; list = list->next) {
        if (!list->array || !list->length || list->array > f->n_params ||
            list->length > f->n_params ||
            f->params[list->array - 1]->kind != JF_PTR ||
            !jf_is_integral(f->params[list->length - 1]))
            continue; /* as GCC: a warning there, nothing here */
        jf_Access *made = jf_arena_alloc(&p->scope->arena, sizeof *made);
        if (!made)
            jf_parse_nomem(p);
        *made = (jf_Access){rest, (uint16_t)(list->array - 1),
                            (uint16_t)(list->length - 1)};
        rest = made;
    }
    return rest;
}

static unsigned storage_flags(const Parser *p, const Specs *s)
{
    return (s->storage & (JF_ST_STATIC) ? JF_S_STATIC : 0u) |
           (s->storage & JF_ST_EXTERN ? JF_S_EXTERN : 0u) | p->python;
}

static void declare_function(Parser *p, Specs *s, Decl *d, const char *link,
                             uint32_t line)
{
    jf_Symbol sym = {.kind = JF_SYM_FUNCTION, .type = d->type, .link = link};
    sym.flags = (uint16_t)storage_flags(p, s);
    sym.gil = d->attrs.gil ? d->attrs.gil : s->attrs.gil ? s->attrs.gil : p->gil;
    sym.gil_own = d->attrs.gil || s->attrs.gil;
    unsigned throws = d->attrs.throws ? d->attrs.throws : s->attrs.throws;
    sym.no_throw = throws == JF_THROWS_NO;
    if (throws == JF_THROWS_YES || (p->may_throw && !sym.no_throw))
        sym.flags |= JF_S_MAY_THROW;
    sym.params = keep_params(p, d);
    sym.access = keep_access(p, s->attrs.access, d->type, NULL);
    sym.access = keep_access(p, d->attrs.access, d->type, sym.access);
    jf_scope_declare(p, d->name, &sym, d->at, line);
}

/* Up to the comma or semicolon behind an initialiser that means nothing here. */
static void skip_initializer(Parser *p)
{
    while (!at_tok(p, JF_TK_COMMA) && !at_tok(p, JF_TK_SEMI)) {
        switch (p->tok.kind) {
        case JF_TK_LPAREN:
        case JF_TK_LBRACE:
        case JF_TK_LBRACKET:
        case JF_TK_LATTR:
            jf_parse_skip_balanced(p);
            break;
        case JF_TK_EOF:
        case JF_TK_EOL:
        case JF_TK_RPAREN:
        case JF_TK_RBRACE:
        case JF_TK_RBRACKET:
            jf_parse_expected(p, "';' after the initialiser");
        default:
            jf_parse_next(p);
        }
    }
}

/* `= value`: an integer with a value is a constant, as in cffi; so is a float
 * that is static and const. Everything else stays a variable of the library. */
static void initializer(Parser *p, const Specs *s, Decl *d, jf_Symbol *sym)
{
    bool fixed = (s->storage & (JF_ST_STATIC | JF_ST_CONSTEXPR)) &&
                 (d->quals & JF_Q_CONST || s->storage & JF_ST_CONSTEXPR);
    const char *at = p->tok.at;
    if (accept_tok(p, JF_TK_DOTS)) {
        sym->flags |= JF_S_DOTS;
        if (jf_is_integral(d->type))
            sym->kind = JF_SYM_CONSTANT;
    } else if (jf_is_integral(d->type) && d->type->size <= 8) {
        Value v = jf_parse_cast(p, d->type, jf_parse_constant(p), at);
        sym->kind = JF_SYM_CONSTANT;
        sym->value = v.v;
        if (!(d->type->flags & JF_T_SIGNED))
            sym->flags |= JF_S_UNSIGNED;
    } else if (d->type->kind == JF_FLOAT && fixed) {
        Value v = jf_parse_cast(p, d->type, jf_parse_constant(p), at);
        sym->kind = JF_SYM_FLOAT;
        sym->number = v.real;
    } else {
        skip_initializer(p);
    }
}

static void declare_variable(Parser *p, Specs *s, Decl *d, const char *link,
                             uint32_t line)
{
    jf_Symbol sym = {.kind = JF_SYM_VARIABLE, .type = d->type, .link = link};
    sym.flags = (uint16_t)storage_flags(p, s);
    sym.quals = (uint8_t)d->quals;
    for (const jf_Type *t = d->type; t->kind == JF_ARRAY; t = t->to)
        sym.quals |= t->quals;
    if (d->type->kind == JF_VOID)
        jf_parse_fail(p, d->at, JF_SEMANTIC, "variable '%s' has type void",
                      d->name->text);
    /* What embedding_api() declares is in "Python+C", variables of the source too. */
    if (p->python == JF_S_EXTERN_PYTHON)
        jf_parse_fail(p, d->at, JF_SEMANTIC,
                      "cannot declare constants or variables with 'extern "
                      "\"Python\"'");
    if (is_dots_array(d))
        sym.flags |= known_array(p, d, &sym);
    give_way(p, s, d);
    if (accept_tok(p, JF_TK_ASSIGN)) {
        initializer(p, s, d, &sym);
    } else if (s->storage & JF_ST_STATIC && d->quals & JF_Q_CONST &&
               jf_is_integral(d->type)) {
        sym.kind = JF_SYM_CONSTANT;
        sym.flags |= JF_S_DOTS;
    }
    jf_parse_given_value(p, d->name->text, &sym);
    jf_scope_declare(p, d->name, &sym, d->at, line);
}

/* The word `w`, which is no keyword of C? */
static bool at_plain(const Parser *p, const char *w)
{
    return p->tok.name && p->tok.n == strlen(w) && !memcmp(p->tok.at, w, p->tok.n);
}

/* C++'s words behind a declarator: noexcept, noexcept(true), noexcept(false), and
 * throw(...) of older text. False: there are none here. */
static bool exception_spec(Parser *p, Attrs *a)
{
    bool old = at_plain(p, "throw");
    if (!old && !at_plain(p, "noexcept"))
        return false;
    jf_parse_next(p);
    a->throws = JF_THROWS_NO;
    if (!at_tok(p, JF_TK_LPAREN))
        return true;
    jf_parse_enter(p);
    jf_parse_next(p);
    bool any = !at_tok(p, JF_TK_RPAREN);
    if (any && (old || at_plain(p, "false")))
        a->throws = JF_THROWS_YES;
    while (!at_tok(p, JF_TK_RPAREN) && !at_tok(p, JF_TK_EOF))
        jf_parse_next(p);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    return true;
}

/* GNU asm label, attributes and C++'s words behind a declarator. */
static const char *after_declarator(Parser *p, Decl *d)
{
    const char *link = NULL;
    for (;;) {
        if (at_tok(p, JF_TK_ASM)) {
            size_t n;
            jf_parse_next(p);
            jf_parse_enter(p);
            jf_parse_expect(p, JF_TK_LPAREN);
            const char *text = jf_parse_string(p, &n);
            jf_parse_expect(p, JF_TK_RPAREN);
            leave_nest(p);
            link = jf_arena_strndup(&p->scope->arena, text, n);
            if (!link)
                jf_parse_nomem(p);
        } else if (at_tok(p, JF_TK_ATTRIBUTE) || at_tok(p, JF_TK_LATTR) ||
                   at_tok(p, JF_TK_DECLSPEC)) {
            jf_parse_attrs(p, &d->attrs);
        } else if (!exception_spec(p, &d->attrs)) {
            return link;
        }
    }
}

/* One declarator with what belongs to it; true: it was a function with a body. */
static bool init_declarator(Parser *p, Specs *s, bool first)
{
    Decl d;
    uint32_t line = p->tok.line;
    jf_parse_declarator(p, s, D_NAMED, &d);
    JF_ASSERT(d.name);
    const char *link = after_declarator(p, &d);
    if (s->storage & JF_ST_TYPEDEF) {
        declare_typedef(p, s, &d, line);
        return false;
    }
    if (d.type->kind != JF_FUNC) {
        declare_variable(p, s, &d, link, line);
        return false;
    }
    bool body = first && at_tok(p, JF_TK_LBRACE);
    if (body)
        jf_strict_body(p, d.at);
    /* A static or inline function with a body is in no library. */
    if (!body || !(s->storage & (JF_ST_STATIC | JF_ST_INLINE)))
        declare_function(p, s, &d, link, line);
    if (body)
        jf_parse_skip_balanced(p);
    return body;
}

/* --- outer declarations --------------------------------------------------- */

/* The records of this declaration have all their names now. */
static void known_members(Parser *p, uint32_t done)
{
    for (uint32_t i = done; p->oracle && i < p->n_done; i++)
        jf_parse_given_members(p, p->done[i]);
}

static void declaration(Parser *p)
{
    Specs s;
    uint32_t done = p->n_done;
    jf_parse_specs(p, &s);
    if (at_tok(p, JF_TK_SEMI)) {
        if (s.storage & JF_ST_TYPEDEF)
            jf_parse_fail(p, s.at, JF_SYNTAX, "typedef does not declare any name");
        if (!s.defines)
            jf_parse_fail(p, s.at, JF_SYNTAX,
                          "construct does not declare any variable");
        jf_parse_next(p);
        known_members(p, done);
        return;
    }
    bool first = true;
    do {
        jf_parse_attrs(p, &s.attrs);
        if (init_declarator(p, &s, first)) {
            known_members(p, done);
            return;
        }
        first = false;
    } while (accept_tok(p, JF_TK_COMMA));
    known_members(p, done);
    if (!at_tok(p, JF_TK_SEMI))
        jf_parse_expected(p, "';' after the declaration");
    jf_parse_next(p);
}

static void external(Parser *p);

/* The string behind extern: "C", "C++", "Python", "Python+C". */
static uint16_t linkage(Parser *p)
{
    const char *at = p->tok.at;
    size_t n;
    char *text = (char *)jf_parse_string(p, &n), *to = text;
    for (const char *c = text; *c; c++)
        if (*c != ' ' && *c != '\t')
            *to++ = *c;
    *to = 0;
    if (!strcmp(text, "C") || !strcmp(text, "C++"))
        return p->python;
    if (!strcmp(text, "Python"))
        return JF_S_EXTERN_PYTHON;
    if (!strcmp(text, "Python+C") || !strcmp(text, "C+Python"))
        return JF_S_EXTERN_PYTHON_C;
    jf_parse_fail(p, at, JF_SYNTAX,
                  "unknown linkage: expected \"C\", \"Python\" or \"Python+C\"");
}

static void extern_block(Parser *p)
{
    uint16_t was = p->python;
    jf_parse_next(p);
    p->python = linkage(p);
    if (at_tok(p, JF_TK_LBRACE)) {
        jf_parse_enter(p);
        jf_parse_next(p);
        while (!at_tok(p, JF_TK_RBRACE)) {
            if (at_tok(p, JF_TK_EOF))
                jf_parse_expected(p, "'}'");
            external(p);
        }
        jf_parse_next(p);
        leave_nest(p);
    } else {
        declaration(p);
    }
    p->python = was;
}

static void external(Parser *p)
{
    uint32_t held = p->n_held, done = p->n_done;
    switch (p->tok.kind) {
    case JF_TK_SEMI:
        jf_parse_next(p);
        break;
    case JF_TK_STATIC_ASSERT:
        jf_parse_static_assert(p);
        break;
    case JF_TK_ASM:
        jf_parse_next(p);
        if (!at_tok(p, JF_TK_LPAREN))
            jf_parse_expected(p, "'('");
        jf_parse_skip_balanced(p);
        jf_parse_expect(p, JF_TK_SEMI);
        break;
    case JF_TK_STORAGE:
        if (p->tok.name->sub == JF_ST_EXTERN &&
            jf_parse_ahead(p)->kind == JF_TK_STRING) {
            extern_block(p);
            break;
        }
        declaration(p);
        break;
    default:
        declaration(p);
    }
    jf_arena_reset(&p->scratch, p->scratch_mark);
    /* What is still of use is held by a symbol; members are held when the text
     * is done. */
    while (p->n_done == done && p->n_held > held)
        jf_type_unref(p->u, p->held[--p->n_held]);
}

/* --- a text --------------------------------------------------------------- */

static void cdef_body(Parser *p, void *unused)
{
    (void)unused;
    jf_parse_next(p);
    while (!at_tok(p, JF_TK_EOF))
        external(p);
    for (uint32_t i = 0; i < p->n_pending; i++) {
        jf_parse_pending(p, i);
        jf_arena_reset(&p->scratch, p->scratch_mark);
    }
    if (!jf_scope_commit(p))
        jf_parse_nomem(p);
    p->scope->version++;
}

typedef struct TypeResult {
    jf_Type *type;
    unsigned quals;
} TypeResult;

static void type_body(Parser *p, void *out)
{
    TypeResult *r = out;
    Specs s;
    Decl d;
    jf_parse_next(p);
    if (at_tok(p, JF_TK_EOF))
        jf_parse_fail(p, p->tok.at, JF_SYNTAX,
                      "expected a type, got an empty text");
    jf_parse_specs(p, &s);
    if (s.storage)
        jf_parse_fail(p, s.at, JF_SYNTAX,
                      "a storage class has no place in the name of a type");
    /* A name is allowed, and means nothing: "int cb(int)" as cffi has it. */
    jf_parse_declarator(p, &s, D_ABSTRACT | D_NAMED, &d);
    if (!at_tok(p, JF_TK_EOF))
        jf_parse_expected(p, "the end of the type");
    if (d.dots_array)
        jf_parse_fail(p, s.at, JF_SYNTAX,
                      "unsupported '[...]' here, cannot derive the actual array "
                      "length in this context");
    r->type = jf_type_ref(d.type);
    r->quals = d.quals;
    if (p->made_types && !jf_scope_commit(p)) {
        jf_type_unref(p->u, r->type);
        jf_parse_nomem(p);
    }
}

/* Run `body` with errors leaving through p->out. */
static jf_Status guarded(Parser *p, void (*body)(Parser *, void *), void *ctx)
{
    int st = setjmp(p->out);
    if (st)
        return (jf_Status)st;
    body(p, ctx);
    return JF_OK;
}

static void parser_init(Parser *p, jf_Scope *s, const char *file, uint32_t line,
                        jf_Diag *d)
{
    memset(p, 0, sizeof *p);
    p->scope = s;
    p->group = s->group;
    p->u = s->group->universe;
    p->diag = d;
    p->file = file;
    p->first_line = line;
}

static void parser_free(Parser *p)
{
    JF_ASSERT(!p->n_held);
    jf_free(p->held);
    jf_free(p->undo);
    jf_free(p->done);
    jf_free(p->parts);
    jf_free(p->fields);
    jf_free(p->stamps);
    jf_free(p->items);
    jf_free(p->pending);
    jf_free(p->own);
    jf_arena_free(&p->scratch);
    jf_arena_free(&p->whole);
}

/* Parse `text` (copied into `room` if it is short) by `body`. */
static jf_Status run(Parser *p, const char *text, size_t n,
                     void (*body)(Parser *, void *), void *ctx, char *room,
                     size_t room_size)
{
    if (n > UINT32_MAX / 2)
        return jf_diag_set(p->diag, JF_UNSUPPORTED, "a text of more than 2 GB");
    if (!jf_scope_ready(p->scope))
        return jf_diag_set(p->diag, JF_NOMEM, "out of memory");
    p->text_size = n;
    if (p->in_place && !memchr(text, '\\', n)) {
        p->text = text;
    } else {
        char *copy = n < room_size ? room : jf_alloc(n + 1);
        p->own = copy == room ? NULL : copy;
        if (!copy)
            return jf_diag_set(p->diag, JF_NOMEM, "out of memory");
        p->text_size = jf_lex_splice(copy, text, n);
        p->text = copy;
    }
    p->tok.at = p->text;
    jf_lex_init(&p->lx, &p->scope->names, p->text, p->text_size, p->first_line);
    enum { FIRST_SCRATCH = 2048 };
    p->scratch_mark.at = jf_arena_alloc(&p->scratch, FIRST_SCRATCH);
    p->scratch_mark.chunk = p->scratch.chunk;
    if (!p->scratch_mark.at)
        return jf_diag_set(p->diag, JF_NOMEM, "out of memory");
    jf_arena_reset(&p->scratch, p->scratch_mark);
    jf_scope_begin(p);
    jf_Status st = guarded(p, body, ctx);
    for (uint32_t i = 0; i < p->n_pending; i++)
        p->pending[i].name->sub = 0;
    if (st != JF_OK)
        jf_scope_rollback(p);
    return st;
}

jf_Status jf_cdef(jf_Scope *s, const char *text, size_t n,
                  const jf_CdefOptions *options, jf_Diag *d)
{
    static const jf_CdefOptions plain;
    const jf_CdefOptions *o = options ? options : &plain;
    char room[256];
    Parser p;
    parser_init(&p, s, o->file ? o->file : "<cdef>", o->line ? o->line : 1, d);
    p.override_ = o->override_;
    p.pack = p.pack_default = o->pack;
    p.packed_all = o->packed;
    p.gil = o->gil;
    p.may_throw = o->may_throw;
    p.oracle = o->oracle;
    p.in_place = o->terminated;
    /* of typical headers, to size the tables */
    enum { BYTES_PER_NAME = 48, BYTES_PER_TYPE = 64 };
    if (!jf_scope_ready(s))
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    jf_names_reserve(&s->names, n / BYTES_PER_NAME);
    jf_universe_reserve(p.u, n / BYTES_PER_TYPE);
    const jf_Oracle *before = s->group->oracle;
    if (o->oracle) /* from now on its records are laid out by it */
        s->group->oracle = o->oracle;
    jf_Status st = run(&p, text, n, cdef_body, NULL, room, sizeof room);
    if (st != JF_OK)
        s->group->oracle = before;
    parser_free(&p);
    return st;
}

static void answer_body(Parser *p, void *unused)
{
    (void)unused;
    jf_parse_answers(p);
    p->scope->version++;
}

jf_Status jf_scope_answer(jf_Scope *s, const jf_Oracle *oracle, jf_Diag *d)
{
    char room[16];
    Parser p;
    parser_init(&p, s, "<answers>", 1, d);
    const jf_Oracle *before = s->group->oracle;
    p.oracle = s->group->oracle = oracle;
    jf_Status st = run(&p, "", 0, answer_body, NULL, room, sizeof room);
    if (st != JF_OK)
        s->group->oracle = before;
    parser_free(&p);
    return st;
}

jf_Status jf_parse_type(jf_Scope *s, const char *text, size_t n, jf_Type **type,
                        unsigned *quals, jf_Diag *d)
{
    char room[256];
    TypeResult r = {NULL, 0};
    Parser p;
    parser_init(&p, s, "<type>", 1, d);
    p.is_type = true;
    jf_Status st = run(&p, text, n, type_body, &r, room, sizeof room);
    if (st == JF_OK) {
        *type = r.type;
        if (quals)
            *quals = r.quals;
        if (!p.made_types) /* nothing new but words: forget them */
            jf_scope_rollback(&p);
    }
    parser_free(&p);
    return st;
}
