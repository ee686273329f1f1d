# SPDX-License-Identifier: MIT
"""embedding_api(): C programs that use a library written in Python."""

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

import jiffi
from jiffi import FFI, VerificationError

PACKAGE = str(Path(jiffi.__file__).parent.parent)
QUICK = {"extra_compile_args": ["-O0"]}


def library(directory, name, api, code, source="", **kwds):
    """The path of a library that embeds Python."""
    ffi = FFI()
    ffi.embedding_api(api)
    ffi.embedding_init_code(code)
    ffi.set_source(name, source, **dict(QUICK, **kwds))
    try:
        path = ffi.compile(tmpdir=str(directory))
    except VerificationError as e:
        if "-lpython" in str(e) or "libpython" in str(e):
            pytest.skip("no shared libpython to link with")
        raise
    assert path == str(directory / (name + ".so"))
    return path


def program(directory, text, *libraries):
    """Compile a C program, run it: (exit code, stdout, stderr)."""
    (directory / "main.c").write_text(textwrap.dedent(text))
    cc = shutil.which("cc") or shutil.which("gcc")
    libdir = sysconfig.get_config_var("LIBDIR")
    subprocess.run([cc, "main.c", "-o", "main", "-pthread", *libraries,
                    "-Wl,-rpath," + libdir, "-L" + libdir], cwd=str(directory),
                   check=True)
    env = dict(os.environ, PYTHONPATH=PACKAGE, PYTHONHOME=sys.base_prefix)
    done = subprocess.run(["./main"], cwd=str(directory), env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return done.returncode, done.stdout, done.stderr


ADD = """
    import sys
    sys.stdout.write("preparing\\n")
    from {name} import ffi, lib

    @ffi.def_extern()
    def {function}(x, y):
        sys.stdout.write("adding %d and %d\\n" % (x, y))
        sys.stdout.flush()
        return x + y
"""


def test_add(tmp_path):
    path = library(tmp_path, "_emb_add", "int add1(int, int);",
                   ADD.format(name="_emb_add", function="add1"))
    assert program(tmp_path, """
        #include <stdio.h>
        extern int add1(int, int);
        int main(void) { printf("got %d %d\\n", add1(40, 2), add1(-3, 1)); return 0; }
    """, path) in (
        (0, "preparing\nadding 40 and 2\nadding -3 and 1\ngot 42 -2\n", ""),
        (0, "preparing\nadding -3 and 1\nadding 40 and 2\ngot 42 -2\n", ""))


def test_two_libraries_and_records(tmp_path):
    first = library(tmp_path, "_emb_one", "int add1(int, int);",
                    ADD.format(name="_emb_one", function="add1"))
    second = library(tmp_path, "_emb_two", """
        typedef struct { double x, y; } point;
        point scale(point p, long double by);
    """, """
        from _emb_two import ffi
        @ffi.def_extern()
        def scale(p, by):
            return {"x": p.x * float(by), "y": p.y * float(by)}
    """, "typedef struct { double x, y; } point;")
    code, out, err = program(tmp_path, """
        #include <stdio.h>
        typedef struct { double x, y; } point;
        extern int add1(int, int);
        extern point scale(point p, long double by);
        int main(void)
        {
            point p = {1, 2};
            p = scale(p, 2.5L);
            printf("%d\\n", add1(1, 2));
            printf("%g %g\\n", p.x, p.y);
            return 0;
        }
    """, first, second)
    assert (code, err) == (0, "")
    assert out == "preparing\nadding 1 and 2\n3\n2.5 5\n"


def test_threads(tmp_path):
    """All at once; the code runs once and all of them wait for it."""
    path = library(tmp_path, "_emb_threads", "int next_number(void);", """
        import time
        print("once", flush=True)
        time.sleep(0.3)
        from _emb_threads import ffi
        numbers = iter(range(1, 1000))
        @ffi.def_extern()
        def next_number():
            return next(numbers)
    """)
    code, out, err = program(tmp_path, """
        #include <pthread.h>
        #include <stdio.h>
        extern int next_number(void);
        static void *run(void *p) { *(int *)p = next_number(); return NULL; }
        int main(void)
        {
            pthread_t t[8];
            int n[8], all = 0;
            for (int i = 0; i < 8; i++)
                pthread_create(&t[i], NULL, run, &n[i]);
            for (int i = 0; i < 8; i++) {
                pthread_join(t[i], NULL);
                all += n[i];
            }
            printf("%d\\n", all);
            return 0;
        }
    """, path)
    assert (code, out, err) == (0, "once\n36\n", "")


def test_thread_outlives_python(tmp_path):
    """What was kept for it is gone then; its calls and its end touch nothing."""
    path = library(tmp_path, "_emb_outlive", "int count(void);", """
        import threading
        from _emb_outlive import ffi
        local = threading.local()
        @ffi.def_extern()
        def count():
            local.n = getattr(local, "n", 0) + 1
            return local.n
    """)
    code, out, err = program(tmp_path, """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <pthread.h>
        #include <semaphore.h>
        #include <stdio.h>
        extern int count(void);
        static int python(const char *name)
        {
            return ((int (*)(void))dlsym(RTLD_DEFAULT, name))();
        }
        static sem_t go, done;
        static void *run(void *p)
        {
            for (int round = 0; round < 2; round++) {
                sem_wait(&go);
                int a = count(), b = count();
                printf("%d %d\\n", a, b);
                sem_post(&done);
            }
            return p;
        }
        int main(void)
        {
            pthread_t t;
            sem_init(&go, 0, 0);
            sem_init(&done, 0, 0);
            printf("%d\\n", count());
            pthread_create(&t, NULL, run, NULL);
            sem_post(&go);
            sem_wait(&done);
            python("PyGILState_Ensure");
            printf("ended: %d\\n", python("Py_FinalizeEx"));
            sem_post(&go);
            pthread_join(t, NULL);
            return 0;
        }
    """, path)
    assert (code, out) == (0, "1\n1 2\nended: 0\n0 0\n")
    assert err.count("no code was attached") == 2


def test_cdef_besides(tmp_path):
    ffi = FFI()
    ffi.embedding_api("int twice(int);")
    ffi.cdef("int call_twice(int);")
    ffi.embedding_init_code("""
        from _emb_besides import ffi, lib
        @ffi.def_extern()
        def twice(x):
            return 2 * x
        print("in the code:", lib.call_twice(4), flush=True)
    """)
    ffi.set_source("_emb_besides", """
        CFFI_DLLEXPORT int twice(int);
        CFFI_DLLEXPORT int from_c(int x) { return twice(x) + 1; }
        CFFI_DLLEXPORT int start(void) { return cffi_start_python(); }
        static int call_twice(int x) { return twice(x); }
    """, **QUICK)
    try:
        path = ffi.compile(tmpdir=str(tmp_path))
    except VerificationError as e:
        pytest.skip(str(e)[:80])
    assert program(tmp_path, """
        #include <stdio.h>
        extern int from_c(int), start(void);
        int main(void) { printf("%d\\n", start()); printf("%d\\n", from_c(5)); return 0; }
    """, path) == (0, "in the code: 8\n0\n11\n", "")


def test_error_in_the_code(tmp_path):
    path = library(tmp_path, "_emb_error", "int add1(int, int);",
                   "a = 1\nraise KeyError('what went wrong')")
    code, out, err = program(tmp_path, """
        #include <stdio.h>
        extern int add1(int, int);
        int main(void)
        {
            printf("got %d\\n", add1(40, 2));
            printf("got %d\\n", add1(40, 2));
            return 0;
        }
    """, path)
    assert (code, out) == (0, "got 0\ngot 0\n")
    assert "KeyError: 'what went wrong'" in err and "From: _emb_error" in err
    assert "<init code for '_emb_error'>\", line 2" in err and "sys.path: [" in err
    assert err.count("function _emb_error.add1() called, but initialization code "
                     "failed.  Returning 0.") == 2
    assert err.count("KeyError") == 1


def test_without_def_extern(tmp_path):
    path = library(tmp_path, "_emb_none", "int add1(int, int);", "print('é', flush=True)")
    code, out, err = program(tmp_path, """
        #include <stdio.h>
        extern int add1(int, int);
        int main(void) { printf("got %d\\n", add1(40, 2)); return 0; }
    """, path)
    assert (code, out) == (0, "é\ngot 0\n") and "add1" in err


def test_in_a_running_python(tmp_path):
    """Opened as a library by a Python that runs already."""
    path = library(tmp_path, "_emb_running", "int add1(int, int);",
                   ADD.format(name="_emb_running", function="add1"))
    code = ("from jiffi import FFI; ffi = FFI(); ffi.cdef('int add1(int, int);');"
            "print(ffi.dlopen(%r).add1(1, 2))" % path)
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          env=dict(os.environ, PYTHONPATH=PACKAGE),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.stdout == "preparing\nadding 1 and 2\n3\n"


def test_imported_as_a_module(tmp_path):
    path = library(tmp_path, "_emb_module", "int add1(int, int);", "print('started')")
    code = ("import importlib.util as u, sys; s = u.spec_from_file_location("
            "'_emb_module', %r); m = u.module_from_spec(s); sys.modules[s.name] = m;"
            "s.loader.exec_module(m)\n"
            "@m.ffi.def_extern()\n"
            "def add1(x, y): return x * y\n"
            "print(m.ffi.callback is not None, m.lib.add1(6, 7))" % path)
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          env=dict(os.environ, PYTHONPATH=PACKAGE),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.stdout == "started\nTrue 42\n"


@pytest.mark.parametrize("text, expected", [
    ("", "\n"), ("a = 1", "a = 1\n"), ("\n\n  \n  a = 1\n", "a = 1\n"),
    ("    if 1:\n        a\n\n    b", "if 1:\n    a\n\nb\n"),
    ("    a\n  b\n", None), ("\n  a = '''\n  x'''", "a = '''\nx'''\n"),
    ("\ta\n\n\tb\n", "a\n\nb\n"),
])
def test_indentation(text, expected):
    ffi = FFI()
    if expected is None:
        with pytest.raises(SyntaxError):
            ffi.embedding_init_code(text)
    else:
        ffi.embedding_init_code(text)
        assert ffi._embedding == expected


def test_once():
    ffi = FFI()
    with pytest.raises(SyntaxError):
        ffi.embedding_init_code("a = = 1")
    ffi.embedding_init_code("a = 1")
    with pytest.raises(ValueError, match="only be called once"):
        ffi.embedding_init_code("a = 2")


def test_lines_of_the_api():
    with pytest.raises(jiffi.CDefError, match=":3:"):
        FFI().embedding_api("int f(int);\n\nint g(nonsense x);\n")
