/* SPDX-License-Identifier: MIT
 *
 * A module as the generator writes it, by hand: what test_module*.py import. Each
 * macro SAMPLE_... makes it wrong, or different, in one way.
 */
#define PY_SSIZE_T_CLEAN
#include "module_abi.h"

#include <pthread.h>

#ifndef SAMPLE_BACKEND
#define SAMPLE_BACKEND "jiffi._jiffi"
#endif

/* --- the library ---------------------------------------------------------------- */

typedef struct point {
    int x;
    short y;
    double z;
} point;

typedef struct partial {
    char a[17];
    double b;
    long c;
} partial;
typedef short number;
typedef int open_array[6];
enum color { RED, GREEN = 12 };

static int counter = 5;
static double ratio = 0.5;
static const char *label = "text";
static int table[4] = {1, 2, 3, 4};
static const double half = 0.5;
static const char *const greeting = "hello";
static const point origin = {1, 2, 3.0};

static int add(int a, int b) { return a + b; }
static int answer(void) { return 42; }
static int negate(int a) { return -a; }
static double scale(double a, float b) { return a * b; }
static unsigned char low(unsigned char c, signed char d) { return (unsigned char)(c + d); }
static unsigned long long big(unsigned long long a) { return a + 1; }
static void touch(int *p) { if (p) *p += 1; }
static size_t length(const char *s) { size_t n = 0; while (s[n]) n++; return n; }
static point move(point p, int by) { p.x += by; return p; }
static point *same(point *p) { return p; }
static _Bool flip(_Bool b) { return !b; }
static int set_errno(int e) { int old = errno; errno = e; return old; }
static int apply(int (*f)(int, int), int a, int b) { return f(a, b); }
static int sum(int n, ...)
{
    va_list ap;
    int total = 0;
    va_start(ap, n);
    while (n--)
        total += va_arg(ap, int);
    va_end(ap);
    return total;
}

/* --- wrappers --------------------------------------------------------------------- */

static void *types_add[3];
static PyObject *wrap_add(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    unsigned long long bits;
    if (n != 2)
        return jiffi_api->bad_count(self, n);
    if (jiffi_get_int(self, 0, args[0], sizeof(int), 1, &bits) < 0)
        return NULL;
    int a = (int)bits;
    if (jiffi_get_int(self, 1, args[1], sizeof(int), 1, &bits) < 0)
        return NULL;
    int b = (int)bits;
    jiffi_state s = jiffi_release();
    int result = add(a, b);
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}
static PyObject *wrap_add_held(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    unsigned long long bits;
    if (n != 2)
        return jiffi_api->bad_count(self, n);
    if (jiffi_get_int(self, 0, args[0], sizeof(int), 1, &bits) < 0)
        return NULL;
    int a = (int)bits;
    if (jiffi_get_int(self, 1, args[1], sizeof(int), 1, &bits) < 0)
        return NULL;
    int b = (int)bits;
    jiffi_state s = jiffi_hold(self);
    int result = add(a, b);
    if (jiffi_held(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}

static PyObject *wrap_answer(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)args;
    if (n)
        return jiffi_api->bad_count(self, n);
    jiffi_state s = jiffi_release();
    int result = answer();
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}

static PyObject *wrap_plain_answer(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return jiffi_from_signed(answer());
}

static void *types_negate[2];
static PyObject *wrap_negate(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(int), 1, &bits) < 0)
        return NULL;
    jiffi_state s = jiffi_release();
    int result = negate((int)bits);
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}

static PyObject *wrap_scale(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    double a, b;
    if (n != 2)
        return jiffi_api->bad_count(self, n);
    if (jiffi_get_double(self, 0, args[0], &a) < 0 ||
        jiffi_get_double(self, 1, args[1], &b) < 0)
        return NULL;
    jiffi_state s = jiffi_hold(self);
    double result = scale(a, (float)b);
    if (jiffi_held(s) < 0)
        return NULL;
    return PyFloat_FromDouble(result);
}

static PyObject *wrap_low(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    unsigned long long a, b;
    if (n != 2)
        return jiffi_api->bad_count(self, n);
    if (jiffi_get_int(self, 0, args[0], 1, 0, &a) < 0 ||
        jiffi_get_int(self, 1, args[1], 1, 1, &b) < 0)
        return NULL;
    return jiffi_from_unsigned(low((unsigned char)a, (signed char)b));
}

static PyObject *wrap_big(PyObject *self, PyObject *arg)
{
    unsigned long long a;
    if (jiffi_get_int(self, 0, arg, sizeof a, 0, &a) < 0)
        return NULL;
    return jiffi_from_unsigned(big(a));
}

static void *types_touch[2];
static PyObject *wrap_touch(PyObject *self, PyObject *arg)
{
    void *p;
    jiffi_temps *temps = NULL;
    PyObject *result = NULL;
    if (jiffi_api->to_pointer(self, 0, arg, types_touch[1], &p, &temps) == 0) {
        jiffi_state s = jiffi_release();
        touch((int *)p);
        if (jiffi_take(s) == 0) {
            Py_INCREF(Py_None);
            result = Py_None;
        }
    }
    if (temps)
        jiffi_api->free_temps(temps);
    return result;
}

static void *types_length[2];
static PyObject *wrap_length(PyObject *self, PyObject *arg)
{
    void *p;
    jiffi_temps *temps = NULL;
    PyObject *result = NULL;
    if (jiffi_api->to_pointer(self, 0, arg, types_length[1], &p, &temps) == 0) {
        jiffi_state s = jiffi_release();
        size_t n = length((const char *)p);
        result = jiffi_take(s) < 0 ? NULL : jiffi_from_unsigned(n);
    }
    if (temps)
        jiffi_api->free_temps(temps);
    return result;
}

static void *types_move[3];
static PyObject *wrap_move(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    point p;
    unsigned long long by;
    if (n != 2)
        return jiffi_api->bad_count(self, n);
    if (jiffi_api->to_value(self, 0, args[0], types_move[1], &p) < 0 ||
        jiffi_get_int(self, 1, args[1], sizeof(int), 1, &by) < 0)
        return NULL;
    jiffi_state s = jiffi_release();
    p = move(p, (int)by);
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_api->from_value(types_move[0], &p);
}

static void *types_same[2];
static PyObject *wrap_same(PyObject *self, PyObject *arg)
{
    void *p;
    jiffi_temps *temps = NULL;
    if (jiffi_api->to_pointer(self, 0, arg, types_same[1], &p, &temps) < 0)
        return NULL;
    PyObject *result = jiffi_api->from_pointer(types_same[0], same((point *)p));
    if (temps)
        jiffi_api->free_temps(temps);
    return result;
}

static void *types_flip[2];
static PyObject *wrap_flip(PyObject *self, PyObject *arg)
{
    _Bool b;
    if (jiffi_api->to_value(self, 0, arg, types_flip[1], &b) < 0)
        return NULL;
    return PyBool_FromLong(flip(b));
}

static PyObject *wrap_set_errno(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(int), 1, &bits) < 0)
        return NULL;
    jiffi_state s = jiffi_release();
    int result = set_errno((int)bits);
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}
static PyObject *wrap_set_errno_held(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(int), 1, &bits) < 0)
        return NULL;
    jiffi_state s = jiffi_hold(self);
    int result = set_errno((int)bits);
    if (jiffi_held(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}

static void *types_apply[4];
static PyObject *wrap_apply(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    void *f;
    unsigned long long a, b;
    jiffi_temps *temps = NULL;
    PyObject *result = NULL;
    if (n != 3)
        return jiffi_api->bad_count(self, n);
    if (jiffi_api->to_pointer(self, 0, args[0], types_apply[1], &f, &temps) == 0 &&
        jiffi_get_int(self, 1, args[1], sizeof(int), 1, &a) == 0 &&
        jiffi_get_int(self, 2, args[2], sizeof(int), 1, &b) == 0) {
        jiffi_state s = jiffi_release();
        int r = apply((int (*)(int, int))f, (int)a, (int)b);
        result = jiffi_take(s) < 0 ? NULL : jiffi_from_signed(r);
    }
    if (temps)
        jiffi_api->free_temps(temps);
    return result;
}

static PyObject *wrap_twice_number(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(number), (number)-1 <= 0, &bits) < 0)
        return NULL;
    return jiffi_from_signed((number)(2 * (number)bits));
}
static number twice_number(number n) { return (number)(2 * n); }
static PyObject *wrap_own(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(int), 1, &bits) < 0)
        return NULL;
    return jiffi_from_signed((int)bits + 1);
}
static int own(int a) { return a + 1; }

/* --- extern "Python" ------------------------------------------------------------------ */

static jiffi_extern_python x_twice = {"twice", sizeof(int), NULL, NULL};
static int twice(int a)
{
    unsigned long long cells[1];
    memcpy(cells, &a, sizeof a);
    jiffi_api->call_python(&x_twice, cells);
    memcpy(&a, cells, sizeof a);
    return a;
}
static jiffi_extern_python x_shift = {"shift", sizeof(point), NULL, NULL};
static point shift(point p, char c, double d, long double e)
{
    unsigned long long cells[4];
    const void *at = &p;
    memcpy(cells, &at, sizeof at);
    memcpy(cells + 1, &c, sizeof c);
    memcpy(cells + 2, &d, sizeof d);
    at = &e;
    memcpy(cells + 3, &at, sizeof at);
    jiffi_api->call_python(&x_shift, cells);
    memcpy(&p, cells, sizeof p);
    return p;
}
static jiffi_extern_python x_note = {"note", 0, NULL, NULL};
static void note(const char *s)
{
    unsigned long long cells[1];
    memcpy(cells, &s, sizeof s);
    jiffi_api->call_python(&x_note, cells);
}
static int call_twice(int a) { return twice(a); }
static PyObject *wrap_call_twice(PyObject *self, PyObject *arg)
{
    unsigned long long bits;
    if (jiffi_get_int(self, 0, arg, sizeof(int), 1, &bits) < 0)
        return NULL;
    jiffi_state s = jiffi_release();
    int result = call_twice((int)bits);
    if (jiffi_take(s) < 0)
        return NULL;
    return jiffi_from_signed(result);
}
static void *thread_body(void *cell)
{
    *(int *)cell = twice(*(int *)cell);
    return NULL;
}
static int twice_in_thread(int a)
{
    pthread_t t;
    if (pthread_create(&t, NULL, thread_body, &a))
        return -1;
    pthread_join(t, NULL);
    return a;
}
static double call_shift(int x) { point p = {x, 2, 3}; p = shift(p, 'c', 1.5, 2.5L); return p.x + p.y + p.z; }
static void call_note(const char *s) { note(s); }

/* --- variables, constants ------------------------------------------------------------------ */

static void *address_counter(void) { return &counter; }
static void *address_ratio(void) { return &ratio; }
static void *address_label(void) { return (void *)&label; }
static void *address_table(void) { return &table; }
static void value_half(void *out) { memcpy(out, &half, sizeof half); }
static void value_greeting(void *out) { memcpy(out, &greeting, sizeof greeting); }
static void value_origin(void *out) { memcpy(out, &origin, sizeof origin); }
static int integer_RED(unsigned long long *bits) { *bits = RED; return 0; }
static int integer_GREEN(unsigned long long *bits) { *bits = GREEN; return 0; }
static int integer_SIZE(unsigned long long *bits) { *bits = 12; return 0; }
static int integer_BELOW(unsigned long long *bits) { *bits = (unsigned long long)-3; return 1; }
static int integer_TOP(unsigned long long *bits) { *bits = ~0ULL; return 0; }
static int integer_WRONG(unsigned long long *bits) { *bits = 7; return 0; }
static int integer_LIMIT(unsigned long long *bits) { *bits = 99; return 0; }

/* --- the description ------------------------------------------------------------------------- */

#define FAST(name) JIFFI_FUNCTION, {0}, METH_FASTCALL, JIFFI_FAST(wrap_##name)
#define ONE(name) JIFFI_FUNCTION, {0}, METH_O, wrap_##name
#define NOARGS(name) JIFFI_FUNCTION, {0}, METH_NOARGS, wrap_##name
#define C(f) (void (*)(void))(f), NULL, NULL, NULL, NULL
#define DIRECT JIFFI_FUNCTION, {0}, 0, NULL, NULL
#define VARIABLE(v) JIFFI_VARIABLE, {0}, 0, NULL, NULL, NULL, address_##v, NULL, NULL, NULL
#define INTEGER(v) JIFFI_INTEGER, {0}, 0, NULL, NULL, NULL, NULL, integer_##v, NULL, NULL
#define VALUE(v) JIFFI_VALUE, {0}, 0, NULL, NULL, NULL, NULL, NULL, value_##v, NULL
#define EXTERN(v) JIFFI_EXTERN_PYTHON, {0}, 0, NULL, NULL, (void (*)(void))v, NULL, NULL, NULL, &x_##v

static const jiffi_symbol symbols[] = {
#ifdef SAMPLE_SMALL
    {"own", ONE(own), NULL, C(own)},
#else
    {"BELOW", INTEGER(BELOW)},
    {"GREEN", INTEGER(GREEN)},
    {"LIMIT", INTEGER(LIMIT)},
    {"RED", INTEGER(RED)},
    {"SIZE", INTEGER(SIZE)},
    {"TOP", INTEGER(TOP)},
    {"WRONG", INTEGER(WRONG)},
    {"add", FAST(add), types_add, C(add)},
    {"add_held", FAST(add_held), NULL, C(add)},
#ifdef SAMPLE_SWAPPED
    {"answer", ONE(negate), NULL, C(answer)},
#else
    {"answer", FAST(answer), NULL, C(answer)},
#endif
    {"apply", FAST(apply), types_apply, C(apply)},
    {"big", ONE(big), NULL, C(big)},
    {"call_note", DIRECT, C(call_note)},
    {"call_shift", DIRECT, C(call_shift)},
    {"call_twice", ONE(call_twice), NULL, C(call_twice)},
#ifdef SAMPLE_SWAPPED
    {"counter", FAST(add), types_add, C(add)},
#else
    {"counter", VARIABLE(counter)},
#endif
    {"flip", ONE(flip), types_flip, C(flip)},
    {"greeting", VALUE(greeting)},
#ifdef SAMPLE_SWAPPED
    {"half", FAST(add), types_add, C(add)},
#else
    {"half", VALUE(half)},
#endif
    {"label", VARIABLE(label)},
    {"length", ONE(length), types_length, C(length)},
    {"low", FAST(low), NULL, C(low)},
    {"move", FAST(move), types_move, C(move)},
    {"negate", ONE(negate), types_negate, C(negate)},
    {"note", EXTERN(note)},
    {"origin", VALUE(origin)},
    {"plain_answer", NOARGS(plain_answer), NULL, C(answer)},
    {"ratio", VARIABLE(ratio)},
    {"same", ONE(same), types_same, C(same)},
    {"scale", FAST(scale), NULL, C(scale)},
    {"set_errno", ONE(set_errno), NULL, C(set_errno)},
    {"set_errno_held", ONE(set_errno_held), NULL, C(set_errno)},
    {"shift", EXTERN(shift)},
    {"sum", DIRECT, C(sum)},
    {"table", VARIABLE(table)},
    {"touch", ONE(touch), types_touch, C(touch)},
    {"twice", EXTERN(twice)},
    {"twice_in_thread", DIRECT, C(twice_in_thread)},
    {"twice_number", ONE(twice_number), NULL, C(twice_number)},
#ifdef SAMPLE_UNSORTED
    {"a_late_one", INTEGER(SIZE)},
#endif
#ifdef SAMPLE_KIND
    {"zzz", 77, {0}, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
#endif
#ifdef SAMPLE_EMPTY
    {"zzz", JIFFI_FUNCTION, {0}, METH_O, wrap_negate, NULL, NULL, NULL, NULL, NULL, NULL},
#endif
#ifdef SAMPLE_NAMELESS
    {NULL, INTEGER(SIZE)},
#endif
#endif
};

static const char *const lines[] = {
#ifdef SAMPLE_SMALL
    "int own(int a); point *unused(void);",
#else
    "typedef struct point { int x; short y; double z; } point;\n",
    "extern int counter; extern double ratio; extern const char *label;\n"
    "extern int table[4]; static const double half; static char *const greeting;\n"
    "static const point origin;\n",
    "int add(int a, int b); int add_held(int a, int b); int answer(void); int plain_answer(void);\n"
    "int negate(int a); double scale(double a, float b);\n"
    "unsigned char low(unsigned char c, signed char d);\n"
    "unsigned long long big(unsigned long long a);\n"
    "void touch(int *p); size_t length(const char *s);\n"
    "point move(point p, int by); point *same(point *p); _Bool flip(_Bool b);\n"
    "int set_errno(int e); int set_errno_held(int e);\n"
    "int apply(int (*f)(int, int), int a, int b); int sum(int n, ...);\n",
    "#define SIZE 12\n#define BELOW -3\n#define TOP 0xffffffffffffffff\n"
    "#define WRONG 8\n#define LIMIT ...\n#define THIRD 0.25\n",
    "extern \"Python\" int twice(int);\n"
    "extern \"Python+C\" { point shift(point, char, double, long double);"
    " void note(const char *s); }\n"
    "int call_twice(int a); int twice_in_thread(int a); double call_shift(int x); void call_note(const char *s);\n",
    "int not_in_table(void);\n"
    "typedef struct { double b; ...; } partial; typedef int... number;\n"
    "typedef int open_array[...]; enum color { RED, GREEN = ... };\n"
    "number twice_number(number n);\n",
#endif
    NULL};
static const jiffi_text texts[] = {{lines, 0, 0, 0, 0, 0}};

static const jiffi_member point_members[] = {
    {"x", offsetof(point, x), sizeof(int)},
    {"y", offsetof(point, y), sizeof(short)},
    {"z", offsetof(point, z), sizeof(double)},
};
static const jiffi_member partial_members[] = {
    {"b", offsetof(partial, b), sizeof(double)},
};
#ifndef SAMPLE_ALIGN
#define SAMPLE_ALIGN 8
#endif
static const jiffi_record records[] = {
    {"partial", sizeof(partial), 8, partial_members, 1},
    {"struct point", sizeof(point), SAMPLE_ALIGN, point_members, 3},
};
#ifndef SAMPLE_TYPE_SIZE
#define SAMPLE_TYPE_SIZE sizeof(number)
#endif
static const jiffi_typedef typedefs[] = {
    {"number", SAMPLE_TYPE_SIZE, 'i'},
};
static const jiffi_length lengths[] = {
    {"open_array", 0, sizeof(open_array) / sizeof(int)},
};

#ifndef SAMPLE_ABI
#define SAMPLE_ABI JIFFI_MODULE_ABI
#endif
#ifndef SAMPLE_SIZE
#define SAMPLE_SIZE sizeof(jiffi_module)
#endif
#ifdef SAMPLE_INCLUDES
static const char *const includes[] = {SAMPLE_INCLUDES, NULL};
#else
#define includes NULL
#endif
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const jiffi_module description = {
    SAMPLE_ABI, SAMPLE_SIZE, "sample", "0.1.0-hand", &jiffi_api, texts, includes,
    records,
#ifdef SAMPLE_NO_TABLE
    NULL,
#else
    lengths,
#endif
    typedefs, symbols, COUNT(texts), COUNT(records), COUNT(lengths), COUNT(typedefs),
    COUNT(symbols), 1, 0, NULL};

static int sample_exec(PyObject *module)
{
    return jiffi_exec(module, &description, SAMPLE_BACKEND);
}
static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)sample_exec}, {0, NULL}};
static PyModuleDef sample_def = {PyModuleDef_HEAD_INIT, "sample", NULL, 0, NULL, slots,
                                 NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_sample(void);
PyMODINIT_FUNC PyInit_sample(void)
{
    return PyModuleDef_Init(&sample_def);
}
