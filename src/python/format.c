/* SPDX-License-Identifier: MIT
 *
 * What PEP 3118 calls the values of a C type. Numbers are single letters in native
 * size. A record is `^T{...}`: native sizes, nothing aligned by the reader, every
 * gap written out, so that offsets come out as C has them wherever the text is read.
 *
 *   char 'c'   char32_t, wchar_t 'w'   _Bool '?'   _Float16 'e'
 *   long double 'g'   complex 'Zf' 'Zd' 'Zg'
 *   member that is an array '(2,3)d'; of characters '16s', '16w'
 *
 * Two things are called what they are in memory, for NumPy reads no struct at all
 * with PEP 3118's own words in it: pointers ('&d', 'X{}') are unsigned integers of
 * their size, char16_t ('u') is a 16-bit one.
 *
 * What the language of formats has no word for is as many bytes as it has, 'x' with
 * a name, which NumPy reads as a void of that size (and writes so itself): unions,
 * 16-byte integers, _Float128. Bit-fields and anonymous unions are gaps. Members of
 * anonymous structs stand among those around them.
 */
#include <string.h>

#include "python/export.h"

/* --- text that grows ------------------------------------------------------------ */

typedef struct Text {
    char *p; /* owned by PyMem */
    size_t n, cap;
    bool failed;
} Text;

static void put(Text *t, const char *s)
{
    size_t n = strlen(s);
    if (t->failed)
        return;
    if (t->n + n + 1 > t->cap) {
        size_t cap = 2 * (t->n + n + 1) + 60;
        char *p = PyMem_Realloc(t->p, cap);
        if (!p) {
            t->failed = true;
            return;
        }
        t->p = p;
        t->cap = cap;
    }
    memcpy(t->p + t->n, s, n + 1);
    t->n += n;
}

static void put_count(Text *t, uint64_t n, const char *letter)
{
    char digits[24];
    PyOS_snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    if (n != 1)
        put(t, digits);
    put(t, letter);
}

/* --- one value ------------------------------------------------------------------ */

/* NULL: there is no letter. */
static const char *letter_of(uint8_t code)
{
    switch ((Code)code) {
    case V_BOOL:
        return "?";
    case V_I8:
        return "b";
    case V_U8:
        return "B";
    case V_I16:
        return "h";
    case V_U16:
        return "H";
    case V_I32:
        return "i";
    case V_U32:
        return "I";
    case V_CHAR16:
        return "H";
    case V_I64: /* NumPy's own int64 is `long` where that has 8 bytes */
        return sizeof(long) == 8 ? "l" : "q";
    case V_U64:
        return sizeof(long) == 8 ? "L" : "Q";
    case V_POINTER:
        return letter_of(sizeof(void *) == 8 ? V_U64 : V_U32);
    case V_CHAR:
        return "c";
    case V_CHAR32:
        return "w";
    case V_F16:
        return "e";
    case V_F32:
        return "f";
    case V_F64:
        return "d";
    case V_LDOUBLE:
        return "g";
    case V_CF32:
        return "Zf";
    case V_CF64:
        return "Zd";
    case V_CLDOUBLE:
        return "Zg";
    default:
        return NULL;
    }
}

static void put_record(Text *t, State *st, const jf_Type *rec, bool native);

/* `name`: of the member, NULL at the outermost. */
static void put_value(Text *t, State *st, const jf_Type *type, const char *name)
{
    uint8_t code = jpy_code_of(st, type);
    const char *letter = letter_of(code);
    if (letter)
        put(t, letter);
    else if (type->kind == JF_STRUCT)
        put_record(t, st, type, name == NULL);
    else
        put_count(t, type->size, "x");
}

/* --- members -------------------------------------------------------------------- */

/* Text is one value: what stands in it is bytes, not a row of characters. */
static bool is_text(State *st, const jf_Type *item)
{
    uint8_t code = jpy_code_of(st, item);
    return code == V_CHAR || code == V_CHAR32;
}

static void put_array(Text *t, State *st, const jf_Type *type, const char *name)
{
    bool open = false;
    char digits[24];
    while (type->kind == JF_ARRAY || type->kind == JF_VECTOR) {
        const jf_Type *item = type->to->canon;
        if (is_text(st, item)) {
            if (open)
                put(t, ")");
            const char *letter = letter_of(jpy_code_of(st, item));
            PyOS_snprintf(digits, sizeof digits, "%llu",
                          (unsigned long long)type->length);
            put(t, digits);
            put(t, *letter == 'c' ? "s" : letter);
            return;
        }
        PyOS_snprintf(digits, sizeof digits, "%c%llu", open ? ',' : '(',
                      (unsigned long long)type->length);
        put(t, digits);
        open = true;
        type = item;
    }
    put(t, ")");
    put_value(t, st, type, name);
}

/* The members of `rec`, which begins at `base`; *at: bytes written so far. */
static void put_members(Text *t, State *st, const jf_Type *rec, uint64_t base,
                        uint64_t *at)
{
    for (uint32_t i = 0; i < rec->u.rec->n_fields; i++) {
        const jf_Field *f = &rec->u.rec->fields[i];
        const jf_Type *type = f->type->canon;
        uint64_t offset = base + f->offset;
        if (f->bits >= 0 || type->size == JF_UNKNOWN || !type->size ||
            offset < *at) /* a compiler's layout may let members overlap */
            continue;
        if (!f->name) {
            if (type->kind == JF_STRUCT)
                put_members(t, st, type, offset, at);
            continue;
        }
        if (offset > *at)
            put_count(t, offset - *at, "x");
        if (type->kind == JF_ARRAY || type->kind == JF_VECTOR)
            put_array(t, st, type, f->name);
        else
            put_value(t, st, type, f->name);
        put(t, ":");
        put(t, f->name);
        put(t, ":");
        *at = offset + type->size;
    }
}

static void put_record(Text *t, State *st, const jf_Type *rec, bool native)
{
    uint64_t at = 0;
    put(t, native ? "^T{" : "T{");
    put_members(t, st, rec, 0, &at);
    if (rec->size > at)
        put_count(t, rec->size - at, "x");
    put(t, "}");
}

const char *jpy_format(CTypeObject *ct)
{
    if (ct->format)
        return ct->format;
    if (jpy_layout(ct) < 0)
        return NULL;
    const char *letter = letter_of(ct->code);
    if (letter)
        return letter;
    if (ct->size < 0)
        return PyErr_Format(PyExc_BufferError, "'%s' has no size to be looked at",
                            jpy_cname(ct)),
               NULL;
    Text t = {NULL, 0, 0, false};
    if (ct->code == V_ARRAY)
        put_array(&t, ct->st, ct->type, "");
    else
        put_value(&t, ct->st, ct->type, NULL);
    if (t.failed) {
        PyMem_Free(t.p);
        PyErr_NoMemory();
        return NULL;
    }
    ct->format = t.p;
    return t.p;
}

/* --- reading -------------------------------------------------------------------- */

static bool big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

char jpy_format_letter(const char *format, bool *complex)
{
    *complex = false;
    if (!format)
        return 'B';
    if (*format == '@' || *format == '=' || *format == '^' ||
        *format == (big_endian() ? '>' : '<') || (*format == '!' && big_endian()))
        format++;
    *complex = *format == 'Z';
    if (*complex)
        format++;
    return *format && !format[1] ? *format : 0;
}

bool jpy_format_fits(CTypeObject *ct, const char *format, Py_ssize_t itemsize)
{
    static const char *const kinds[] = {"bhilqn", "BHILQNcP", "efdg",
                                        "?",      "cbB",      "uwH"};
    if (ct->size != itemsize)
        return false;
    bool complex;
    char got = jpy_format_letter(format, &complex);
    const char *own = jpy_format(ct);
    if (!own) {
        PyErr_Clear();
        return false;
    }
    if (!got || ct->code == V_RECORD)
        return format && strcmp(own, format) == 0;
    if (complex || V_IS_COMPLEX(ct->code))
        return complex && V_IS_COMPLEX(ct->code);
    int kind = ct->code == V_BOOL      ? 3
               : ct->code == V_CHAR    ? 4
               : V_IS_CHAR(ct->code)   ? 5
               : V_IS_FLOAT(ct->code)  ? 2
               : ct->code == V_POINTER ? 1
               : V_IS_INT(ct->code)    ? (ct->code - V_I8) % 2 /* ORDER CODE */
                                       : -1;
    return kind >= 0 && strchr(kinds[kind], got) != NULL;
}
