/* SPDX-License-Identifier: MIT
 *
 * Attributes in their four spellings: __attribute__((x)), [[gnu::x]],
 * __declspec(x), _Alignas(x), and the words for calling conventions. What
 * changes how a thing lies in memory or is called is understood or refused;
 * everything else is read over. Sources: GCC manual "Attribute Syntax", C23
 * 6.7.12, Microsoft's "__declspec".
 */
#include <string.h>

#include "core/base/bits.h"
#include "core/parse/parser.h"

/* Is the current word `s`, with or without two underscores around? */
static bool word_is(const jf_Tok *t, const char *s)
{
    const char *w = t->at;
    size_t n = t->n, m = strlen(s);
    if (n == m + 4 && !memcmp(w, "__", 2) && !memcmp(w + n - 2, "__", 2)) {
        w += 2;
        n -= 4;
    }
    return n == m && !memcmp(w, s, m);
}

const char *jf_parse_string(Parser *p, size_t *n)
{
    jf_Buf b = JF_BUF_INIT;
    const char *bad = NULL, *at = p->tok.at;
    if (!at_tok(p, JF_TK_STRING))
        jf_parse_expected(p, "a string");
    /* Nothing in here may leave by longjmp while `b` holds memory, so the text
     * is measured first: a literal is never longer than its spelling. */
    size_t room = p->tok.n;
    char *out = NULL;
    *n = 0;
    for (;;) {
        b = (jf_Buf)JF_BUF_INIT;
        bad = jf_lex_string(p->tok.at, p->tok.n, &b);
        bool failed = b.failed;
        size_t got = b.n;
        char *grown =
            bad || failed ? NULL : jf_arena_alloc(&p->scratch, *n + got + room + 1);
        if (grown) {
            if (*n)
                memcpy(grown, out, *n);
            if (got)
                memcpy(grown + *n, b.p, got);
        }
        jf_buf_free(&b);
        if (bad)
            jf_parse_fail(p, at, JF_SYNTAX, "%s", bad);
        if (!grown)
            jf_parse_nomem(p);
        out = grown;
        *n += got;
        out[*n] = 0;
        jf_parse_next(p);
        if (!at_tok(p, JF_TK_STRING))
            return out;
        at = p->tok.at;
    }
}

/* --- the ones that mean something ----------------------------------------- */

static void set_align(Parser *p, Attrs *a, const char *at, Value v)
{
    if (v.v == 0)
        return;
    if (v.v < 0 || v.v > 1 << 28 || !jf_is_pow2((uint64_t)v.v))
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "an alignment must be a power of two up to 2^28");
    if ((uint32_t)v.v > a->align)
        a->align = (uint32_t)v.v;
}

/* aligned, aligned(n): without a number, the target's largest. */
static void attr_aligned(Parser *p, Attrs *a)
{
    if (!at_tok(p, JF_TK_LPAREN)) {
        Value v = {p->u->target->max_align, 0, JF_P_INT};
        set_align(p, a, p->tok.at, v);
        return;
    }
    jf_parse_enter(p);
    jf_parse_next(p);
    const char *at = p->tok.at;
    if (at_tok(p, JF_TK_RPAREN)) {
        Value v = {p->u->target->max_align, 0, JF_P_INT};
        set_align(p, a, at, v);
    } else {
        set_align(p, a, at, jf_parse_integer(p, "an alignment"));
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

static void attr_vector(Parser *p, Attrs *a)
{
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    const char *at = p->tok.at;
    Value v = jf_parse_integer(p, "a vector size");
    if (v.v <= 0 || v.v > 1 << 16 || !jf_is_pow2((uint64_t)v.v))
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "a vector size must be a power of two up to 65536");
    a->vector_size = (uint64_t)v.v;
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* Modes as GCC's machine modes: number is the size in bytes, F for floating. */
static const struct {
    const char *word;
    uint8_t bytes;
    uint8_t prim; /* of the floating ones */
} modes[] = {
    {"QI", 1, 0},
    {"byte", 1, 0},
    {"HI", 2, 0},
    {"SI", 4, 0},
    {"DI", 8, 0},
    {"TI", 16, 0},
    {"SF", 4, JF_P_FLOAT},
    {"DF", 8, JF_P_DOUBLE},
    {"XF", 16, JF_P_LDOUBLE},
    {"TF", 16, JF_P_FLOAT128},
    {"HF", 2, JF_P_FLOAT16},
    {"word", 0, 0},
    {"pointer", 0, 0},
    {"unwind_word", 0, 0},
};

static void attr_mode(Parser *p, Attrs *a)
{
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    for (size_t i = 0; i < JF_COUNT(modes); i++)
        if (p->tok.name && word_is(&p->tok, modes[i].word)) {
            a->mode = (uint8_t)(i + 1);
            jf_parse_next(p);
            jf_parse_expect(p, JF_TK_RPAREN);
            leave_nest(p);
            return;
        }
    jf_parse_fail(p, p->tok.at, JF_UNSUPPORTED, "unknown machine mode '%.*s'",
                  (int)(p->tok.n > 40 ? 40 : p->tok.n), p->tok.at);
}

static void attr_gil(Parser *p, Attrs *a)
{
    static const struct {
        const char *word;
        uint8_t gil;
    } policies[] = {
        {"hold", JF_GIL_HOLD}, {"release", JF_GIL_RELEASE}, {"auto", JF_GIL_AUTO}};
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    const char *at = p->tok.at;
    size_t n;
    const char *word = jf_parse_string(p, &n);
    a->gil = JF_GIL_DEFAULT;
    for (size_t i = 0; i < JF_COUNT(policies); i++)
        if (!strcmp(policies[i].word, word))
            a->gil = policies[i].gil;
    if (a->gil == JF_GIL_DEFAULT)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "unknown policy \"%.40s\": expected \"hold\", \"release\" or "
                      "\"auto\"",
                      word);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* A parameter's number in access(). */
static uint16_t parameter_number(Parser *p)
{
    Value v = jf_parse_integer(p, "the number of a parameter");
    return v.v > 0 && v.v <= UINT16_MAX ? (uint16_t)v.v : 0;
}

/* access(mode, array) and access(mode, array, length): the second kind is kept. */
static void attr_access(Parser *p, Attrs *a)
{
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    if (!p->tok.name)
        jf_parse_expected(p, "read_only, write_only, read_write or none");
    jf_parse_next(p);
    jf_parse_expect(p, JF_TK_COMMA);
    uint16_t array = parameter_number(p);
    if (accept_tok(p, JF_TK_COMMA)) {
        jf_Access *made = jf_parse_scratch(p, sizeof *made);
        *made = (jf_Access){a->access, array, parameter_number(p)};
        a->access = made;
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* Conventions that only i386 tells apart are noise elsewhere. */
static void set_conv(Parser *p, Attrs *a, const char *at, unsigned conv)
{
    bool x86 = p->u->target->arch == JF_ARCH_X86;
    if (conv == JF_CC_VECTORCALL ||
        (x86 && conv != JF_CC_CDECL && conv != JF_CC_STDCALL))
        jf_parse_fail(p, at, JF_UNSUPPORTED,
                      "this calling convention is not supported on %s",
                      p->u->target->name);
    a->conv = (uint8_t)conv;
}

void jf_parse_conv(Parser *p, Attrs *a, const jf_Tok *t)
{
    set_conv(p, a, t->at, t->name->sub);
}

/* ms_abi and sysv_abi change the call; the target's own is no news. */
static void attr_abi(Parser *p, const jf_Tok *t, bool ms)
{
    unsigned abi = p->u->target->abi;
    if (abi != (ms ? JF_ABI_WIN64 : JF_ABI_SYSV))
        jf_parse_fail(p, t->at, JF_UNSUPPORTED,
                      "functions of another ABI are not supported on %s",
                      p->u->target->name);
}

static void attr_layout(Parser *p, const jf_Tok *t)
{
    jf_parse_fail(p, t->at, JF_UNSUPPORTED,
                  "attribute '%.*s' changes the layout and is not supported",
                  (int)(t->n > 40 ? 40 : t->n), t->at);
}

/* One attribute; the current token is its name. */
static void one_attr(Parser *p, Attrs *a, bool ours)
{
    jf_Tok t = p->tok;
    jf_parse_next(p);
    if (word_is(&t, "aligned") || word_is(&t, "align"))
        attr_aligned(p, a);
    else if (word_is(&t, "packed"))
        a->packed = true;
    else if (word_is(&t, "vector_size"))
        attr_vector(p, a);
    else if (word_is(&t, "mode"))
        attr_mode(p, a);
    else if (word_is(&t, "access") && at_tok(p, JF_TK_LPAREN))
        attr_access(p, a);
    else if (word_is(&t, "jiffi_gil") || (ours && word_is(&t, "gil")))
        attr_gil(p, a);
    else if (word_is(&t, "may_throw") || word_is(&t, "jiffi_may_throw"))
        a->throws = JF_THROWS_YES;
    else if (word_is(&t, "nothrow"))
        a->throws = JF_THROWS_NO;
    else if (word_is(&t, "stdcall"))
        set_conv(p, a, t.at, JF_CC_STDCALL);
    else if (word_is(&t, "cdecl"))
        set_conv(p, a, t.at, JF_CC_CDECL);
    else if (word_is(&t, "fastcall") || word_is(&t, "thiscall") ||
             word_is(&t, "regparm"))
        set_conv(p, a, t.at, JF_CC_FASTCALL);
    else if (word_is(&t, "vectorcall") || word_is(&t, "aarch64_vector_pcs") ||
             word_is(&t, "preserve_none") || word_is(&t, "regcall"))
        set_conv(p, a, t.at, JF_CC_VECTORCALL);
    else if (word_is(&t, "ms_abi"))
        attr_abi(p, &t, true);
    else if (word_is(&t, "sysv_abi"))
        attr_abi(p, &t, false);
    else if (word_is(&t, "ms_struct") || word_is(&t, "scalar_storage_order") ||
             word_is(&t, "ext_vector_type"))
        attr_layout(p, &t);
    if (at_tok(p, JF_TK_LPAREN))
        jf_parse_skip_balanced(p);
}

/* --- the four spellings --------------------------------------------------- */

/* A name, or a keyword such as `const` in __attribute__((const)). */
static bool at_word(const Parser *p)
{
    return p->tok.name != NULL;
}

static void gnu_attribute(Parser *p, Attrs *a)
{
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    jf_parse_expect(p, JF_TK_LPAREN);
    for (;;) {
        if (at_word(p))
            one_attr(p, a, false);
        if (!accept_tok(p, JF_TK_COMMA))
            break;
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
    leave_nest(p);
}

static void declspec(Parser *p, Attrs *a)
{
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    while (at_word(p)) {
        one_attr(p, a, false);
        accept_tok(p, JF_TK_COMMA);
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

/* C23 6.7.12.1: [[ prefix::name(args), name ]] */
static void std_attribute(Parser *p, Attrs *a)
{
    jf_parse_next(p);
    jf_parse_enter(p);
    for (;;) {
        if (at_word(p)) {
            jf_Tok t = p->tok;
            bool ours = word_is(&t, "jiffi");
            bool gnu =
                word_is(&t, "gnu") || word_is(&t, "clang") || word_is(&t, "msvc");
            if (jf_parse_ahead(p)->kind == JF_TK_SCOPE) {
                jf_parse_next(p);
                jf_parse_next(p);
                if (!at_word(p))
                    jf_parse_expected(p, "the name of an attribute");
                if (ours || gnu)
                    one_attr(p, a, ours);
                else
                    jf_parse_next(p);
            } else {
                jf_parse_next(p);
            }
            if (at_tok(p, JF_TK_LPAREN))
                jf_parse_skip_balanced(p);
        }
        if (!accept_tok(p, JF_TK_COMMA))
            break;
    }
    jf_parse_expect(p, JF_TK_RBRACKET);
    jf_parse_expect(p, JF_TK_RBRACKET);
    leave_nest(p);
}

/* C11 6.7.5: _Alignas(type) or _Alignas(constant) */
static void alignas_spec(Parser *p, Attrs *a)
{
    jf_parse_next(p);
    jf_parse_enter(p);
    jf_parse_expect(p, JF_TK_LPAREN);
    const char *at = p->tok.at;
    if (jf_parse_starts_type(p, &p->tok)) {
        unsigned quals;
        jf_Type *t = jf_parse_type_name(p, &quals);
        jf_parse_layout(p, t, at);
        Value v = {t->align, 0, JF_P_INT};
        set_align(p, a, at, v);
    } else {
        set_align(p, a, at, jf_parse_integer(p, "an alignment"));
    }
    jf_parse_expect(p, JF_TK_RPAREN);
    leave_nest(p);
}

void jf_parse_attrs(Parser *p, Attrs *a)
{
    for (;; a->at = a->at ? a->at : p->last_end) {
        switch (p->tok.kind) {
        case JF_TK_ATTRIBUTE:
            gnu_attribute(p, a);
            break;
        case JF_TK_DECLSPEC:
            declspec(p, a);
            break;
        case JF_TK_LATTR:
            std_attribute(p, a);
            break;
        case JF_TK_ALIGNAS:
            alignas_spec(p, a);
            break;
        case JF_TK_CALLCONV:
            jf_parse_conv(p, a, &p->tok);
            jf_parse_next(p);
            break;
        default:
            return;
        }
    }
}

/* --- types they change ---------------------------------------------------- */

static jf_Type *int_of_bytes(Parser *p, unsigned bytes, bool sign)
{
    static const uint8_t prims[][2] = {
        {JF_P_UCHAR, JF_P_SCHAR},  {JF_P_USHORT, JF_P_SHORT},
        {JF_P_UINT, JF_P_INT},     {JF_P_ULONG, JF_P_LONG},
        {JF_P_ULLONG, JF_P_LLONG}, {JF_P_UINT128, JF_P_INT128}};
    for (size_t i = 0; i < JF_COUNT(prims); i++) {
        jf_Type *t = jf_type_prim(p->u, (jf_Prim)prims[i][sign]);
        if (t && t->size == bytes)
            return t;
    }
    return NULL;
}

static jf_Type *apply_mode(Parser *p, jf_Type *t, const Attrs *a)
{
    unsigned bytes = modes[a->mode - 1].bytes;
    unsigned prim = modes[a->mode - 1].prim;
    jf_Type *to = NULL;
    if (!bytes)
        bytes = p->u->target->prim[JF_C_PTR].size;
    if (prim && t->kind == JF_FLOAT)
        to = jf_type_prim(p->u, (jf_Prim)prim);
    else if (!prim && jf_is_integral(t))
        to = int_of_bytes(p, bytes, t->flags & JF_T_SIGNED);
    if (!to)
        jf_parse_fail(p, a->at, JF_SEMANTIC, "mode '%s' does not fit type '%s'",
                      modes[a->mode - 1].word, jf_parse_spell(p, t, ""));
    return to;
}

jf_Type *jf_parse_apply_attrs(Parser *p, jf_Type *t, const Attrs *a)
{
    if (a->mode)
        t = apply_mode(p, t, a);
    if (!a->vector_size)
        return t;
    if ((t->kind != JF_INT && t->kind != JF_FLOAT && t->kind != JF_CHAR) ||
        t->size == JF_UNKNOWN || a->vector_size < t->size || !jf_is_pow2(t->size))
        jf_parse_fail(p, a->at, JF_SEMANTIC,
                      "a vector of %llu bytes cannot have items of type '%s'",
                      (unsigned long long)a->vector_size, jf_parse_spell(p, t, ""));
    return jf_parse_hold(p, jf_type_vector(p->u, t, a->vector_size / t->size));
}
