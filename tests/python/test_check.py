# SPDX-License-Identifier: MIT
"""ffi.check(): C's ways of saying "failed" as exceptions."""

import errno
import inspect
import pickle
import pydoc

import jiffi
import pytest
from life_samples import ffi, lib

# function, condition, arguments that fail, arguments that do not
CONDITIONS = [
    ("status", "negative", (-3,), (3,)),
    ("status", "nonzero", (2,), (0,)),
    ("status", "zero", (0,), (2,)),
    ("status", "minus one", (-1,), (-2,)),
    ("ratio", "negative", (-0.5,), (0.5,)),
    ("ratio", "minus one", (-1.0,), (-2.0,)),
    ("count", "nonzero", (1,), (0,)),
    ("pointer_or_null", "null", (0,), (16,)),
    ("pointer_or_null", "minus one", (-1,), (16,)),
    ("with_errno", "errno", (5, errno.EINVAL), (5, 0)),
    ("nothing", "errno", (errno.EPERM,), (0,)),
    ("status", lambda r: r % 2, (3,), (4,)),
    ("status", {4, 5}, (5,), (6,)),
    ("status", range(10, 20), (10,), (20,)),
]


@pytest.mark.parametrize("name, fails, bad, good", CONDITIONS)
def test_conditions(name, fails, bad, good):
    f = getattr(lib, name)
    checked = ffi.check(f, fails)
    assert checked(*good) == f(*good)
    with pytest.raises(OSError if fails == "errno" else jiffi.CallError) as e:
        checked(*bad)
    assert name + "() failed" in str(e.value) and e.value.function == name
    assert checked(*good) == f(*good)  # the next call works


IMPOSSIBLE = [
    ("status", "null", "returns 'int'"),
    ("count", "negative", "returns 'unsigned int'"),
    ("pointer_or_null", "negative", "returns 'void *'"),
    ("pointer_or_null", "nonzero", "returns 'void *'"),
    ("nothing", "negative", "returns 'void'"),
    ("nothing", lambda r: True, "returns 'void'"),
]


@pytest.mark.parametrize("name, fails, text", IMPOSSIBLE)
def test_impossible(name, fails, text):
    with pytest.raises(TypeError) as e:
        ffi.check(getattr(lib, name), fails)
    assert name in str(e.value) and text in str(e.value)
    if isinstance(fails, str):
        assert "'%s'" % fails in str(e.value)


def test_bad_arguments():
    for bad in (3, "status", None, int, len, lambda: 0):
        with pytest.raises(TypeError, match="function of C"):
            ffi.check(bad)
    with pytest.raises(ValueError, match="no condition 'odd'"):
        ffi.check(lib.status, "odd")
    with pytest.raises(TypeError, match="not int"):
        ffi.check(lib.status, 5)
    with pytest.raises(TypeError, match="given twice"):
        ffi.check(lib.status, "zero", errno="negative")
    with pytest.raises(TypeError, match="message="):
        ffi.check(lib.status, message=5)
    with pytest.raises(TypeError, match="with_errno"):
        ffi.check(lib.status, message=lib.with_errno)
    with pytest.raises(TypeError, match="error="):
        ffi.check(lib.status, error=5)


def test_errno():
    f = ffi.check(lib.with_errno, errno="negative")
    assert f(3, errno.ENOENT) == 3
    for number, kind in [(errno.ENOENT, FileNotFoundError), (errno.EACCES, PermissionError),
                         (errno.EAGAIN, BlockingIOError), (errno.EIO, OSError)]:
        with pytest.raises(kind) as e:
            f(-1, number)
        assert e.value.errno == number and e.value.function == "with_errno"
        assert "with_errno() failed: " in str(e.value)
    f = ffi.check(lib.pointer_or_null, "null", errno=True)
    with pytest.raises(OSError) as e:
        f(0)
    assert e.value.errno == errno.ENOMEM
    with pytest.raises(OSError, match="errno is 0"):
        ffi.errno = 0
        ffi.check(lib.status, "zero", errno=True)(0)
    f = ffi.check(lib.nothing, "errno")
    ffi.errno = errno.EIO  # what was there before does not count
    assert f(0) is None


def test_messages():
    f = ffi.check(lib.status, "nonzero", message=lib.status_text)
    with pytest.raises(jiffi.CallError) as e:
        f(7)
    assert str(e.value) == "status() failed: 7: out of luck"
    assert (e.value.code, e.value.function) == (7, "status")
    assert isinstance(e.value, jiffi.FFIError)
    with pytest.raises(jiffi.CallError, match="it returned 8"):  # no text: NULL
        f(8)
    base = lib.base_open()
    for message in (lib.base_text, lib.last_text, lambda r, b, what: "cannot do %d" % what,
                    lambda r, b, what: b"cannot do %d" % r):
        f = ffi.check(lib.base_do, "nonzero", message=message)
        with pytest.raises(jiffi.CallError, match=r"base_do\(\) failed: 5: cannot do 5"):
            f(base, 5)
    f = ffi.check(lib.status, "nonzero", message=lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        f(7)


def test_errors():
    class Oops(Exception):
        pass

    f = ffi.check(lib.status, error=Oops)
    with pytest.raises(Oops) as e:
        f(-2)
    assert e.value.args == (-2, "status() failed: it returned -2")
    f = ffi.check(lib.status, error=lambda code, text: KeyError(code))
    with pytest.raises(KeyError):
        f(-2)
    with pytest.raises(TypeError, match="no exception"):
        ffi.check(lib.status, error=lambda code, text: 5)(-2)

    class Special(jiffi.CallError):
        pass

    with pytest.raises(Special) as e:
        ffi.check(lib.status, error=Special)(-2)
    assert e.value.code == -2
    e = pickle.loads(pickle.dumps(e.value.__class__.__mro__[1]("text", 3, "f")))
    assert (str(e), e.code, e.function) == ("text", 3, "f")


def test_predicate_that_raises():
    f = ffi.check(lib.status, lambda r: 1 / r)
    with pytest.raises(ZeroDivisionError):
        f(0)
    with pytest.raises(jiffi.CallError):
        f(1)


def test_what_it_looks_like():
    f = ffi.check(lib.status)
    assert f.__name__ == "status" and f.__wrapped__ is lib.status
    assert f.__doc__ == lib.status.__doc__
    assert repr(f).startswith("<checked <built-in")
    assert inspect.signature(f) == inspect.signature(lib.status)
    assert "status(code, /)" in pydoc.render_doc(f, renderer=pydoc.plaintext)
    assert ffi.typeof(f) == ffi.typeof(lib.status)
    assert ffi.addressof(f) == ffi.addressof(lib, "status")
    with pytest.raises(TypeError):
        f()
    with pytest.raises(TypeError):
        f(1, 2)
    with pytest.raises(TypeError):
        f("x")

    class Names:
        status = f

    assert Names().status(3) == 3  # no method
    f.note = 1
    assert f.note == 1


def test_other_functions():
    pointer = ffi.cast("int(*)(int)", ffi.addressof(lib, "status"))
    with pytest.raises(jiffi.CallError):
        ffi.check(pointer)(-1)
    with pytest.raises(jiffi.CallError):
        ffi.check(ffi.check(lib.status), "zero")(0)
    with pytest.raises(jiffi.CallError, match="-1"):
        ffi.check(ffi.check(lib.status), "zero")(-1)
    own = jiffi.FFI()
    own.cdef("int printf(const char *, ...); int abs(int);")
    libc = own.dlopen(None)
    assert own.check(libc.printf)(b"") == 0
    with pytest.raises(TypeError):
        own.check(libc.printf)()
    # Given to C, it is called with its checks.
    checked = ffi.check(lib.status)
    assert lib.call(checked, 3) == 3
    with pytest.raises(jiffi.CallError):
        lib.call(checked, -3)


def test_pickle():
    f = pickle.loads(pickle.dumps(ffi.check(lib.status, "nonzero", message=lib.status_text)))
    with pytest.raises(jiffi.CallError, match="7: out of luck"):
        f(7)
    assert f(0) == 0
