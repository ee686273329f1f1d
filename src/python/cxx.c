/* SPDX-License-Identifier: MIT
 *
 * A C++ exception that came out of a call becomes a Python exception: it is read
 * (exec/cxx.h), told apart, and given back to the C++ library it is from. Also
 * jiffi.CxxError, for whatever Python has no class for.
 */
#include "python/cxx.h"

#include <string.h>

enum { DEEPEST = 32 }; /* exceptions nested in each other that are followed */

/* --- jiffi.CxxError ------------------------------------------------------------ */

static int error_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return ((PyTypeObject *)PyExc_RuntimeError)->tp_traverse(self, visit, arg);
}

static int error_clear(PyObject *self)
{
    return ((PyTypeObject *)PyExc_RuntimeError)->tp_clear(self);
}

static PyObject *error_what(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyObject_GetAttrString(self, "_what");
}

static PyMethodDef error_methods[] = {
    {"what", error_what, METH_NOARGS,
     "what($self, /)\n--\n\nWhat std::exception::what() said; for other types the "
     "text that was\nthrown, or None."},
    {NULL, NULL, 0, NULL}};

int jpy_init_cxx(State *st, PyObject *module)
{
    PyType_Slot slots[] = {
        {Py_tp_doc,
         "A C++ exception that came out of a function declared may_throw.\n\n"
         "type: its type in C++, as text. what(): its message. value: what was "
         "thrown,\nif that was a number or text; else None. cxx_type: the same as "
         "type; other\nexceptions that stand for one of C++ have it as well."},
        {Py_tp_traverse, error_traverse},
        {Py_tp_clear, error_clear},
        {Py_tp_methods, error_methods},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = jpy_flavour_name(st, "jiffi.CxxError"),
        .basicsize = sizeof(PyBaseExceptionObject),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    static const char *const unknown[] = {"type", "value", "cxx_type", "_what"};
    PyObject *bases = PyTuple_Pack(1, PyExc_RuntimeError);
    st->cxx_error = bases ? PyType_FromSpecWithBases(&spec, bases) : NULL;
    Py_XDECREF(bases);
    if (!st->cxx_error)
        return -1;
    for (size_t i = 0; i < JF_COUNT(unknown); i++)
        if (PyObject_SetAttrString(st->cxx_error, unknown[i], Py_None) < 0)
            return -1;
    return PyModule_AddObjectRef(module, "CxxError", st->cxx_error);
}

/* --- reading ------------------------------------------------------------------------ */

static void read_bases(CxxBases *b)
{
    b->n = b->thrown.type ? jf_cxx_bases(b->thrown.type, b->thrown.object, b->list,
                                         JF_CXX_BASES)
                          : 0;
}

/* Takes `part` out of the text, wherever it is. */
static void take_out(char *text, const char *part)
{
    size_t n = strlen(part);
    for (char *p = text; (p = strstr(p, part)) != NULL;)
        memmove(p, p + n, strlen(p + n) + 1);
}

PyObject *jpy_cxx_type_name(const CxxBases *b, const char *mangled)
{
    static const char *const noise[] = {"__cxx11::", "__1::", "[abi:cxx11]"};
    static const char string[] =
        "std::basic_string<char, std::char_traits<char>, std::allocator<char> >";
    char *text = jf_cxx_demangle(b->exception, mangled);
    if (!text)
        return PyUnicode_DecodeLatin1(mangled, (Py_ssize_t)strlen(mangled), NULL);
    for (size_t k = 0; k < JF_COUNT(noise); k++)
        take_out(text, noise[k]);
    PyObject *o = strcmp(text, string) == 0 ? PyUnicode_FromString("std::string")
                                            : jpy_cxx_text(text, strlen(text));
    jf_free(text);
    return o;
}

/* --- nested exceptions ----------------------------------------------------------------- */

/* C++11 18.8.6: std::nested_exception is a virtual table and an exception_ptr, which
 * is a pointer to the object that was thrown. */
static void *nested_in(const CxxBases *b)
{
    for (uint32_t k = 0; k < b->n; k++)
        if (strcmp(b->list[k].name, "St16nested_exception") == 0)
            return ((void **)b->list[k].at)[1];
    return NULL;
}

static PyObject *build(const State *st, PyObject *own, const CxxBases *b, int depth)
{
    PyObject *carried = jf_cxx_payload(&b->thrown);
    PyObject *e = carried ? Py_NewRef(carried) : jpy_cxx_exception(st, own, b);
    void *inner = e && !carried ? nested_in(b) : NULL;
    if (!inner || depth == DEEPEST)
        return e;
    CxxBases *more = PyMem_Malloc(sizeof *more);
    PyObject *cause = NULL;
    if (more) {
        more->exception = b->exception;
        jf_cxx_read_object(inner, &more->thrown);
        read_bases(more);
        cause = build(st, own, more, depth + 1);
    }
    PyMem_Free(more);
    if (cause)
        PyException_SetCause(e, cause);
    else
        PyErr_Clear(); /* the outer one matters more */
    return e;
}

/* --- the door --------------------------------------------------------------------------- */

void jpy_cxx_raise(CDataObject *fn, void *exception)
{
    const FunctionInfo *f = jpy_function_info(fn);
    const State *st = fn->ctype->st;
    PyObject *pending = jpy_call_failed() ? jpy_exception_take() : NULL;
    CxxBases *b = PyMem_Malloc(sizeof *b);
    PyObject *e = NULL;
    jf_cxx_begin(exception);
    if (b) {
        b->exception = exception;
        jf_cxx_read(exception, &b->thrown);
        read_bases(b);
        e = build(st, f ? f->cxx : NULL, b, 0);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(b);
    if (!e) /* a mapping that failed is what is raised */
        e = jpy_exception_take();
    jf_cxx_end(
        exception); /* runs destructors, perhaps Python: nothing is set now */
    if (pending && pending != e)
        PyException_SetContext(e, pending);
    else
        Py_XDECREF(pending);
    jpy_exception_give(e);
}
