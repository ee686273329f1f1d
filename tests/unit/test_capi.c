/* SPDX-License-Identifier: MIT
 * include/jiffi.h: what a C program sees, mistakes above all. */
#include "check.h"

#include "jiffi.h"

static const char declarations[] =
    "int abs(int x);\n"
    "double fabs(double x);\n"
    "int snprintf(char *, size_t, const char *, ...);\n"
    "typedef struct { int quot, rem; } div_t;\n"
    "div_t div(int, int);\n"
    "void qsort(void *, size_t, size_t, int (*)(const void *, const void *));\n"
    "struct open; struct open *no_such_function(void);\n"
    "struct p { char c; union { int i; float f; }; };\n"
    "enum { SEVEN = 7 }; static const int EIGHT = SEVEN + 1;\n"
    "#define PI 3.14\n";

static void compare(void *context, const uint32_t *offsets, void *slots,
                    void *result)
{
    int *a = *(int **)((char *)slots + offsets[0]);
    int *b = *(int **)((char *)slots + offsets[1]);
    *(int *)result = *a - *b;
    ++*(int *)context;
}

/* Everything once; true when all of it worked. */
static int work(jiffi_Session *s)
{
    if (jiffi_cdef(s, declarations) != JIFFI_OK)
        return 0;
    jiffi_Library *lib = jiffi_library(s, NULL);
    jiffi_Function *abs_ = lib ? jiffi_function(s, lib, "abs") : NULL;
    jiffi_Function *sort = abs_ ? jiffi_function(s, lib, "qsort") : NULL;
    jiffi_Function *print =
        sort ? jiffi_function_variadic(s, lib, "snprintf", "int; double") : NULL;
    int calls = 0, values[3] = {3, 1, 2};
    jiffi_Callback *cb =
        print ? jiffi_callback(s, "int(*)(const void *, const void *)", compare,
                               &calls)
              : NULL;
    if (!cb)
        return 0;
    int64_t slots[4] = {-5, 0, 0, 0};
    int result = 0;
    jiffi_call(abs_, slots, &result);
    CHECK_INT(result, 5);
    slots[0] = (intptr_t)values;
    slots[1] = 3;
    slots[2] = sizeof(int);
    slots[3] = (intptr_t)jiffi_callback_address(cb);
    jiffi_call(sort, slots, NULL);
    CHECK(values[0] == 1 && values[1] == 2 && values[2] == 3 && calls > 0);
    jiffi_callback_free(s, cb);
    return 1;
}

static int memory_step(void *ctx)
{
    (void)ctx;
    jiffi_Session *s = jiffi_open();
    int ok = s && work(s);
    if (s && !ok) {
        CHECK(jiffi_error_status(s) != JIFFI_OK);
        CHECK(jiffi_error(s)[0] != 0);
    }
    jiffi_close(s);
    return ok;
}

/* --- mistakes ------------------------------------------------------------------- */

typedef enum What {
    CDEF,
    SIZE,
    OFFSET,
    CONSTANT,
    LIBRARY,
    SYMBOL,
    FUNCTION,
    VARIADIC,
    AT,
    CALLBACK
} What;

static const struct Mistake {
    What what;
    const char *a, *b;
    jiffi_Status status;
    const char *says;
} mistakes[] = {
    {CDEF, "int f(", NULL, JIFFI_SYNTAX, "<cdef>:1:"},
    {CDEF, "int f(sizet n);", NULL, JIFFI_SEMANTIC, "did you mean 'size_t'?"},
    {CDEF, "long abs(int);", NULL, JIFFI_SEMANTIC, "abs"},
    {SIZE, "struct open", NULL, JIFFI_INCOMPLETE, "struct open"},
    {SIZE, "int[", NULL, JIFFI_SYNTAX, "int["},
    {OFFSET, "struct p", "z", JIFFI_NOT_FOUND, "'struct p' has no member 'z'"},
    {OFFSET, "int", "z", JIFFI_SEMANTIC, "'int' is no struct or union"},
    {CONSTANT, "SEVENTH", NULL, JIFFI_NOT_FOUND, "'SEVENTH' is not declared"},
    {CONSTANT, "abs", NULL, JIFFI_SEMANTIC, "'abs' is no integer constant"},
    {CONSTANT, "PI", NULL, JIFFI_SEMANTIC, "'PI' is no integer constant"},
    {LIBRARY, "no_such_library", NULL, JIFFI_SYSTEM, "no_such_library"},
    {LIBRARY, "/no/such/library.so", NULL, JIFFI_SYSTEM, "/no/such/library.so"},
    {SYMBOL, "no_such_symbol", NULL, JIFFI_NOT_FOUND, "no_such_symbol"},
    {FUNCTION, "no_such_function", NULL, JIFFI_NOT_FOUND, "no_such_function"},
    {FUNCTION, "absz", NULL, JIFFI_NOT_FOUND, "did you mean 'abs'?"},
    {FUNCTION, "SEVEN", NULL, JIFFI_SEMANTIC, "'SEVEN' is no function"},
    {VARIADIC, "abs", "int", JIFFI_SEMANTIC, "'abs' is not variadic"},
    {VARIADIC, "snprintf", "int; dubble", JIFFI_SEMANTIC, "dubble"},
    {VARIADIC, "snprintf", "struct open", JIFFI_INCOMPLETE, "struct open"},
    {AT, "int", NULL, JIFFI_SEMANTIC, "'int' is no function type"},
    {AT, "struct open(*)(int)", NULL, JIFFI_INCOMPLETE, "struct open"},
    {CALLBACK, "int *", NULL, JIFFI_SEMANTIC, "'int *' is no function type"},
    {CALLBACK, "void(struct open)", NULL, JIFFI_INCOMPLETE, "struct open"},
};

static bool mistake_failed(jiffi_Session *s, jiffi_Library *lib,
                           const struct Mistake *m)
{
    uint64_t size;
    int64_t value;
    switch (m->what) {
    case CDEF:
        return jiffi_cdef(s, m->a) != JIFFI_OK;
    case SIZE:
        return jiffi_sizeof(s, m->a, &size, NULL) != JIFFI_OK;
    case OFFSET:
        return jiffi_offsetof(s, m->a, m->b, &size) != JIFFI_OK;
    case CONSTANT:
        return jiffi_constant(s, m->a, &value) != JIFFI_OK;
    case LIBRARY:
        return !jiffi_library(s, m->a);
    case SYMBOL:
        return !jiffi_symbol(s, lib, m->a);
    case FUNCTION:
        return !jiffi_function(s, lib, m->a);
    case VARIADIC:
        return !jiffi_function_variadic(s, lib, m->a, m->b);
    case AT:
        return !jiffi_function_at(s, m->a, (void *)(uintptr_t)1);
    default:
        return !jiffi_callback(s, m->a, compare, NULL);
    }
}

static void test_mistakes(void)
{
    jiffi_Session *s = jiffi_open();
    CHECK(jiffi_cdef(s, declarations) == JIFFI_OK);
    CHECK_STR(jiffi_error(s), "");
    jiffi_Library *lib = jiffi_library(s, NULL);
    for (size_t i = 0; i < JF_COUNT(mistakes); i++) {
        const struct Mistake *m = &mistakes[i];
        CHECK(mistake_failed(s, lib, m));
        bool ok = CHECK_INT(jiffi_error_status(s), m->status);
        ok = CHECK(strstr(jiffi_error(s), m->says) != NULL) && ok;
        if (!ok)
            printf("    row %d said: %s\n", (int)i, jiffi_error(s));
        int64_t seven = 0; /* the next call works */
        CHECK(jiffi_constant(s, "SEVEN", &seven) == JIFFI_OK && seven == 7);
    }
    CHECK(!jiffi_symbol(s, NULL, "abs"));
    CHECK(strstr(jiffi_error(s), "no library") != NULL);
    jiffi_close(s);
}

/* --- what works --------------------------------------------------------------------- */

static void test_values(void)
{
    jiffi_Session *s = jiffi_open();
    uint64_t size = 0, offset = 0;
    uint32_t align = 0;
    int64_t eight = 0;
    CHECK(work(s));
    CHECK(jiffi_sizeof(s, "struct p[3]", &size, &align) == JIFFI_OK);
    CHECK(size == 24 && align == 4);
    CHECK(jiffi_offsetof(s, "struct p", "f", &offset) == JIFFI_OK && offset == 4);
    CHECK(jiffi_constant(s, "EIGHT", &eight) == JIFFI_OK && eight == 8);

    jiffi_Library *lib = jiffi_library(s, NULL);
    jiffi_Function *div_ = jiffi_function(s, lib, "div");
    CHECK_INT(jiffi_arguments(div_), 2);
    CHECK_INT(jiffi_slots(div_), 16);
    CHECK_INT(jiffi_slot(div_, 1), 8);
    CHECK_INT(jiffi_result(div_), 8);
    int64_t slots[2] = {17, 5};
    int parts[2];
    jiffi_call(div_, slots, parts);
    CHECK(parts[0] == 3 && parts[1] == 2);

    jiffi_Function *at =
        jiffi_function_at(s, "int(int)", jiffi_symbol(s, lib, "abs"));
    jiffi_call(at, slots, parts);
    CHECK_INT(parts[0], 17);
    CHECK(!strcmp(jiffi_mode(NULL), "code") || !strcmp(jiffi_mode(NULL), "libffi"));
    jiffi_close(s);
    jiffi_close(NULL);
}

int main(void)
{
    test_values();
    test_mistakes();
    check_memory(memory_step, NULL);
    return check_report("capi");
}
