/* SPDX-License-Identifier: MIT
 *
 * The table of names, and the keywords that it starts with. Sources: C11 6.4.1,
 * C23 6.4.1, the GCC manual "Alternate Keywords", Microsoft's "C keywords".
 */
#include <string.h>

#include "core/lex/lex.h"

const char *const jf_token_text[JF_TK_COUNT] = {
#define X(id, text) text,
    JF_TOKENS(X)
#undef X
};

/* clang-format off */
static const struct {
    const char *text;
    uint8_t token;
    bool soft;
    uint32_t sub;
} keywords[] = {
    {"void", JF_TK_BASIC, 0, JF_B_VOID}, {"_Bool", JF_TK_BASIC, 0, JF_B_BOOL},
    {"char", JF_TK_BASIC, 0, JF_B_CHAR}, {"int", JF_TK_BASIC, 0, JF_B_INT},
    {"short", JF_TK_BASIC, 0, JF_B_SHORT}, {"long", JF_TK_BASIC, 0, JF_B_LONG},
    {"signed", JF_TK_BASIC, 0, JF_B_SIGNED},
    {"__signed", JF_TK_BASIC, 0, JF_B_SIGNED},
    {"__signed__", JF_TK_BASIC, 0, JF_B_SIGNED},
    {"unsigned", JF_TK_BASIC, 0, JF_B_UNSIGNED},
    {"float", JF_TK_BASIC, 0, JF_B_FLOAT},
    {"double", JF_TK_BASIC, 0, JF_B_DOUBLE},
    {"_Complex", JF_TK_BASIC, 0, JF_B_COMPLEX},
    {"__complex__", JF_TK_BASIC, 0, JF_B_COMPLEX},
    {"__complex", JF_TK_BASIC, 0, JF_B_COMPLEX},
    {"complex", JF_TK_BASIC, 1, JF_B_COMPLEX},
    {"__int128", JF_TK_BASIC, 0, JF_B_INT128},
    {"__int64", JF_TK_BASIC, 0, JF_B_INT64},
    {"_int64", JF_TK_BASIC, 1, JF_B_INT64},
    {"__int32", JF_TK_BASIC, 0, JF_B_INT32},
    {"__int16", JF_TK_BASIC, 0, JF_B_INT16},
    {"__int8", JF_TK_BASIC, 0, JF_B_INT8},
    {"_Float16", JF_TK_BASIC, 0, JF_B_F16},
    {"_Float32", JF_TK_BASIC, 0, JF_B_F32},
    {"_Float64", JF_TK_BASIC, 0, JF_B_F64},
    {"_Float128", JF_TK_BASIC, 0, JF_B_F128},
    {"__float128", JF_TK_BASIC, 0, JF_B_F128},
    {"_Float32x", JF_TK_BASIC, 0, JF_B_F32X},
    {"_Float64x", JF_TK_BASIC, 0, JF_B_F64X},
    {"struct", JF_TK_STRUCT, 0, 0}, {"union", JF_TK_UNION, 0, 0},
    {"enum", JF_TK_ENUM, 0, 0},
    /* ORDER QUAL: the bits of JF_Q_* */
    {"const", JF_TK_QUAL, 0, 1}, {"__const", JF_TK_QUAL, 0, 1},
    {"__const__", JF_TK_QUAL, 0, 1}, {"volatile", JF_TK_QUAL, 0, 2},
    {"__volatile", JF_TK_QUAL, 0, 2}, {"__volatile__", JF_TK_QUAL, 0, 2},
    {"restrict", JF_TK_QUAL, 0, 4}, {"__restrict", JF_TK_QUAL, 0, 4},
    {"__restrict__", JF_TK_QUAL, 0, 4}, {"_Atomic", JF_TK_ATOMIC, 0, 8},
    {"typedef", JF_TK_STORAGE, 0, JF_ST_TYPEDEF},
    {"extern", JF_TK_STORAGE, 0, JF_ST_EXTERN},
    {"static", JF_TK_STORAGE, 0, JF_ST_STATIC},
    {"auto", JF_TK_STORAGE, 0, JF_ST_AUTO},
    {"register", JF_TK_STORAGE, 0, JF_ST_REGISTER},
    {"inline", JF_TK_STORAGE, 0, JF_ST_INLINE},
    {"__inline", JF_TK_STORAGE, 0, JF_ST_INLINE},
    {"__inline__", JF_TK_STORAGE, 0, JF_ST_INLINE},
    {"__forceinline", JF_TK_STORAGE, 0, JF_ST_INLINE},
    {"_Noreturn", JF_TK_STORAGE, 0, JF_ST_NORETURN},
    {"noreturn", JF_TK_STORAGE, 1, JF_ST_NORETURN},
    {"_Thread_local", JF_TK_STORAGE, 0, JF_ST_THREAD},
    {"thread_local", JF_TK_STORAGE, 1, JF_ST_THREAD},
    {"__thread", JF_TK_STORAGE, 0, JF_ST_THREAD},
    {"constexpr", JF_TK_STORAGE, 1, JF_ST_CONSTEXPR},
    {"typeof", JF_TK_TYPEOF, 1, 0}, {"__typeof", JF_TK_TYPEOF, 0, 0},
    {"__typeof__", JF_TK_TYPEOF, 0, 0}, {"typeof_unqual", JF_TK_TYPEOF, 1, 1},
    {"__attribute__", JF_TK_ATTRIBUTE, 0, 0},
    {"__attribute", JF_TK_ATTRIBUTE, 0, 0},
    {"__declspec", JF_TK_DECLSPEC, 0, 0}, {"_declspec", JF_TK_DECLSPEC, 1, 0},
    {"asm", JF_TK_ASM, 0, 0}, {"__asm", JF_TK_ASM, 0, 0},
    {"__asm__", JF_TK_ASM, 0, 0}, {"_Alignas", JF_TK_ALIGNAS, 0, 0},
    {"alignas", JF_TK_ALIGNAS, 1, 0}, {"_Alignof", JF_TK_ALIGNOF, 0, 0},
    {"alignof", JF_TK_ALIGNOF, 1, 0}, {"__alignof", JF_TK_ALIGNOF, 0, 1},
    {"__alignof__", JF_TK_ALIGNOF, 0, 1}, {"sizeof", JF_TK_SIZEOF, 0, 0},
    {"offsetof", JF_TK_OFFSETOF, 1, 0},
    {"__builtin_offsetof", JF_TK_OFFSETOF, 0, 0},
    {"_Static_assert", JF_TK_STATIC_ASSERT, 0, 0},
    {"static_assert", JF_TK_STATIC_ASSERT, 1, 0},
    {"__extension__", JF_TK_EXTENSION, 0, 0},
    {"__cdecl", JF_TK_CALLCONV, 0, JF_CC_CDECL},
    {"_cdecl", JF_TK_CALLCONV, 1, JF_CC_CDECL},
    {"WINAPIV", JF_TK_CALLCONV, 1, JF_CC_CDECL},
    {"__stdcall", JF_TK_CALLCONV, 0, JF_CC_STDCALL},
    {"_stdcall", JF_TK_CALLCONV, 1, JF_CC_STDCALL},
    {"WINAPI", JF_TK_CALLCONV, 1, JF_CC_STDCALL},
    {"CALLBACK", JF_TK_CALLCONV, 1, JF_CC_STDCALL},
    {"APIENTRY", JF_TK_CALLCONV, 1, JF_CC_STDCALL},
    {"NTAPI", JF_TK_CALLCONV, 1, JF_CC_STDCALL},
    {"__fastcall", JF_TK_CALLCONV, 0, JF_CC_FASTCALL},
    {"_fastcall", JF_TK_CALLCONV, 1, JF_CC_FASTCALL},
    {"__vectorcall", JF_TK_CALLCONV, 0, JF_CC_VECTORCALL},
    {"__thiscall", JF_TK_CALLCONV, 0, JF_CC_THISCALL},
    {"__ptr32", JF_TK_IGNORED, 0, 0}, {"__ptr64", JF_TK_IGNORED, 0, 0},
    {"__w64", JF_TK_IGNORED, 0, 0}, {"__unaligned", JF_TK_IGNORED, 0, 0},
    {"_Nonnull", JF_TK_IGNORED, 1, 0}, {"_Nullable", JF_TK_IGNORED, 1, 0},
    {"_Null_unspecified", JF_TK_IGNORED, 1, 0},
    {"true", JF_TK_BOOLEAN, 1, 1}, {"false", JF_TK_BOOLEAN, 1, 0},
    {"_Decimal32", JF_TK_UNSUPPORTED, 0, 0},
    {"_Decimal64", JF_TK_UNSUPPORTED, 0, 0},
    {"_Decimal128", JF_TK_UNSUPPORTED, 0, 0},
    {"_Imaginary", JF_TK_UNSUPPORTED, 0, 0},
    {"_BitInt", JF_TK_UNSUPPORTED, 0, 0}, {"__bf16", JF_TK_UNSUPPORTED, 0, 0},
    {"__fp16", JF_TK_UNSUPPORTED, 0, 0}, {"__float80", JF_TK_UNSUPPORTED, 0, 0},
    {"_Accum", JF_TK_UNSUPPORTED, 0, 0}, {"_Fract", JF_TK_UNSUPPORTED, 0, 0},
    {"_Generic", JF_TK_UNSUPPORTED, 0, 0},
};
/* clang-format on */

enum { FIRST_BUCKETS = 1024 };

static uint32_t name_hash(const char *s, size_t n)
{
    uint32_t h = JF_NAME_SEED;
    for (size_t i = 0; i < n; i++)
        h = jf_name_mix(h, (unsigned char)s[i]);
    return jf_name_done(h);
}

static void name_link(jf_Names *t, jf_Name *m)
{
    m->next = t->buckets[m->hash & (t->n_buckets - 1)];
    t->buckets[m->hash & (t->n_buckets - 1)] = m;
    t->n++;
}

static void names_grow(jf_Names *t, uint32_t n)
{
    jf_Name **b = jf_calloc(n * sizeof *b);
    if (!b)
        return; /* longer chains, nothing worse */
    for (uint32_t i = 0; i < t->n_buckets; i++)
        for (jf_Name *m = t->buckets[i], *next; m; m = next) {
            next = m->next;
            m->next = b[m->hash & (n - 1)];
            b[m->hash & (n - 1)] = m;
        }
    jf_free(t->buckets);
    t->buckets = b;
    t->n_buckets = n;
}

void jf_names_reserve(jf_Names *t, size_t more)
{
    uint32_t n = t->n_buckets;
    JF_ASSERT(t->buckets);
    while (n / 2 < t->n + more && n < 1u << 20)
        n *= 2;
    if (n > t->n_buckets)
        names_grow(t, n);
}

static jf_Name *names_get(const jf_Names *t, const char *s, size_t n, uint32_t h)
{
    jf_Name *m = t->buckets[h & (t->n_buckets - 1)];
    while (m && (m->hash != h || m->n != n || memcmp(m->text, s, n) != 0))
        m = m->next;
    return m;
}

jf_Name *jf_names_fix(jf_Names *t, const char *text)
{
    size_t n = strlen(text);
    uint32_t h = name_hash(text, n);
    jf_Name *m = names_get(t, text, n, h);
    if (m)
        return m;
    m = &t->fixed[t->n_fixed++];
    m->text = text;
    m->n = (uint32_t)n;
    m->hash = h;
    m->token = JF_TK_NAME;
    name_link(t, m);
    return m;
}

bool jf_names_init(jf_Names *t, jf_Arena *arena, uint32_t extra)
{
    memset(t, 0, sizeof *t);
    t->arena = arena;
    t->n_buckets = FIRST_BUCKETS;
    t->buckets = jf_calloc(FIRST_BUCKETS * sizeof *t->buckets);
    t->fixed = jf_calloc((JF_COUNT(keywords) + extra) * sizeof *t->fixed);
    if (!t->buckets || !t->fixed) {
        jf_names_free(t);
        return false;
    }
    for (size_t i = 0; i < JF_COUNT(keywords); i++) {
        jf_Name *m = jf_names_fix(t, keywords[i].text);
        JF_ASSERT(m->token == JF_TK_NAME); /* each keyword stands once */
        m->token = keywords[i].token;
        m->soft = keywords[i].soft;
        m->sub = keywords[i].sub;
    }
    return true;
}

void jf_names_free(jf_Names *t)
{
    jf_free(t->buckets);
    jf_free(t->fixed);
    memset(t, 0, sizeof *t);
}

jf_Name *jf_names_intern_hashed(jf_Names *t, const char *s, size_t n, uint32_t h)
{
    jf_Name *m = names_get(t, s, n, h);
    if (JF_LIKELY(m != NULL))
        return m;
    if (n >= UINT32_MAX)
        return NULL;
    m = jf_arena_alloc(t->arena, sizeof *m + n + 1);
    if (!m)
        return NULL;
    memset(m, 0, sizeof *m);
    char *text = (char *)(m + 1);
    memcpy(text, s, n);
    text[n] = 0;
    m->text = text;
    m->n = (uint32_t)n;
    m->hash = h;
    m->token = JF_TK_NAME;
    m->older = t->newest;
    t->newest = m;
    if (t->n >= t->n_buckets / 2)
        names_grow(t, t->n_buckets * 2);
    name_link(t, m);
    return m;
}

jf_Name *jf_names_intern(jf_Names *t, const char *s, size_t n)
{
    return jf_names_intern_hashed(t, s, n, name_hash(s, n));
}

jf_Name *jf_names_find(const jf_Names *t, const char *s, size_t n)
{
    return t->buckets ? names_get(t, s, n, name_hash(s, n)) : NULL;
}

void jf_names_rollback(jf_Names *t, jf_Name *newest)
{
    while (t->newest != newest) {
        jf_Name *m = t->newest;
        jf_Name **at = &t->buckets[m->hash & (t->n_buckets - 1)];
        while (*at != m)
            at = &(*at)->next;
        *at = m->next;
        t->newest = m->older;
        t->n--;
    }
}
