# SPDX-License-Identifier: MIT
"""extern "Python" and ffi.def_extern()."""

import threading

import module_samples
import pytest

from jiffi import FFI


@pytest.fixture
def sample():
    """A module of its own for every test would be slow; each test defines anew."""
    return module_samples.sample()


@pytest.fixture
def unraisable(monkeypatch):
    caught = []
    monkeypatch.setattr("sys.unraisablehook", caught.append)
    return caught


# --- calls -----------------------------------------------------------------------


def test_call_and_define_again(sample):
    @sample.ffi.def_extern()
    def twice(x):
        return 2 * x

    assert sample.lib.call_twice(4) == 8
    assert sample.lib.twice(5) == 10
    assert twice(1) == 2

    @sample.ffi.def_extern(name="twice")
    def other(x):
        return 3 * x

    assert sample.lib.call_twice(4) == 12


def test_values_of_every_size(sample):
    got = []

    @sample.ffi.def_extern()
    def shift(p, c, d, e):
        got.append((p.x, p.y, p.z, c, d, float(e)))
        return {"x": 10, "y": 20, "z": 30}

    assert sample.lib.call_shift(4) == 60
    assert got == [(4, 2, 3.0, b"c", 1.5, 2.5)]


def test_record_is_a_copy(sample):
    kept = []

    @sample.ffi.def_extern()
    def shift(p, c, d, e):
        kept.append(p)
        return p

    sample.lib.call_shift(1)
    sample.lib.call_shift(2)
    assert [p.x for p in kept] == [1, 2]


def test_void_and_pointer(sample):
    got = []
    sample.ffi.def_extern("note")(lambda s: got.append(sample.ffi.string(s)))
    sample.lib.call_note(b"abc")
    assert got == [b"abc"]


def test_as_a_pointer(sample):
    """C's name of the function is a function pointer like any other."""
    pointer = sample.lib.twice
    assert sample.ffi.typeof(pointer) is sample.ffi.typeof("int(*)(int)")
    sample.ffi.def_extern("twice")(lambda x: x + 1)
    assert pointer(1) == 2
    assert sample.ffi.cast("intptr_t", pointer) != 0


def test_errno_is_kept(sample):
    seen = []

    @sample.ffi.def_extern()
    def twice(x):
        seen.append(sample.ffi.errno)
        sample.ffi.errno = 17
        return x

    sample.ffi.errno = 11
    sample.lib.call_twice(1)
    assert seen == [11]
    assert sample.ffi.errno == 17


def test_from_threads_that_python_made(sample):
    done = []
    sample.ffi.def_extern("twice")(lambda x: 2 * x)

    def work(n):
        done.append(all(sample.lib.call_twice(i) == 2 * i for i in range(500)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert done == [True] * 4


def test_from_a_thread_that_c_made(sample):
    sample.ffi.def_extern("twice")(lambda x: 2 * x)
    assert sample.lib.twice_in_thread(21) == 42
    assert sample.lib.twice_in_thread(4) == 8


def test_within_a_call_within_a_call(sample):
    @sample.ffi.def_extern()
    def twice(x):
        return sample.lib.call_twice(x - 1) + 1 if x else 100

    assert sample.lib.call_twice(5) == 105


# --- without a function --------------------------------------------------------------


def test_nobody_is_there(capfd):
    sample = module_samples.load("-DSAMPLE_OWN=4")
    assert sample.lib.call_twice(4) == 0
    assert sample.lib.call_shift(1) == 0
    err = capfd.readouterr().err.splitlines()
    assert err == [
        'extern "Python": function sample.%s() called, but no code was attached to it '
        "yet with @ffi.def_extern().  Returning 0." % name
        for name in ("twice", "shift")
    ]


# --- exceptions -------------------------------------------------------------------------


def boom(*args):
    raise KeyError("boom")


def test_exception_is_raised(sample, unraisable):
    sample.ffi.def_extern("twice")(boom)
    with pytest.raises(KeyError, match="boom"):
        sample.lib.call_twice(4)
    with pytest.raises(KeyError, match="boom"):
        sample.lib.twice(4)
    assert not unraisable


def test_exception_is_printed(sample, unraisable):
    sample.ffi.def_extern("twice", errors="print")(boom)
    assert sample.lib.call_twice(4) == 0
    sample.ffi.def_extern("twice", error=-5, errors="print")(boom)
    assert sample.lib.call_twice(4) == -5
    assert [type(u.exc_value) for u in unraisable] == [KeyError, KeyError]
    assert "boom" in (unraisable[0].err_msg or "")


def test_modules_from_before_print(unraisable):
    """Their wrappers do not look for exceptions, so that callbacks leave them none."""
    old = module_samples.load("-DSAMPLE_SIZE=offsetof(jiffi_module, callback_errors)")
    old.ffi.def_extern("twice", error=-5)(boom)
    for _ in range(3):
        assert old.lib.call_twice(4) == -5
    assert [type(u.exc_value) for u in unraisable] == [KeyError] * 3
    assert "callback boom() of type" in unraisable[0].err_msg
    assert old.lib.add(2, 3) == 5


def test_wrong_result(sample, unraisable):
    sample.ffi.def_extern("twice", error=3)(lambda x: "text")
    with pytest.raises(TypeError):
        sample.lib.call_twice(4)
    sample.ffi.def_extern("twice", error=4, errors="print")(lambda x: 2**40)
    assert sample.lib.call_twice(4) == 4
    sample.ffi.def_extern("note")(lambda s: 3)
    with pytest.raises(TypeError):
        sample.lib.call_note(b"x")
    assert [type(u.exc_value) for u in unraisable] == [OverflowError]


def test_record_error_value(sample, unraisable):
    sample.ffi.def_extern("shift", error=(7, 8, 9.0), errors="print")(boom)
    assert sample.lib.call_shift(0) == 24
    assert len(unraisable) == 1


def test_onerror(sample, unraisable):
    got = []

    def onerror(kind, value, trace):
        got.append((kind, str(value), trace is not None))
        return 55

    sample.ffi.def_extern("twice", onerror=onerror)(boom)
    assert sample.lib.call_twice(1) == 55
    assert got == [(KeyError, "'boom'", True)]
    assert not unraisable


# --- refused --------------------------------------------------------------------------------

REFUSED = [
    (dict(name="nope"), FFI.error,
     "ffi.def_extern('nope'): no 'extern \"Python\"' function with this name"),
    (dict(name="add"), FFI.error, "ffi.def_extern('add'): no 'extern \"Python\"' function"),
    (dict(name="point"), FFI.error, "ffi.def_extern('point')"),
    (dict(), FFI.error, "ffi.def_extern('boom')"),
    (dict(name="twice", error="x"), TypeError, "integer"),
    (dict(name="twice", error=2**40), OverflowError, "does not fit"),
    (dict(name="twice", onerror=3), TypeError, "for 'onerror', not int"),
    (dict(name="twice", errors="no"), ValueError,
     "errors must be 'raise', 'print', 'continue' or 'throw', not 'no'"),
    (dict(name=3), TypeError, "a name must be str, not int"),
    (dict(nonsense=1), TypeError, "nonsense"),
]  # fmt: skip


@pytest.mark.parametrize("how, error, message", REFUSED)
def test_refused(sample, how, error, message):
    sample.ffi.def_extern("twice")(lambda x: 2 * x)
    with pytest.raises(error) as e:
        sample.ffi.def_extern(**how)(boom)
    assert message in str(e.value)
    assert sample.lib.call_twice(4) == 8


def test_no_function(sample):
    with pytest.raises(AttributeError):
        sample.ffi.def_extern()(3)
    with pytest.raises(TypeError, match="callable"):
        sample.ffi.def_extern("twice")(3)


def test_only_in_modules():
    with pytest.raises(ValueError, match="only available on API-mode FFI"):
        FFI().def_extern()
