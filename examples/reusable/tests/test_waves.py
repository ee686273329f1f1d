# SPDX-License-Identifier: MIT
import array
import gc
import os
import re
import weakref

import waves
from waves import _filter, _tone, _types


def raised(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("no " + kind.__name__)


def test_run():
    samples = waves.tone(6000.0, seconds=0.1)
    before = max(samples)
    with waves.Filter(500.0) as low_pass:
        low_pass.run(samples)
    assert 0.9 < before <= 1.0
    assert 0 < max(samples[-400:]) < 0.2


def test_types_are_shared():
    block = _types.ffi.typeof("struct wave_block")
    assert _tone.ffi.typeof("struct wave_block") is block
    assert _filter.ffi.typeof("struct wave_block") is block
    # What an included module declares is found through the one that includes it.
    assert _filter.lib.WAVE_STOPPED == _types.lib.WAVE_STOPPED == 3


def test_errors():
    error = raised(waves.FrequencyError, waves.tone, 30000.0)
    assert "half the rate" in str(error) and error.status == _types.lib.WAVE_BAD_FREQUENCY
    assert isinstance(error, ValueError)
    raised(waves.FrequencyError, waves.Filter, -1.0)


def test_closed():
    low_pass = waves.Filter(500.0)
    low_pass.close()
    low_pass.close()
    raised(ValueError, low_pass.run, array.array("d", [1.0]))


def test_watcher():
    samples = array.array("d", [1.0] * 10)
    seen = []
    with waves.Filter(500.0) as low_pass:
        low_pass.run(samples, watch=seen.append, step=4)
        assert seen == [4, 8, 10]
        raised(waves.Stopped, low_pass.run, samples, watch=lambda done: False)
        # An exception of the watcher comes out as it was.
        error = raised(ZeroDivisionError, low_pass.run, samples, watch=lambda done: 1 / 0)
        assert error.__traceback__ is not None


def test_forgotten():
    low_pass = waves.Filter(500.0)
    gone = weakref.ref(low_pass._filter)
    del low_pass
    gc.collect()
    assert gone() is None


def test_stubs():
    """Every name that C offers is in the stub of its module."""
    here = os.path.dirname(waves.__file__)
    for module in (_types, _tone, _filter):
        name = module.__name__.split(".")[-1]
        with open(os.path.join(here, name + ".pyi")) as f:
            known = set(re.findall(r"^    (?:def )?(\w+)", f.read(), re.M))
        assert set(dir(module.lib)) - known <= set(dir(_types.lib)), name


if __name__ == "__main__":
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            test()
    print("waves: ok")
