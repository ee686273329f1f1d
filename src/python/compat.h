/* SPDX-License-Identifier: MIT
 *
 * What differs between CPython 3.9 and 3.14. The only file of the front end that
 * asks which Python this is; everything else uses the words defined here.
 */
#ifndef JF_PYTHON_COMPAT_H
#define JF_PYTHON_COMPAT_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>
#include <stddef.h>
#include <structmember.h>
#if PY_VERSION_HEX < 0x030b0000
#include <frameobject.h>
#include <longintrepr.h>
#endif

#if PY_VERSION_HEX < 0x03090000
#error "CPython 3.9 or newer is needed"
#endif

/* --- names that came later ------------------------------------------------ */

#if PY_VERSION_HEX < 0x030a0000
static inline PyObject *jpy_newref(PyObject *o)
{
    Py_INCREF(o);
    return o;
}
static inline PyObject *jpy_xnewref(PyObject *o)
{
    Py_XINCREF(o);
    return o;
}
#define Py_NewRef(o) jpy_newref((PyObject *)(o))
#define Py_XNewRef(o) jpy_xnewref((PyObject *)(o))
static inline int PyModule_AddObjectRef(PyObject *module, const char *name,
                                        PyObject *value)
{
    Py_INCREF(value);
    int bad = PyModule_AddObject(module, name, value);
    if (bad < 0)
        Py_DECREF(value);
    return bad;
}
#endif

/* A type that Python code may neither call nor change. */
#if PY_VERSION_HEX >= 0x030a0000
#define JPY_TPFLAGS_NO_NEW                                                     \
    (Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE)
#define JPY_TPFLAGS_IMMUTABLE Py_TPFLAGS_IMMUTABLETYPE
#else
#define JPY_TPFLAGS_NO_NEW 0
#define JPY_TPFLAGS_IMMUTABLE 0
#endif

/* After PyType_FromSpec: make the type refuse `T()` where no flag says so. */
static inline void jpy_type_no_new(PyTypeObject *t)
{
#if PY_VERSION_HEX < 0x030a0000
    t->tp_new = NULL;
    PyType_Modified(t);
#else
    (void)t;
#endif
}

/* The exception being handled, put aside and brought back. */
#if PY_VERSION_HEX >= 0x030c0000
typedef PyObject *JpyError;
static inline JpyError jpy_error_take(void)
{
    return PyErr_GetRaisedException();
}
static inline void jpy_error_put(JpyError e)
{
    PyErr_SetRaisedException(e);
}
#else
typedef struct JpyError {
    PyObject *type, *value, *traceback;
} JpyError;
static inline JpyError jpy_error_take(void)
{
    JpyError e;
    PyErr_Fetch(&e.type, &e.value, &e.traceback);
    return e;
}
static inline void jpy_error_put(JpyError e)
{
    PyErr_Restore(e.type, e.value, e.traceback);
}
#endif

/* --- integers ------------------------------------------------------------- */

/* Where an int keeps itself, for code that reads it without the C API. Up to
 * 3.11 a signed count of 30-bit digits; since 3.12 a tag: sign in bits 0..1 (0
 * positive, 1 zero, 2 negative), count of digits from bit 3 on. */
#if PY_VERSION_HEX >= 0x030c0000
#define JPY_LONG_TAGGED 1
#define JPY_LONG_TAG_OFFSET offsetof(PyLongObject, long_value.lv_tag)
#define JPY_LONG_DIGIT_OFFSET offsetof(PyLongObject, long_value.ob_digit)
#else
#define JPY_LONG_TAGGED 0
#define JPY_LONG_TAG_OFFSET offsetof(PyVarObject, ob_size)
#define JPY_LONG_DIGIT_OFFSET offsetof(PyLongObject, ob_digit)
#endif

/* An int of at most one digit (30 bits): its value, else false. `o` must be
 * exactly an int or a subclass. */
static inline int jpy_long_small(PyObject *o, Py_ssize_t *v)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyLongObject *l = (PyLongObject *)o;
    if (!PyUnstable_Long_IsCompact(l))
        return 0;
    *v = PyUnstable_Long_CompactValue(l);
    return 1;
#else
    Py_ssize_t n = Py_SIZE(o);
    if (n < -1 || n > 1)
        return 0;
    *v = n * (Py_ssize_t)((PyLongObject *)o)->ob_digit[0] * (n != 0);
    return 1;
#endif
}

static inline int jpy_long_sign(PyObject *o)
{
    Py_ssize_t v;
    if (jpy_long_small(o, &v))
        return v > 0 ? 1 : v < 0 ? -1 : 0;
    return _PyLong_Sign(o);
}

/* Two's complement, little-endian, `n` bytes; -1 with OverflowError. */
static inline int jpy_long_to_bytes(PyObject *o, unsigned char *p, size_t n,
                                    int is_signed)
{
#if PY_VERSION_HEX >= 0x030d0000
    return _PyLong_AsByteArray((PyLongObject *)o, p, n, 1, is_signed, 1);
#else
    return _PyLong_AsByteArray((PyLongObject *)o, p, n, 1, is_signed);
#endif
}

static inline PyObject *jpy_long_from_bytes(const unsigned char *p, size_t n,
                                            int is_signed)
{
    return _PyLong_FromByteArray(p, n, 1, is_signed);
}

/* The word of an int of one digit above zero, one digit below, zero, and two
 * digits above zero. Bits of NOISE are to be cleared first (3.14 marks small ints
 * there). Before 3.12 the digit of a zero may hold anything. */
#if PY_VERSION_HEX >= 0x030c0000
#define JPY_LONG_POSITIVE UINT64_C(8)
#define JPY_LONG_NEGATIVE UINT64_C(10)
#define JPY_LONG_ZERO UINT64_C(1)
#define JPY_LONG_TWO UINT64_C(16)
#else
#define JPY_LONG_POSITIVE UINT64_C(1)
#define JPY_LONG_NEGATIVE UINT64_MAX
#define JPY_LONG_ZERO UINT64_C(0)
#define JPY_LONG_TWO UINT64_C(2)
#endif
#if PY_VERSION_HEX >= 0x030e0000
#define JPY_LONG_NOISE UINT64_C(4)
#else
#define JPY_LONG_NOISE UINT64_C(0)
#endif

/* How machine code counts a reference to None: not at all, by adding one to
 * ob_refcnt, or by asking Python. */
#if PY_VERSION_HEX >= 0x030c0000
#define JPY_NONE_IMMORTAL 1
#else
#define JPY_NONE_IMMORTAL 0
#endif
#if defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS) || defined(Py_GIL_DISABLED)
#define JPY_PLAIN_REFCOUNT 0
#else
#define JPY_PLAIN_REFCOUNT 1
#endif

/* An int that is none of the small ones, which Python keeps: what PyLong_FromLong
 * does for one digit, without its detours. A tracer of references (3.13) is not
 * told: that would cost more than all of this. 3.14 has a list of free ints. */
static inline PyObject *jpy_long_big(long v)
{
#if JPY_PLAIN_REFCOUNT && PY_VERSION_HEX < 0x030e0000
    unsigned long n = v < 0 ? 0 - (unsigned long)v : (unsigned long)v;
    if (n > PyLong_MASK)
        return PyLong_FromLong(v);
    PyObject *o = (PyObject *)PyObject_Malloc(sizeof(PyLongObject));
    if (!o)
        return PyErr_NoMemory();
    o->ob_refcnt = 1;
    o->ob_type = &PyLong_Type;
    *(uint64_t *)((char *)o + JPY_LONG_TAG_OFFSET) =
        v < 0 ? JPY_LONG_NEGATIVE : JPY_LONG_POSITIVE;
    *(uint32_t *)((char *)o + JPY_LONG_DIGIT_OFFSET) = (uint32_t)n;
    return o;
#else
    return PyLong_FromLong(v);
#endif
}

/* Any int. */
static inline PyObject *jpy_long(long v)
{
    return v >= -5 && v <= 256 ? PyLong_FromLong(v) : jpy_long_big(v);
}

/* Does this thread hold the GIL? Up to 3.11 the current state is one variable for
 * all threads. */
static inline int jpy_thread_holds_gil(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    return PyThreadState_GetUnchecked() != NULL;
#elif PY_VERSION_HEX >= 0x030c0000
    return _PyThreadState_UncheckedGet() != NULL;
#else
    PyThreadState *now = _PyThreadState_UncheckedGet();
    return now && now == PyGILState_GetThisThreadState();
#endif
}

/* Does it hold it with this state, which is its own and alive? */
static inline int jpy_thread_is_current(PyThreadState *mine)
{
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030e0000
    return mine->_status.active;
#elif PY_VERSION_HEX >= 0x030d0000
    return mine == PyThreadState_GetUnchecked();
#else
    return mine == _PyThreadState_UncheckedGet();
#endif
}

/* Delete the state of a thread that has ended, from another one. */
static inline void jpy_thread_delete(PyThreadState *ended)
{
    PyThreadState_Clear(ended);
#if PY_VERSION_HEX >= 0x030c0000
    /* Or this thread, not that one, forgets which state is its own. */
    ended->_status.bound_gilstate = 0;
#endif
    PyThreadState_Delete(ended);
}

/* The current exception as one normalised object with its traceback; NULL: none. */
static inline PyObject *jpy_exception_take(void)
{
#if PY_VERSION_HEX >= 0x030c0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (!type)
        return NULL;
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace && value)
        PyException_SetTraceback(value, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return value;
#endif
}

/* Raise it again; takes the reference. */
static inline void jpy_exception_give(PyObject *value)
{
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(value);
#else
    Py_INCREF(Py_TYPE(value));
    PyErr_Restore((PyObject *)Py_TYPE(value), value,
                  PyException_GetTraceback(value));
#endif
}

/* Add a line to what is printed below the exception, where Python has that, unless it
 * is there already: who raises one object again and again collects no lines. Without
 * an exception set; may set one. */
static inline void jpy_exception_note(PyObject *e, PyObject *text)
{
#if PY_VERSION_HEX >= 0x030b0000
    PyObject *notes = PyObject_GetAttrString(e, "__notes__");
    int known = notes ? PySequence_Contains(notes, text) : 0;
    PyErr_Clear();
    if (!known)
        Py_XDECREF(PyObject_CallMethod(e, "add_note", "O", text));
    Py_XDECREF(notes);
#else
    (void)e;
    (void)text;
#endif
}

/* Give the current exception to sys.unraisablehook: "Exception ignored <text>". */
#if PY_VERSION_HEX < 0x030d0000
void _PyErr_WriteUnraisableMsg(const char *text, PyObject *object);
#endif
static inline void jpy_write_unraisable(PyObject *text)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyErr_FormatUnraisable("Exception ignored %U", text);
#else
    const char *utf8 = PyUnicode_AsUTF8(text);
    _PyErr_WriteUnraisableMsg(utf8 ? utf8 : "in a callback", NULL);
#endif
}

/* What a weak reference points to, a new reference; NULL when it is gone. */
static inline PyObject *jpy_weakref_get(PyObject *ref)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyObject *o;
    if (PyWeakref_GetRef(ref, &o) < 0)
        PyErr_Clear();
    return o;
#else
    PyObject *o = PyWeakref_GetObject(ref);
    return o && o != Py_None ? Py_NewRef(o) : NULL;
#endif
}

/* Where a frame is in its code, for PyCode_Addr2Line(). */
static inline int jpy_frame_lasti(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030b0000
    return PyFrame_GetLasti(frame);
#elif PY_VERSION_HEX >= 0x030a0000
    return frame->f_lasti * 2;
#else
    return frame->f_lasti;
#endif
}

/* The name of a function by its code, with its class's where that is known. */
static inline PyObject *jpy_code_name(const PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030b0000
    return code->co_qualname;
#else
    return code->co_name;
#endif
}

/* The innermost Python code that runs, a new reference (NULL: none), and the place in
 * it, for jpy_site_line(). */
static inline PyObject *jpy_frame_site(int *place)
{
    PyFrameObject *frame = PyEval_GetFrame();
    *place = -1;
    if (!frame)
        return NULL;
#if PY_VERSION_HEX >= 0x030b0000
    *place = PyFrame_GetLasti(frame); /* the line is looked for when it is wanted */
#else
    *place = PyFrame_GetLineNumber(frame);
#endif
    return (PyObject *)PyFrame_GetCode(frame);
}
static inline int jpy_site_line(PyCodeObject *code, int place)
{
#if PY_VERSION_HEX >= 0x030b0000
    return PyCode_Addr2Line(code, place);
#else
    (void)code;
    return place;
#endif
}

/* May a dead object of the collector's be kept and made alive again? Not where
 * threads share the allocator's lists without a lock, or all objects are listed. */
#if defined(Py_GIL_DISABLED) || defined(Py_TRACE_REFS)
#define JPY_REUSES_GC_OBJECTS 0
#else
#define JPY_REUSES_GC_OBJECTS 1
#endif

/* --- hashes, files, modules ----------------------------------------------- */

static inline Py_hash_t jpy_hash_pointer(const void *p)
{
#if PY_VERSION_HEX >= 0x030d0000
    return Py_HashPointer(p);
#else
    return _Py_HashPointer(p);
#endif
}

/* Slots every interpreter-safe module has: own state per interpreter; the GIL
 * is used where there is a choice. */
#if PY_VERSION_HEX >= 0x030c0000
#define JPY_MODULE_SLOTS                                                       \
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#else
#define JPY_MODULE_SLOTS
#endif

#endif
