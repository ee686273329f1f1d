# SPDX-License-Identifier: MIT
"""Memory stays flat: FFIs made, used and dropped by the thousand, and what they
make, in both flavours, in-line and out of modules.

Each row runs in a process of its own: the work is done once to warm up, then twice
more, and the resident memory may not grow over the second half. What a single lost
object would cost is far above the limit: an FFI takes kilobytes.
"""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

STATM = "/proc/self/statm"
pytestmark = [
    pytest.mark.skipif(not os.path.exists(STATM), reason="no " + STATM),
    pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""),
                       reason="AddressSanitizer keeps what was freed for a while"),
]
LIMIT = 768 << 10  # bytes

HARNESS = """
import ctypes, gc, os, sys, weakref
def resident():
    for _ in range(3):
        gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")
def grown(work, n):
    work(n)
    work(n)
    before = resident()
    work(n)
    work(n)
    return resident() - before
"""

# Uses an FFI in every way there is; `ffi` has the declarations of CDEF.
CDEF = """
    struct point { int x, y; char name[8]; struct point *next; };
    typedef struct point point_t;
    enum color { RED, GREEN = 5, BLUE };
    typedef int (*compare_t)(const void *, const void *);
    typedef union { int i; double d; } either_t;
    size_t strlen(const char *s);
    void qsort(void *base, size_t n, size_t size, compare_t compare);
    int abs(int x);
    #define LIMIT 77
"""
USE = """
data = bytearray(b"0123456789abcdef")
def use(ffi, lib):
    assert lib.strlen(b"hello") == 5 and lib.abs(-3) == 3
    p = ffi.new("struct point *", {"x": 1, "name": b"ab"})
    q = ffi.new("point_t[4]")
    p.next = q
    assert p.next[0].x == 0 and ffi.string(p.name) == b"ab"
    assert ffi.sizeof("either_t") == 8 and ffi.offsetof("struct point", "y") == 4
    assert int(ffi.cast("enum color", 5)) == 5 and lib.LIMIT == 77
    a = ffi.new("int[]", [3, 1, 2])
    cb = ffi.callback("compare_t", lambda x, y: ffi.cast("int *", x)[0]
                      - ffi.cast("int *", y)[0])
    lib.qsort(a, 3, 4, cb)
    assert ffi.unpack(a, 3) == [1, 2, 3]
    h = ffi.new_handle(p)
    assert ffi.from_handle(h) is p
    assert bytes(ffi.buffer(ffi.from_buffer(data)))[:2] == b"01"
    ffi.gc(ffi.new("int *"), lambda p: None)
    ffi.typeof("struct point(*)(either_t, ...)")
    for wrong in ("no_such_t", "int int"):
        try:
            ffi.typeof(wrong)
        except Exception:
            pass
"""

INLINE = """
def work(n):
    for _ in range(n):
        ffi = FFI()
        ffi.cdef(CDEF)
        use(ffi, ffi.dlopen(None))
        try:
            ffi.cdef("int f(struct none x")
        except Exception:
            pass
print(grown(work, 1000))
"""
EACH = """
ffi = FFI()
ffi.cdef(CDEF)
lib = ffi.dlopen(None)
class Cycle:
    pass
def work(n):
    for i in range(n):
        %s
print(grown(work, 30000))
"""
OBJECTS = {
    "callback": 'ffi.callback("int(int)", lambda x: x)(3)',
    "callback in a cycle": 'c = Cycle(); c.f = ffi.callback("int(int)", lambda x, c=c: x)',
    "callback that raises": 'ffi.callback("int(int)", lambda x: 1 // 0, onerror='
                            'lambda *e: None)(3)',
    "handle": 'ffi.from_handle(ffi.new_handle([i]))',
    "handle in a cycle": 'c = Cycle(); c.h = ffi.new_handle(c)',
    "from_buffer": 'ffi.from_buffer("char[]", bytearray(20))[3]',
    "from_buffer, released": 'ffi.release(ffi.from_buffer(bytearray(20)))',
    "buffer": 'ffi.buffer(ffi.new("char[30]"))[2:5]',
    "gc": 'ffi.gc(ffi.new("int *"), lambda p: None)',
    "gc in a cycle": 'c = Cycle(); c.p = ffi.gc(ffi.new("int *"), lambda p, c=c: None)',
    "gc, released": 'ffi.release(ffi.gc(ffi.cast("void *", 8), lambda p: None))',
    "allocator": 'ffi.new("point_t *"); ffi.new_allocator(should_clear_after_alloc=False)'
                 '("int[5]")',
    "view": 'ffi.new("point_t[3]")[1].name[0]',
    "weak reference": 'weakref.ref(ffi.new("int *"))',
    "string argument": 'lib.strlen(b"x" * (i % 900))',
    "initialisers": 'ffi.new("point_t[]", [{"x": i}, (1, 2, b"a")])',
    "refused initialiser": 'try: ffi.new("point_t *", {"x": "text"})\n'
                           '        except TypeError: pass',
    "refused argument": 'try: lib.abs("text")\n        except TypeError: pass',
    "type": 'ffi.typeof("int(*)[%d]" % (i % 5000 + 1))',
    "addressof": 'ffi.addressof(ffi.new("point_t[2]"), 1, "name")',
}
# A module in Python or C, executed again and again.
MODULES = """
import importlib.util
def work(n):
    for _ in range(n):
        spec = importlib.util.spec_from_file_location(NAME, FILE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        use(module.ffi, OPEN(module))
        for name in [k for k in sys.modules if k.split(".")[0] == NAME]:
            del sys.modules[name]
print(grown(work, 1000))
"""
FLAVOURS = {"jiffi": "from jiffi import FFI", "cffi": "from cffi import FFI"}


def run(flavour, text, cwd):
    """What the text prints; in cffi's flavour `cffi` is jiffi's."""
    import jiffi.dropin
    env = dict(os.environ)
    inherited = [p for p in sys.path if p and os.path.isdir(os.path.join(p, "jiffi"))]
    env["PYTHONPATH"] = os.pathsep.join(
        ([jiffi.dropin.path()] if flavour == "cffi" else []) + inherited)
    text = HARNESS + FLAVOURS[flavour] + "\nCDEF = '''%s'''\n" % CDEF + text
    done = subprocess.run([sys.executable, "-c", text], cwd=str(cwd), env=env, text=True,
                          timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def flat(flavour, text, cwd):
    grew = int(run(flavour, text, cwd))
    if grew >= LIMIT:  # the allocator may have had a bad moment; a leak leaks again
        grew = min(grew, int(run(flavour, text, cwd)))
    assert grew < LIMIT, "%d kB more after 2 further rounds" % (grew >> 10)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_inline_ffis(flavour, tmp_path):
    flat(flavour, USE + INLINE, tmp_path)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("what", OBJECTS)
def test_objects(flavour, what, tmp_path):
    flat(flavour, EACH % OBJECTS[what], tmp_path)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_modules_in_python(flavour, tmp_path):
    run(flavour, textwrap.dedent("""
        builder = FFI()
        builder.cdef(CDEF)
        builder.set_source("leak_py", None)
        builder.emit_python_code("leak_py.py")
        print("made")
        """), tmp_path)
    head = "NAME, FILE, OPEN = 'leak_py', 'leak_py.py', lambda m: m.ffi.dlopen(None)\n"
    flat(flavour, USE + head + MODULES, tmp_path)


@pytest.mark.skipif(not shutil.which("cc") and "CC" not in os.environ, reason="no compiler")
def test_modules_in_c(tmp_path):
    """jiffi's own; a module in cffi's format is static by the nature of the format."""
    made = run("jiffi", textwrap.dedent("""
        builder = FFI()
        builder.cdef(CDEF)
        builder.set_source("leak_c", '''
            #include <stdlib.h>
            #include <string.h>
            struct point { int x, y; char name[8]; struct point *next; };
            typedef struct point point_t;
            enum color { RED, GREEN = 5, BLUE };
            typedef int (*compare_t)(const void *, const void *);
            typedef union { int i; double d; } either_t;
            #define LIMIT 77''', extra_compile_args=["-O0"])
        print(builder.compile(tmpdir="."))
        """), tmp_path)
    head = "NAME, FILE, OPEN = 'leak_c', %r, lambda m: m.lib\n" % made
    flat("jiffi", USE + head + MODULES, tmp_path)
