/* SPDX-License-Identifier: MIT
 *
 * PEP 3118 formats against structs: whether the items of a buffer lie as the
 * members of a C record do. Read are the formats of NumPy, ctypes, array,
 * memoryview and of our own cdata. Source of the grammar: PEP 3118, "Additions to
 * the struct string-syntax", and the module struct for prefixes, sizes and
 * alignment.
 */
#include <string.h>

#include "python/convert_arg.h"

enum { MAX_DEPTH = 32 };

const uint8_t jpy_letter_sorts[128] = {
    ['b'] = S_SIGNED,   ['h'] = S_SIGNED,   ['i'] = S_SIGNED,   ['l'] = S_SIGNED,
    ['q'] = S_SIGNED,   ['n'] = S_SIGNED,   ['B'] = S_UNSIGNED, ['H'] = S_UNSIGNED,
    ['I'] = S_UNSIGNED, ['L'] = S_UNSIGNED, ['Q'] = S_UNSIGNED, ['N'] = S_UNSIGNED,
    ['e'] = S_FLOAT,    ['f'] = S_FLOAT,    ['d'] = S_FLOAT,    ['g'] = S_LDOUBLE,
    ['?'] = S_BOOL,     ['c'] = S_CHAR,     ['u'] = S_TEXT,     ['w'] = S_TEXT,
    ['P'] = S_POINTER,  ['O'] = S_OBJECT,   ['x'] = S_PAD,
};

/* _Float128 and the integers of 16 bytes: no format has them. */
const uint8_t jpy_code_sorts[V_UNKNOWN + 1] = {
    [V_BOOL] = S_BOOL,       [V_I8] = S_SIGNED,     [V_I16] = S_SIGNED,
    [V_I32] = S_SIGNED,      [V_I64] = S_SIGNED,    [V_I128] = S_SIGNED,
    [V_U8] = S_UNSIGNED,     [V_U16] = S_UNSIGNED,  [V_U32] = S_UNSIGNED,
    [V_U64] = S_UNSIGNED,    [V_U128] = S_UNSIGNED, [V_CHAR] = S_CHAR,
    [V_CHAR16] = S_TEXT,     [V_CHAR32] = S_TEXT,   [V_F16] = S_FLOAT,
    [V_F32] = S_FLOAT,       [V_F64] = S_FLOAT,     [V_LDOUBLE] = S_LDOUBLE,
    [V_CF32] = S_COMPLEX,    [V_CF64] = S_COMPLEX,  [V_CLDOUBLE] = S_COMPLEX,
    [V_POINTER] = S_POINTER,
};

static bool big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* Is `c` a prefix, and does it mean this machine's order of bytes? */
static bool is_prefix(char c, bool *native)
{
    *native = c == '@' || c == '=' || c == '^' || c == (big_endian() ? '>' : '<') ||
              (c == '!' && big_endian());
    return *native || c == '<' || c == '>' || c == '!';
}

Sort jpy_format_other(const char *format)
{
    bool native;
    if (!format)
        return S_UNSIGNED; /* PEP 3118: no format means bytes */
    if (is_prefix(*format, &native)) {
        if (!native && !strchr("bBc?", format[1]))
            return S_OTHER;
        format++;
    }
    if (*format == 'Z' && format[1] && strchr("fdg", format[1]) && !format[2])
        return S_COMPLEX;
    return *format && !format[1] ? jpy_sort_of_letter(*format) : S_OTHER;
}

/* --- reading ------------------------------------------------------------------ */

typedef struct Reader Reader;
struct Reader {
    const char *s;
    char mode;      /* the prefix in force */
    bool native;    /* it means this machine's order of bytes */
    bool any_order; /* ... which does not matter */
    bool aligned;   /* whatever the prefix says */
    uint8_t depth;
    Py_ssize_t at;  /* bytes from the start of the item */
    Py_ssize_t end; /* size of the item */
    /* One scalar, in its place. False: stop, it is bad. */
    bool (*leaf)(Reader *r, Sort sort, Py_ssize_t size);
    void *ctx;
};

/* Bytes of the letter's type; 0: none by this prefix. */
static Py_ssize_t letter_size(char mode, char c)
{
    static const struct {
        char letter;
        uint8_t native, standard;
    } sizes[] = {{'b', 1, 1},
                 {'B', 1, 1},
                 {'c', 1, 1},
                 {'?', sizeof(bool), 1},
                 {'x', 1, 1},
                 {'s', 1, 1},
                 {'p', 1, 1},
                 {'h', sizeof(short), 2},
                 {'H', sizeof(short), 2},
                 {'i', sizeof(int), 4},
                 {'I', sizeof(int), 4},
                 {'l', sizeof(long), 4},
                 {'L', sizeof(long), 4},
                 {'q', sizeof(long long), 8},
                 {'Q', sizeof(long long), 8},
                 {'n', sizeof(size_t), sizeof(size_t)},
                 {'N', sizeof(size_t), sizeof(size_t)},
                 {'e', 2, 2},
                 {'f', 4, 4},
                 {'d', 8, 8},
                 {'g', sizeof(long double), sizeof(long double)},
                 {'u', 2, 2},
                 {'w', 4, 4},
                 {'P', sizeof(void *), sizeof(void *)},
                 {'O', sizeof(void *), sizeof(void *)}};
    for (size_t i = 0; i < JF_COUNT(sizes); i++)
        if (sizes[i].letter == c)
            return mode == '@' || mode == '^' ? sizes[i].native : sizes[i].standard;
    return 0;
}

/* `count` scalars of `size` bytes. */
static bool scalars(Reader *r, Sort sort, Py_ssize_t size, Py_ssize_t align,
                    Py_ssize_t count)
{
    if ((r->mode == '@' || r->aligned) && align > 1)
        r->at = (r->at + align - 1) / align * align;
    if (r->at > r->end || count > (r->end - r->at) / size)
        return false;
    if (sort == S_PAD) {
        r->at += count;
        return true;
    }
    if (!r->native && !r->any_order && size > 1)
        return false;
    for (; count > 0; count--, r->at += size)
        if (!r->leaf(r, sort, size))
            return false;
    return true;
}

static bool number(Reader *r, Py_ssize_t *n)
{
    *n = 0;
    while (*r->s >= '0' && *r->s <= '9') {
        if (*n > (PY_SSIZE_T_MAX - 9) / 10)
            return false;
        *n = *n * 10 + (*r->s++ - '0');
    }
    return true;
}

/* "(2,3)" and "4": how often what follows is repeated. */
static bool repeats(Reader *r, Py_ssize_t *count)
{
    *count = 1;
    for (;;) {
        bool shape = *r->s == '(';
        if (!shape && (*r->s < '0' || *r->s > '9'))
            return true;
        r->s += shape;
        do {
            Py_ssize_t n;
            while (*r->s == ' ')
                r->s++;
            if (!number(r, &n) || (n && *count > PY_SSIZE_T_MAX / n))
                return false;
            *count *= n;
            while (*r->s == ' ')
                r->s++;
        } while (shape && *r->s == ',' && r->s++);
        if (shape && *r->s++ != ')')
            return false;
    }
}

static bool members(Reader *r, char close);

/* Behind a '{': read over everything up to its '}'. */
static bool skip_braces(Reader *r)
{
    for (int open = 1; open > 0; r->s++) {
        if (!*r->s)
            return false;
        open += (*r->s == '{') - (*r->s == '}');
    }
    return true;
}

/* T{...}, behind the T. */
static bool nested(Reader *r, Py_ssize_t count)
{
    if (*r->s++ != '{' || r->depth == MAX_DEPTH)
        return false;
    if (!count)
        return skip_braces(r);
    r->depth++;
    const char *body = r->s;
    bool ok;
    Py_ssize_t before;
    do {
        before = r->at;
        r->s = body;
        ok = members(r, '}');
    } while (ok && --count > 0 && r->at != before); /* else nothing is in it */
    r->depth--;
    return ok;
}

/* Read over one type, which a pointer points to. */
static bool skip_type(Reader *r)
{
    bool native;
    while (*r->s == '&' || is_prefix(*r->s, &native))
        r->s++;
    while (*r->s == '(' || (*r->s >= '0' && *r->s <= '9') || *r->s == ',' ||
           *r->s == ')')
        r->s++;
    if (*r->s == 'Z' || *r->s == 'T' || *r->s == 'X')
        r->s++;
    if (!*r->s)
        return false;
    return *r->s++ != '{' || skip_braces(r);
}

static bool one_type(Reader *r, Py_ssize_t count)
{
    char c = *r->s++;
    if (c == 'T')
        return nested(r, count);
    if (c == '&' || c == 'X')
        return (c == '&' || r->s--) && skip_type(r) &&
               scalars(r, S_POINTER, sizeof(void *), sizeof(void *), count);
    if (c == 'Z') {
        Py_ssize_t part =
            *r->s && strchr("fdg", *r->s) ? letter_size('@', *r->s) : 0;
        r->s += part != 0;
        return part && scalars(r, S_COMPLEX, 2 * part, part, count);
    }
    Py_ssize_t size = letter_size(r->mode, c);
    Sort sort = c == 's' || c == 'p' ? S_CHAR : jpy_sort_of_letter(c);
    return size && sort != S_OTHER && scalars(r, sort, size, size, count);
}

/* Up to `close`, and past it. */
static bool members(Reader *r, char close)
{
    bool native;
    while (*r->s != close) {
        Py_ssize_t count;
        if (*r->s == ' ') {
            r->s++;
        } else if (*r->s == ':') { /* a name */
            const char *e = strchr(r->s + 1, ':');
            if (!e)
                return false;
            r->s = e + 1;
        } else if (is_prefix(*r->s, &native)) {
            r->mode = *r->s++;
            r->native = native;
        } else if (!*r->s || !repeats(r, &count)) {
            return false;
        } else {
            while (is_prefix(*r->s, &native)) { /* "(3)<d" */
                r->mode = *r->s++;
                r->native = native;
            }
            if (!*r->s || !one_type(r, count))
                return false;
        }
    }
    r->s += close != 0;
    return true;
}

static bool object_leaf(Reader *r, Sort sort, Py_ssize_t size)
{
    (void)size;
    if (sort == S_OBJECT)
        *(bool *)r->ctx = true;
    return true;
}

bool jpy_format_has_object(const char *format)
{
    bool found = false;
    if (!format || !strchr(format, 'O'))
        return false;
    Reader r = {.s = format,
                .mode = '@',
                .native = true,
                .any_order = true,
                .end = PY_SSIZE_T_MAX / 2,
                .leaf = object_leaf,
                .ctx = &found};
    return !members(&r, 0) || found;
}

/* --- against a record ----------------------------------------------------- */

typedef struct Match {
    State *st;
    const jf_Type *rec;
    unsigned char *seen; /* a bit for each byte at which a scalar begins */
    bool any;
} Match;

/* Does a scalar of this sort and size lie at `at` in a `t`? */
static bool lies_at(State *st, const jf_Type *t, uint64_t at, Sort sort,
                    Py_ssize_t size)
{
    if (jf_is_record(t)) {
        for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
            const jf_Field *f = &t->u.rec->fields[i];
            if (f->bits < 0 && at >= f->offset && f->type->size != JF_UNKNOWN &&
                at - f->offset < f->type->size &&
                lies_at(st, f->type, at - f->offset, sort, size))
                return true;
        }
        return false;
    }
    if (t->kind == JF_ARRAY || t->kind == JF_VECTOR)
        return t->to->size && lies_at(st, t->to, at % t->to->size, sort, size);
    uint8_t code = jpy_code_of(st, t->canon);
    if (at)
        return false;
    if (code == V_CHAR) /* one byte of any kind */
        return size == 1 && sort != S_BOOL;
    if (code == V_POINTER && sort == S_UNSIGNED) /* NumPy has no pointers */
        return size == sizeof(void *);
    return jpy_scalar_fits(code, (Py_ssize_t)t->size, sort, size);
}

static bool match_leaf(Reader *r, Sort sort, Py_ssize_t size)
{
    Match *m = r->ctx;
    if (!lies_at(m->st, m->rec, (uint64_t)r->at, sort, size))
        return false;
    m->seen[r->at / 8] |= (unsigned char)(1u << r->at % 8);
    m->any = true;
    return true;
}

/* Was there something for every member? What formats cannot say is let off. */
static bool covered(const Match *m, const jf_Type *t, uint64_t at)
{
    if (t->kind == JF_ARRAY || t->kind == JF_VECTOR) {
        if (t->size == JF_UNKNOWN)
            return true;
        for (uint64_t i = 0; i < t->length; i++)
            if (!covered(m, t->to, at + i * t->to->size))
                return false;
        return true;
    }
    if (!jf_is_record(t)) {
        uint8_t code = jpy_code_of(m->st, t->canon);
        return m->seen[at / 8] >> at % 8 & 1 || code == V_NONE ||
               code == V_UNKNOWN || code == V_I128 || code == V_U128 ||
               code == V_F128;
    }
    if (t->kind == JF_UNION) /* some say its bytes, some its first member */
        return true;
    for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
        const jf_Field *f = &t->u.rec->fields[i];
        if (f->bits < 0 && !covered(m, f->type, at + f->offset))
            return false;
    }
    return true;
}

static bool any_leaf(Reader *r, Sort sort, Py_ssize_t size)
{
    (void)r, (void)sort, (void)size;
    return true;
}

/* ctypes says "packed" and leaves the gaps out, up to Python 3.11: such a format
 * does not come to the item's end. Others name every gap. */
static bool leaves_gaps_out(const char *format, Py_ssize_t itemsize)
{
    Reader r = {.s = format,
                .mode = '@',
                .native = true,
                .any_order = true,
                .end = itemsize,
                .leaf = any_leaf};
    return members(&r, 0) && r.at < itemsize;
}

int jpy_format_is_record(State *st, const char *format, Py_ssize_t itemsize,
                         const jf_Type *rec)
{
    if (!format || (uint64_t)itemsize != rec->size)
        return 0;
    Match m = {.st = st, .rec = rec};
    m.seen = PyMem_Calloc((size_t)itemsize / 8 + 1, 1);
    if (!m.seen) {
        PyErr_NoMemory();
        return -1;
    }
    Reader r = {.s = format,
                .mode = '@',
                .native = true,
                .end = itemsize,
                .leaf = match_leaf,
                .ctx = &m};
    r.aligned = leaves_gaps_out(format, itemsize);
    /* Bytes without a meaning, `V16`, may be anything of that size. */
    bool fits = members(&r, 0) && (!m.any || covered(&m, rec, 0));
    PyMem_Free(m.seen);
    return fits;
}
