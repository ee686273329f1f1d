/* SPDX-License-Identifier: MIT
 *
 * Values of numbers, character constants and strings: C11 6.4.4 and 6.4.5, C23
 * 6.4.4 for 0b and digit separators.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "core/lex/lex.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char low = (char)(c | 32);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : 99;
}

/* --- integers ------------------------------------------------------------- */

/* u, l, ll in either order and case, lL excluded; Microsoft's i8..i64. */
static const char *integer_suffix(const char *s, const char *end, jf_Number *out)
{
    static const char bad[] = "unknown suffix on an integer";
    if (s < end && (*s | 32) == 'u') {
        out->is_unsigned = true;
        s++;
    }
    if (s < end && (*s | 32) == 'l') {
        out->longs = s + 1 < end && s[1] == *s ? 2 : 1;
        s += out->longs;
    } else if (s < end && (*s | 32) == 'i') {
        if (end - s == 3 && !memcmp(s + 1, "64", 2))
            out->longs = 2;
        else if (!(end - s == 2 && s[1] == '8') &&
                 !(end - s == 3 &&
                   (!memcmp(s + 1, "16", 2) || !memcmp(s + 1, "32", 2))))
            return bad;
        return NULL;
    }
    if (s < end && (*s | 32) == 'u' && !out->is_unsigned) {
        out->is_unsigned = true;
        s++;
    }
    return s == end ? NULL : bad;
}

static const char *integer(const char *s, size_t n, jf_Number *out)
{
    const char *end = s + n;
    unsigned base = 10;
    if (n > 2 && s[0] == '0' && (s[1] | 32) == 'x')
        base = 16;
    else if (n > 2 && s[0] == '0' && (s[1] | 32) == 'b')
        base = 2;
    else if (s[0] == '0')
        base = 8;
    out->decimal = base == 10;
    if (base == 16 || base == 2)
        s += 2;
    const char *first = s;
    for (; s < end; s++) {
        if (*s == '\'' && s > first)
            continue;
        unsigned d = (unsigned)digit_value(*s);
        if (d >= base && d <= 9)
            return base == 8 ? "a digit that octal numbers do not have"
                             : "a digit that binary numbers do not have";
        if (d >= base)
            break;
        if (out->value > (UINT64_MAX - d) / base)
            return "this integer does not fit in 64 bits";
        out->value = out->value * base + d;
    }
    if (s == first)
        return "a number without digits";
    return integer_suffix(s, end, out);
}

/* --- floating numbers ----------------------------------------------------- */

static bool real_suffix(const char *s)
{
    static const char *const known[] = {"",    "f", "l",    "f16",  "f32",
                                        "f64", "q", "f128", "f32x", "f64x"};
    for (size_t i = 0; i < JF_COUNT(known); i++) {
        const char *a = s, *b = known[i];
        while (*a && *b && (*a | 32) == (*b | 32))
            a++, b++;
        if (!*a && !*b)
            return true;
    }
    return false;
}

/* strtod reads the locale's point; C's texts always have '.'. */
static const char *real(const char *s, size_t n, jf_Number *out)
{
    char buf[128];
    size_t m = 0;
    if (n >= sizeof buf)
        return "a floating number of more than 127 characters";
    char point = localeconv()->decimal_point[0];
    for (size_t i = 0; i < n; i++)
        if (s[i] != '\'')
            buf[m++] = s[i] == '.' && point ? point : s[i];
    buf[m] = 0;
    char *stop;
    out->real = strtod(buf, &stop);
    out->is_real = true;
    if (stop == buf || !real_suffix(stop))
        return "unknown suffix on a floating number";
    return NULL;
}

const char *jf_lex_number(const char *s, size_t n, jf_Number *out)
{
    memset(out, 0, sizeof *out);
    JF_ASSERT(n > 0);
    bool hex = n > 2 && s[0] == '0' && (s[1] | 32) == 'x';
    for (size_t i = 0; i < n; i++)
        if (s[i] == '.' || (s[i] | 32) == 'p' || (!hex && (s[i] | 32) == 'e'))
            return real(s, n, out);
    /* 1f is no C, but 0x1f is hex; `1f` falls into "unknown suffix" */
    return integer(s, n, out);
}

/* --- characters ----------------------------------------------------------- */

int jf_lex_prefix(const char *s)
{
    if (*s == 'u' && s[1] == '8')
        return '8';
    return *s == '"' || *s == '\'' ? 0 : *s;
}

static const char *digits(const char **ps, const char *end, unsigned base,
                          unsigned most, uint32_t *value)
{
    const char *s = *ps;
    uint64_t v = 0;
    for (; s < end && most && (unsigned)digit_value(*s) < base; s++, most--) {
        v = v * base + (unsigned)digit_value(*s);
        if (v > UINT32_MAX)
            return "an escape sequence out of range";
    }
    if (s == *ps)
        return "an escape sequence without digits";
    *ps = s;
    *value = (uint32_t)v;
    return NULL;
}

/* One escape; *ps stands behind the backslash. *universal: a code point. */
static const char *escape(const char **ps, const char *end, uint32_t *value,
                          bool *universal)
{
    static const char from[] = "abefnrtvE\\'\"?",
                      to[] = "\a\b\033\f\n\r\t\v\033\\'\"?";
    if (*ps >= end)
        return "a backslash at the end";
    char c = **ps;
    const char *simple = strchr(from, c);
    *universal = c == 'u' || c == 'U';
    if (simple && c) {
        *value = (unsigned char)to[simple - from];
        ++*ps;
        return NULL;
    }
    if (c >= '0' && c <= '7')
        return digits(ps, end, 8, 3, value);
    if (c != 'x' && !*universal)
        return "unknown escape sequence";
    ++*ps;
    const char *was = *ps;
    const char *bad = digits(ps, end, 16, c == 'u' ? 4 : 8, value);
    if (!bad && *universal && *ps - was != (c == 'u' ? 4 : 8))
        return "a universal character name with too few digits";
    if (!bad && *universal && (*value > 0x10ffff || (*value >> 11) == 27))
        return "a universal character name out of range";
    return bad;
}

/* One UTF-8 sequence, or the byte itself where it is none. */
static uint32_t code_point(const char **ps, const char *end)
{
    const unsigned char *p = (const unsigned char *)*ps;
    unsigned n = *p < 0xc2 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 1;
    uint32_t v = n == 1 ? *p : *p & (0xffu >> (n + 1));
    if ((size_t)(end - *ps) < n)
        n = 1, v = *p;
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            n = 1;
            v = *p;
            break;
        }
        v = v << 6 | (p[i] & 0x3f);
    }
    *ps += n;
    return v;
}

static unsigned put_utf8(uint32_t v, unsigned char *out)
{
    if (v < 0x80) {
        out[0] = (unsigned char)v;
        return 1;
    }
    unsigned n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
    for (unsigned i = n - 1; i; i--, v >>= 6)
        out[i] = (unsigned char)(0x80 | (v & 0x3f));
    out[0] = (unsigned char)((0xf00u >> n) | v);
    return n;
}

const char *jf_lex_char(const char *s, size_t n, unsigned char_bits, int64_t *value)
{
    int prefix = jf_lex_prefix(s);
    s += prefix == '8' ? 2 : prefix ? 1 : 0;
    const char *end = s + n - 1 - (prefix == '8' ? 2 : prefix ? 1 : 0);
    unsigned count = 0;
    uint32_t v = 0, all = 0;
    JF_ASSERT(*s == '\'' && *end == '\'');
    for (s++; s < end;) {
        bool universal = false;
        if (*s == '\\') {
            s++;
            const char *bad = escape(&s, end, &v, &universal);
            if (bad)
                return bad;
        } else {
            v = prefix ? code_point(&s, end) : (unsigned char)*s++;
        }
        if (!prefix && !universal && v > 0xff)
            return "an escape sequence out of range";
        all = prefix ? v : all << 8 | (v & 0xff);
        count++;
    }
    if (!count)
        return "an empty character constant";
    if (count > 1 && (prefix || count > 4))
        return "a character constant of too many characters";
    /* One plain character has the value of a char (6.4.4.4p10). */
    if (!prefix && count == 1)
        *value = char_bits ? (int8_t)all : (int64_t)all;
    else
        *value = prefix ? (int64_t)all : (int32_t)all;
    return NULL;
}

const char *jf_lex_string(const char *s, size_t n, jf_Buf *out)
{
    const char *end = s + n - 1;
    if (jf_lex_prefix(s) && jf_lex_prefix(s) != '8')
        return "a wide string; only plain and u8 strings are known here";
    s += jf_lex_prefix(s) ? 2 : 0;
    JF_ASSERT(*s == '"' && *end == '"');
    for (s++; s < end;) {
        if (*s != '\\') {
            const char *run = s;
            while (s < end && *s != '\\')
                s++;
            jf_buf_put(out, run, (size_t)(s - run));
            continue;
        }
        uint32_t v = 0;
        bool universal = false;
        unsigned char bytes[4];
        s++;
        const char *bad = escape(&s, end, &v, &universal);
        if (bad)
            return bad;
        if (!universal && v > 0xff)
            return "an escape sequence out of range";
        bytes[0] = (unsigned char)v;
        jf_buf_put(out, bytes, universal ? put_utf8(v, bytes) : 1);
    }
    return NULL;
}
