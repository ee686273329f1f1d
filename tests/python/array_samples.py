# SPDX-License-Identifier: MIT
"""Functions that take arrays, compiled once per run, and producers of arrays that need
no package: DLPack tensors and Arrow columns made of ctypes structures."""

import array
import atexit
import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# C type -> what its functions are called
TYPES = {
    "_Bool": "bool", "char": "char", "signed char": "i8", "unsigned char": "u8",
    "short": "i16", "unsigned short": "u16", "int": "i32", "unsigned": "u32",
    "long": "long", "unsigned long": "ulong", "long long": "i64",
    "unsigned long long": "u64", "float": "f32", "double": "f64",
    "long double": "ld", "float _Complex": "cf32", "double _Complex": "cf64",
    "void": "void", "struct pair": "pair", "struct nest": "nest", "union either": "either",
    "struct flags": "flags", "enum level": "level", "row": "row", "wchar_t": "wchar",
}
RECORDS = """
    struct pair { int a; double b; };
    struct nest { struct pair p[2]; struct { unsigned char r, g; } c; float f[3]; };
    union either { int i; double d; };
    struct flags { unsigned x : 3, y : 5; short z; };
    enum level { LOW, HIGH };
    typedef double row[3];
"""
FUNCTIONS = RECORDS + "".join(
    "uintptr_t at_%s(const %s *p); uintptr_t to_%s(%s *p);\n" % (n, t, n, t)
    for t, n in TYPES.items()) + """
    double sum(const double *data, size_t n)
        __attribute__((access(read_only, 1, 2)));
    double dot(const double *a, const double *b, int n);
    int fill(unsigned short n, float v, float *out);
    size_t bytes_of(const void *p, size_t n, int times);
    int length(const char *text, signed char n);
    double pairs(const struct pair *p, long n);
    int two(const int *a, int na, const short *b, int nb);
    long ten(int n, const int *a, const int *b, const int *c, const int *d, double x,
             long m, const long *e, const long *f, char last);
    struct pair first(const struct pair *p, int n);
    void slow(double *p, int n, const volatile int *go);
    int opaque(struct hidden *p, int n);
    int variadic(int n, ...);
    extern double (*sum_pointer)(const double *, size_t);
"""
SOURCE = """
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>
#include <unistd.h>
%s
double sum(const double *data, size_t n)
{ double s = 0; for (size_t i = 0; i < n; i++) s += data[i]; return s; }
double (*sum_pointer)(const double *, size_t) = sum;
double dot(const double *a, const double *b, int n)
{ double s = 0; for (int i = 0; i < n; i++) s += a[i] * b[i]; return s; }
int fill(unsigned short n, float v, float *out)
{ for (int i = 0; i < n; i++) out[i] = v; return n; }
size_t bytes_of(const void *p, size_t n, int times) { return p || !n ? n * times : -1; }
int length(const char *text, signed char n) { return text || !n ? n : -1; }
double pairs(const struct pair *p, long n)
{ double s = 0; for (long i = 0; i < n; i++) s += p[i].a * p[i].b; return s; }
int two(const int *a, int na, const short *b, int nb)
{ int s = 1000 * na + nb; for (int i = 0; i < na; i++) s += a[i];
  for (int i = 0; i < nb; i++) s += b[i]; return s; }
long ten(int n, const int *a, const int *b, const int *c, const int *d, double x,
         long m, const long *e, const long *f, char last)
{ long s = 0; for (int i = 0; i < n; i++) s += a[i] + b[i] + c[i] + d[i];
  for (long i = 0; i < m; i++) s += 100 * (e[i] + f[i]); return s + (long)x + last; }
struct pair first(const struct pair *p, int n)
{ struct pair none = {-1, -1}; return n ? *p : none; }
void slow(double *p, int n, const volatile int *go)
{ while (!*go) usleep(1000); for (int i = 0; i < n; i++) p[i] += 1; }
int opaque(struct hidden *p, int n) { return p ? n : -1; }
int variadic(int n, ...) { return n; }
""" % (RECORDS + "".join(
    "uintptr_t at_%s(const %s *p) { return (uintptr_t)p; }\n"
    "uintptr_t to_%s(%s *p) { return (uintptr_t)p; }\n" % (n, t, n, t)
    for t, n in TYPES.items()))


_path = None


def path():
    """The compiled library's path."""
    global _path
    if _path is None:
        where = Path(tempfile.mkdtemp(prefix="jiffi-arrays-"))
        atexit.register(shutil.rmtree, where, ignore_errors=True)
        (where / "arrays.c").write_text("struct hidden;\n" + SOURCE)
        _path = str(where / "arrays.so")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-w",
                        "-o", _path, str(where / "arrays.c")], check=True)
    return _path


# --- DLPack ------------------------------------------------------------------------

INT, UINT, FLOAT, HANDLE, BFLOAT, COMPLEX, BOOL = range(7)


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Old(ctypes.Structure):
    _fields_ = [("tensor", DLTensor), ("context", ctypes.c_void_p), ("deleter", DELETER)]


class New(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32),
                ("context", ctypes.c_void_p), ("deleter", DELETER),
                ("flags", ctypes.c_uint64), ("tensor", DLTensor)]


class Exchange(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32),
                ("older", ctypes.c_void_p), ("allocate", ctypes.c_void_p),
                ("managed", ctypes.c_void_p), ("to_object", ctypes.c_void_p),
                ("borrow", ctypes.c_void_p), ("stream", ctypes.c_void_p)]


_api = ctypes.PyDLL(None)
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = [ctypes.c_void_p]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]


def ints(values):
    return (ctypes.c_int64 * max(1, len(values)))(*values)


class Tensor:
    """What a package with tensors would be. `alive` counts what it has lent and not
    got back; `how` lists the ways it was asked."""

    def __init__(self, data, shape, code=FLOAT, bits=64, *, strides=None, lanes=1,
                 device=1, offset=0, version=(1, 0), flags=0, old=False):
        self.data, self.shape, self.strides = data, ints(shape), None
        if strides is not None:
            self.strides = ints(strides)
        self.fields = (device, 0, len(shape), code, bits, lanes)
        self.offset, self.version, self.flags, self.old = offset, version, flags, old
        self.alive, self.how, self.kept = 0, [], {}

    @property
    def address(self):
        return ctypes.addressof(self.data) + self.offset

    def managed(self, old=False):
        """A managed tensor whose deleter counts."""
        def deleter(p):
            self.alive -= 1
            self.kept.pop(p)
        t = DLTensor(ctypes.addressof(self.data), *self.fields, self.shape, self.strides,
                     self.offset)
        m = (Old(t, None, DELETER(deleter)) if old
             else New(*self.version, None, DELETER(deleter), self.flags, t))
        self.kept[ctypes.addressof(m)] = m
        self.alive += 1
        return ctypes.addressof(m)

    def __dlpack_device__(self):
        return self.fields[0], self.fields[1]


def _capsule(tensor, old):
    name = b"dltensor" if old else b"dltensor_versioned"
    m = tensor.managed(old)
    return _api.PyCapsule_New(m, name, ctypes.cast(_destroy, ctypes.c_void_p))


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _destroy(capsule):
    """A capsule that nobody took gives its tensor back."""
    name = _api.PyCapsule_GetName(capsule)
    if not name.startswith(b"used_"):
        p = _api.PyCapsule_GetPointer(capsule, name)
        (Old if name == b"dltensor" else New).from_address(p).deleter(p)


class NewTensor(Tensor):
    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        self.how.append(max_version)
        return _capsule(self, self.old or not max_version)


class OldTensor(Tensor):
    def __dlpack__(self, *, stream=None):
        self.how.append("old")
        return _capsule(self, True)


def exchange_type(name, attribute, as_capsule, major=1, fails=False):
    """A class that lends through C functions, and by __dlpack__() only reluctantly."""
    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(ctypes.c_void_p))
    def managed(o, out):
        o.how.append("exchange")
        if fails:
            return -1
        out[0] = o.managed()
        return 0

    def dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        self.how.append("__dlpack__")
        return _capsule(self, False)
    table = Exchange(major, 3, None, None, ctypes.cast(managed, ctypes.c_void_p))
    address = ctypes.addressof(table)
    value = _api.PyCapsule_New(address, b"dlpack_exchange_api", None) if as_capsule \
        else address
    return type(name, (Tensor,), {attribute: value, "__dlpack__": dlpack,
                                  "_table": (table, managed)})


# --- Arrow ------------------------------------------------------------------------

class Schema(ctypes.Structure):
    pass


class Column(ctypes.Structure):
    pass


Schema._fields_ = [("format", ctypes.c_char_p), ("name", ctypes.c_char_p),
                   ("metadata", ctypes.c_char_p), ("flags", ctypes.c_int64),
                   ("n_children", ctypes.c_int64), ("children", ctypes.c_void_p),
                   ("dictionary", ctypes.c_void_p), ("release", DELETER),
                   ("private", ctypes.c_void_p)]
Column._fields_ = [("length", ctypes.c_int64), ("null_count", ctypes.c_int64),
                   ("offset", ctypes.c_int64), ("n_buffers", ctypes.c_int64),
                   ("n_children", ctypes.c_int64),
                   ("buffers", ctypes.POINTER(ctypes.c_void_p)),
                   ("children", ctypes.c_void_p), ("dictionary", ctypes.c_void_p),
                   ("release", DELETER), ("private", ctypes.c_void_p)]


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _release_arrow(capsule):
    name = _api.PyCapsule_GetName(capsule)
    p = _api.PyCapsule_GetPointer(capsule, name)
    s = (Schema if name == b"arrow_schema" else Column).from_address(p)
    if s.release:
        s.release(p)


class Arrow:
    """A column over `data`; counts what is lent as Tensor does."""

    def __init__(self, format, data, length, *, offset=0, valid=None, nulls=0,
                 dictionary=None, children=0, buffers=2, released=False, result=None):
        self.format, self.data, self.valid = format, data, valid
        self.numbers = length, nulls, offset, buffers, children
        self.dictionary, self.released, self.result = dictionary, released, result
        self.alive, self.kept = 0, {}

    def __arrow_c_array__(self, requested_schema=None):
        if self.result is not None:
            return self.result

        def release(p):
            self.alive -= 1
            self.kept.pop(p)
        s, a = Schema(self.format), Column(*self.numbers)
        s.n_children, s.dictionary = self.numbers[4], self.dictionary
        buffers = (ctypes.c_void_p * 2)(
            ctypes.addressof(self.valid) if self.valid else None,
            ctypes.addressof(self.data) if self.data else None)
        a.buffers, a.dictionary = buffers, self.dictionary
        if not self.released:
            s.release = a.release = DELETER(release)
        capsules = []
        for struct, name in ((s, b"arrow_schema"), (a, b"arrow_array")):
            p = ctypes.addressof(struct)
            self.kept[p] = struct, buffers
            self.alive += not self.released
            capsules.append(_api.PyCapsule_New(
                p, name, ctypes.cast(_release_arrow, ctypes.c_void_p)))
        return tuple(capsules)


def doubles(n):
    return (ctypes.c_double * n)(*range(n))


def address_of(o):
    """Where the items of a buffer are."""
    if isinstance(o, array.array):
        return o.buffer_info()[0]
    return ctypes.addressof(ctypes.c_char.from_buffer(o))
