# SPDX-License-Identifier: MIT
"""Modules that cffi itself compiled, and `_cffi_backend` as jiffi has it.

cffi is installed from the package index into build/venv-stock-*, an environment that
holds nothing of jiffi; it writes and compiles the modules of stock_build.py there,
once per version. This process only loads them.
"""

import ctypes
import fcntl
import functools
import hashlib
import importlib.util
import pathlib
import subprocess
import sys

import pytest

import jiffi.dropin

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
REQUIREMENT = "cffi>=2,<3"


@functools.lru_cache(maxsize=None)
def backend():
    """Our `_cffi_backend`. It stays in sys.modules: modules import it again."""
    other = sys.modules.get("_cffi_backend")
    if other is not None and not getattr(other, "__jiffi__", False):
        pytest.skip("another _cffi_backend was imported into this process already")
    path = pathlib.Path(jiffi.dropin.path()) / "_cffi_backend.py"
    spec = importlib.util.spec_from_file_location("_cffi_backend", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return sys.modules["_cffi_backend"]


def _run(*command, **how):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **how)


def _environment(where):
    """A Python with stock cffi; skips when there is no index to get it from."""
    python = where / "bin" / "python"
    if (where / "done").exists():
        return python
    made = _run(sys.executable, "-m", "venv", "--clear", where)
    if made.returncode:
        pytest.skip("no virtual environment can be made here: " + made.stdout[-300:])
    got = _run(python, "-m", "pip", "--disable-pip-version-check", "install", "-q",
               REQUIREMENT, "setuptools")
    if got.returncode:
        pytest.skip("the package index cannot be reached: " + got.stdout[-300:])
    (where / "done").touch()
    return python


@functools.lru_cache(maxsize=None)
def directory():
    """Where the compiled modules lie."""
    BUILD.mkdir(exist_ok=True)
    tag = sys.implementation.cache_tag
    script = HERE / "stock_build.py"
    known = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    out = BUILD / ("stock-%s-%s" % (tag, known))
    with open(BUILD / ("stock-%s.lock" % tag), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run side by side
        if not (out / "done").exists():
            python = _environment(BUILD / ("venv-stock-" + tag))
            out.mkdir(exist_ok=True)
            made = _run(python, script, out)
            assert made.returncode == 0, made.stdout
            (out / "done").touch()
    return out


@functools.lru_cache(maxsize=None)
def module(name):
    """One of them, imported on top of jiffi."""
    backend()
    where = str(directory())
    sys.path.insert(0, where)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(where)


# --- tables made by hand -----------------------------------------------------------

OPS = dict(PRIMITIVE=1, POINTER=3, ARRAY=5, OPEN_ARRAY=7, RECORD=9, ENUM=11,
           FUNCTION=13, FUNCTION_END=15, NOOP=17, BITFIELD=19, TYPENAME=21,
           BUILTIN_V=23, BUILTIN_N=25, BUILTIN_O=27, CONSTANT=29, CONSTANT_INT=31,
           VARIABLE=33, DL_FUNCTION=35, DL_CONSTANT=37, VARIABLE_F=39,
           EXTERN_PYTHON=41)  # fmt: skip
UNION, CHECK, PACKED, EXTERNAL, OPAQUE = 1, 2, 4, 8, 16
NONE = 2**64 - 1


def op(name, arg=0):
    return (OPS[name] | arg << 8) & NONE


class Global(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("address", ctypes.c_void_p),
                ("op", ctypes.c_uint64), ("more", ctypes.c_void_p)]  # fmt: skip


class Record(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type_index", ctypes.c_int),
                ("flags", ctypes.c_int), ("size", ctypes.c_size_t),
                ("align", ctypes.c_int), ("first", ctypes.c_int),
                ("n", ctypes.c_int)]  # fmt: skip


class Field(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("offset", ctypes.c_size_t),
                ("size", ctypes.c_size_t), ("op", ctypes.c_uint64)]  # fmt: skip


class Enum(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type_index", ctypes.c_int),
                ("prim", ctypes.c_int), ("items", ctypes.c_char_p)]  # fmt: skip


class Typename(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type_index", ctypes.c_int)]


class Context(ctypes.Structure):
    _fields_ = [("types", ctypes.c_void_p), ("globals", ctypes.c_void_p),
                ("fields", ctypes.c_void_p), ("records", ctypes.c_void_p),
                ("enums", ctypes.c_void_p), ("typenames", ctypes.c_void_p),
                ("n_globals", ctypes.c_int), ("n_records", ctypes.c_int),
                ("n_enums", ctypes.c_int), ("n_typenames", ctypes.c_int),
                ("includes", ctypes.c_void_p), ("n_types", ctypes.c_int),
                ("flags", ctypes.c_int)]  # fmt: skip


class Constant(ctypes.Structure):
    _fields_ = [("value", ctypes.c_uint64), ("context", ctypes.c_void_p),
                ("index", ctypes.c_int)]  # fmt: skip


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Constant))
def five(constant):
    constant[0].value = 5
    return 0


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Constant))
def disagrees(constant):
    constant[0].value = 7
    return 2


variable = (ctypes.c_int * 16)(17)
WRAPPER = ctypes.cast(ctypes.pythonapi.PyObject_Repr, ctypes.c_void_p).value


def address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


class Tables:
    """A small module that is in order; tests spoil it."""

    def __init__(self):
        self.name, self.version, self.flags, self.includes = b"spoiled", 0x2601, 0, None
        self.types = [
            op("FUNCTION", 4), op("NOOP", 4), op("POINTER", 5), op("FUNCTION_END"),
            op("PRIMITIVE", 7), op("RECORD", 0), op("ENUM", 0), op("ARRAY", 4), 10,
            op("OPEN_ARRAY", 4), op("POINTER", 0), op("RECORD", -1),
        ]  # fmt: skip
        self.globals = [
            Global(b"A", address(five), op("ENUM", -1), None),
            Global(b"FIVE", address(five), op("CONSTANT_INT", -1), None),
            Global(b"call", WRAPPER, op("BUILTIN_V", 0), WRAPPER),
            Global(b"var", ctypes.addressof(variable), op("VARIABLE", 4), 4),
        ]
        self.records = [Record(b"point", 5, CHECK, 8, 4, 0, 2)]
        integer = op("NOOP", 4)
        self.fields = [Field(b"x", 0, 4, integer), Field(b"y", 4, 4, integer)]
        self.enums = [Enum(b"e", 6, 7, b"A")]
        self.typenames = [Typename(b"ten", 7)]
        self.lost = ()  # tables whose address is NULL
        self.counts = {}  # ... that say they have so many entries

    def context(self):
        def table(name, kind):
            rows = getattr(self, name)
            made = (kind * (len(rows) + 1))(*rows)
            kept.append(made)
            return None if name in self.lost else ctypes.addressof(made)

        def count(name):
            return self.counts.get(name, len(getattr(self, name)))

        c = Context(
            table("types", ctypes.c_uint64), table("globals", Global),
            table("fields", Field), table("records", Record), table("enums", Enum),
            table("typenames", Typename), count("globals"), count("records"),
            count("enums"), count("typenames"), self.includes, count("types"),
            self.flags,
        )  # fmt: skip
        kept.append(c)
        return c

    def load(self):
        """What PyInit does. Nothing of a module is ever freed."""
        exports = (ctypes.c_void_p * 28)()
        raw = (ctypes.c_void_p * 4)(
            address(ctypes.c_char_p(self.name)), self.version or None,
            ctypes.addressof(exports), ctypes.addressof(self.context()),
        )  # fmt: skip
        kept.extend([exports, raw, self])
        self.exports = exports
        return backend()._init_cffi_1_0_external_module(ctypes.addressof(raw))


kept = []
