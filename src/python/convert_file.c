/* SPDX-License-Identifier: MIT
 *
 * Python files where C wants a `FILE *`: a stream of its own over a copy of the
 * file descriptor, unbuffered so that both sides' writes keep their order. It is
 * kept with the file object and closed with it, as cffi does.
 */
#include "python/jpy.h"

#include <stdio.h>
#include <string.h>

static const char attribute[] = "__jiffi_FILE";

int jpy_is_file_pointer(const CTypeObject *ct)
{
    if (!ct->is_data_ptr || ct->type->to->kind != JF_STRUCT)
        return 0;
    const jf_Record *r = ct->type->to->u.rec;
    const char *name = r->tag ? r->tag : r->alias ? r->alias : "";
    return strcmp(name, "_IO_FILE") == 0 || strcmp(name, "FILE") == 0;
}

static void close_stream(PyObject *capsule)
{
    FILE *f = PyCapsule_GetPointer(capsule, attribute);
    if (f)
        fclose(f);
}

/* os.dup(file.fileno()), which is not inherited by child processes; -1. */
static int copy_descriptor(PyObject *file)
{
    int fd = PyObject_AsFileDescriptor(file);
    PyObject *os = fd < 0 ? NULL : PyImport_ImportModule("os");
    PyObject *copy = os ? PyObject_CallMethod(os, "dup", "i", fd) : NULL;
    fd = copy ? (int)PyLong_AsLong(copy) : -1;
    Py_XDECREF(os);
    Py_XDECREF(copy);
    return fd;
}

static PyObject *new_stream(PyObject *file)
{
    PyObject *mode = PyObject_GetAttrString(file, "mode");
    const char *text = mode ? PyUnicode_AsUTF8(mode) : NULL;
    int fd = text ? copy_descriptor(file) : -1;
    FILE *f = fd < 0 ? NULL : fdopen(fd, text);
    if (fd >= 0 && !f)
        PyErr_SetFromErrno(PyExc_OSError);
    Py_XDECREF(mode);
    if (!f)
        return NULL;
    setbuf(f, NULL);
    PyObject *capsule = PyCapsule_New(f, attribute, close_stream);
    if (!capsule) {
        fclose(f);
    } else if (PyObject_SetAttrString(file, attribute, capsule) < 0) {
        Py_CLEAR(capsule);
    }
    return capsule;
}

/* 1 and *stream for a Python file, 0 if `o` is none, -1 with an exception. */
int jpy_file_stream(PyObject *o, void **stream)
{
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *base = io ? PyObject_GetAttrString(io, "_IOBase") : NULL;
    int is_file = base ? PyObject_IsInstance(o, base) : -1;
    Py_XDECREF(io);
    Py_XDECREF(base);
    if (is_file <= 0)
        return is_file;
    PyObject *flushed = PyObject_CallMethod(o, "flush", NULL);
    if (!flushed)
        return -1;
    Py_DECREF(flushed);
    PyObject *capsule = PyObject_GetAttrString(o, attribute);
    if (!capsule) {
        PyErr_Clear();
        capsule = new_stream(o);
    }
    if (!capsule)
        return -1;
    *stream = PyCapsule_GetPointer(capsule, attribute);
    Py_DECREF(capsule); /* the file object holds it */
    return *stream ? 1 : -1;
}
