/* SPDX-License-Identifier: MIT
 *
 * C functions with known answers, one per way of passing values that a calling
 * convention has: `_cffi_backend._testfunc(n)` is the address of the n-th. The
 * numbers and signatures are those that tests written for cffi count on. And
 * `_testbuff(type, which)` makes instances of a class buffers of three bytes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "python/cffi/backend.h"

/* Small structs, named after what is in them. */
typedef struct BH {
    unsigned char a1;
    short a2;
} BH;
typedef struct II {
    int a1, a2;
} II;
typedef struct D {
    double a1;
} D;
typedef struct III {
    int a1, a2, a3;
} III;
typedef struct F {
    float a1;
} F;
typedef struct FI {
    float a1;
    int a2;
} FI;
typedef struct FF {
    float a1, a2;
} FF;
typedef struct IF {
    int a1;
    float a2;
} IF;
typedef struct I10 {
    int a[10];
} I10;

static signed char add_bytes(signed char a, signed char b)
{
    return (signed char)(a + b);
}

static long add_longs(int a, long b)
{
    return (long)((unsigned long)a + (unsigned long)b);
}

static long long add_llongs(long long a, long long b)
{
    return (long long)((unsigned long long)a + (unsigned long long)b);
}

static double add_doubles(float a, double b)
{
    return (double)a + b;
}

static float add_floats(float a, double b)
{
    return (float)((double)a + b);
}

static void add_errno(void)
{
    errno += 15;
}

static int *minus_1000(int *x)
{
    static _Thread_local int answer;
    answer = *x - 1000;
    return &answer;
}

static short sum_struct(BH s)
{
    return (short)(s.a1 + s.a2);
}

static int sum_variadic(int n, ...)
{
    int total = 0;
    va_list args;
    va_start(args, n);
    while (n-- > 0) {
        int v = va_arg(args, int);
        total += v ? v : -66666666;
    }
    va_end(args);
    return total;
}

static BH powers_bh(int n)
{
    return (BH){(unsigned char)n, (short)(n * n)};
}

static II powers_ii(int n)
{
    return (II){n, n * n};
}

static D one_d(int n)
{
    return (D){n};
}

static III powers_iii(int n)
{
    return (III){n, n * n, n * n * n};
}

static F one_f(int n)
{
    return (F){(float)n};
}

static FI powers_fi(int n)
{
    return (FI){(float)n, n * n};
}

static FF plus_minus_ff(int n)
{
    return (FF){(float)n, -(float)n};
}

static IF powers_if(int n)
{
    return (IF){n, (float)n * (float)n};
}

static int sum_pointed_if(const IF *p)
{
    return p->a1 + (int)p->a2;
}

/* Chaotic: wrong in any digit, soon wrong in all. */
static long double logistic(long double x, int times)
{
    while (times-- > 0)
        x = 4 * x - x * x;
    return x;
}

static short sum_pointed_bh(const BH *p)
{
    return (short)(p->a1 + p->a2);
}

/* Ten ints that do not fit registers: the i-th counts 2 to the i. */
static int weigh(I10 s)
{
    int total = 0;
    for (int i = 0; i < 10; i++)
        total += s.a[i] << i;
    return total;
}

static I10 subtract(I10 s, I10 t)
{
    for (int i = 0; i < 10; i++)
        s.a[i] -= t.a[i];
    return s;
}

static int first_byte(const char *p)
{
    return p ? 1000 * p[0] : -42;
}

#define F(f) ((void (*)(void))f)

PyObject *jpy_backend_testfunc(PyObject *module, PyObject *arg)
{
    (void)module;
    static void (*const all[])(void) = {
        F(add_bytes),      F(add_longs),     F(add_llongs),
        F(add_doubles),    F(add_floats),    F(add_errno),
        F(minus_1000),     F(sum_struct),    NULL,
        F(sum_variadic),   F(powers_bh),     F(powers_ii),
        F(one_d),          F(powers_iii),    F(one_f),
        F(powers_fi),      F(plus_minus_ff), F(powers_if),
        F(sum_pointed_if), F(logistic),      F(sum_pointed_bh),
        F(weigh),          F(subtract),      F(first_byte)};
    int n = -1;
    if (jpy_ffi_int(arg, &n) < 0)
        return NULL;
    if (n == 8) /* no function, but a pointer all the same */
        return PyLong_FromVoidPtr(stderr);
    if (n >= 0 && n < (int)JF_COUNT(all))
        return PyLong_FromVoidPtr((void *)(uintptr_t)all[n]);
    PyErr_Format(PyExc_ValueError, "there is no test function %d", n);
    return NULL;
}

static int writable_buffer(PyObject *o, Py_buffer *view, int flags)
{
    static char bytes[] = "GTB";
    return PyBuffer_FillInfo(view, o, bytes, 3, 0, flags);
}

static int readonly_buffer(PyObject *o, Py_buffer *view, int flags)
{
    static char bytes[] = "ROB";
    return PyBuffer_FillInfo(view, o, bytes, 3, 1, flags);
}

PyObject *jpy_backend_testbuff(PyObject *module, PyObject *args)
{
    (void)module;
    enum { MAY_WRITE = 8, MAY_READ = 16 };
    PyObject *o;
    int which;
    if (!PyArg_ParseTuple(args, "O!i:_testbuff", &PyType_Type, &o, &which))
        return NULL;
    PyTypeObject *type = (PyTypeObject *)o;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || !type->tp_as_buffer) {
        PyErr_SetString(PyExc_TypeError, "expected a class made by Python code");
        return NULL;
    }
    if (which & (MAY_WRITE | MAY_READ))
        type->tp_as_buffer->bf_getbuffer =
            which & MAY_READ ? readonly_buffer : writable_buffer;
    Py_RETURN_NONE;
}
