/* SPDX-License-Identifier: MIT
 *
 * jiffi from C: declarations as text, a library by name, calls through slots,
 * a callback, a struct by value, and what a mistake looks like.
 *
 *     cc calls.c $(pkg-config --cflags --libs jiffi) && ./a.out
 */
#include <jiffi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char declarations[] =
    "double pow(double x, double y);\n"
    "int snprintf(char *to, size_t size, const char *format, ...);\n"
    "typedef struct { long quot, rem; } ldiv_t;\n"
    "ldiv_t ldiv(long numerator, long denominator);\n"
    "void qsort(void *base, size_t n, size_t size,\n"
    "           int (*compare)(const void *, const void *));\n"
    "enum { ANSWER = 6 * 7 };\n";

/* Whatever fails says why; the example stops there. */
static void *need(jiffi_Session *s, void *p)
{
    if (!p) {
        fprintf(stderr, "%s\n", jiffi_error(s));
        exit(1);
    }
    return p;
}

/* int (*)(const void *, const void *): two pointers in, an int out. */
static void compare(void *context, const uint32_t *offsets, void *slots,
                    void *result)
{
    int *a, *b;
    memcpy(&a, (char *)slots + offsets[0], sizeof a);
    memcpy(&b, (char *)slots + offsets[1], sizeof b);
    int order = (*a > *b) - (*a < *b);
    memcpy(result, &order, sizeof order);
    ++*(int *)context;
}

static void call_pow(jiffi_Session *s)
{
    jiffi_Function *pow_ =
        need(s, jiffi_function(s, need(s, jiffi_library(s, "m")), "pow"));
    double slots[2] = {2.0, 10.0}, result;
    jiffi_call(pow_, slots, &result);
    printf("pow(2, 10) = %g\n", result);
}

static void call_snprintf(jiffi_Session *s, jiffi_Library *libc)
{
    jiffi_Function *f =
        need(s, jiffi_function_variadic(s, libc, "snprintf", "int; double"));
    char text[40];
    union {
        void *p;
        size_t n;
        int i;
        double d;
    } slots[5] = {{0}};
    slots[0].p = text;
    slots[1].n = sizeof text;
    slots[2].p = (void *)"%d and %.2f";
    slots[3].i = 42;
    slots[4].d = 2.5;
    int written;
    jiffi_call(f, slots, &written);
    printf("snprintf wrote %d characters: %s\n", written, text);
}

static void call_ldiv(jiffi_Session *s, jiffi_Library *libc)
{
    jiffi_Function *f = need(s, jiffi_function(s, libc, "ldiv"));
    long slots[2] = {17, 5}, result[2];
    uint64_t rem;
    jiffi_offsetof(s, "ldiv_t", "rem", &rem);
    jiffi_call(f, slots, result);
    printf("ldiv(17, 5) = {%ld, %ld}, rem at offset %d\n", result[0], result[1],
           (int)rem);
}

static void call_qsort(jiffi_Session *s, jiffi_Library *libc)
{
    int values[] = {30, 10, 20}, calls = 0;
    jiffi_Callback *cb = need(
        s, jiffi_callback(s, "int(const void *, const void *)", compare, &calls));
    jiffi_Function *f = need(s, jiffi_function(s, libc, "qsort"));
    union {
        void *p;
        size_t n;
    } slots[4];
    slots[0].p = values;
    slots[1].n = 3;
    slots[2].n = sizeof values[0];
    slots[3].p = jiffi_callback_address(cb);
    jiffi_call(f, slots, NULL);
    printf("qsort: %d %d %d, called back: %s\n", values[0], values[1], values[2],
           calls ? "yes" : "no");
    jiffi_callback_free(s, cb);
}

int main(void)
{
    jiffi_Session *s = jiffi_open();
    if (!s)
        return 1;
    if (jiffi_cdef_file(s, declarations, "calls.c") != JIFFI_OK) {
        fprintf(stderr, "%s\n", jiffi_error(s));
        return 1;
    }
    jiffi_Library *libc = need(s, jiffi_library(s, NULL));
    call_pow(s);
    call_snprintf(s, libc);
    call_ldiv(s, libc);
    call_qsort(s, libc);

    int64_t answer;
    jiffi_constant(s, "ANSWER", &answer);
    printf("ANSWER = %d\n", (int)answer);

    if (jiffi_cdef_file(s, "int f(struct point p, sizet n);", "mistake.h") ==
        JIFFI_OK)
        return 1;
    printf("\n%s\n", jiffi_error(s));
    jiffi_close(s);
    return 0;
}
