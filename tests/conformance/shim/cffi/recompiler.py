# SPDX-License-Identifier: MIT
"""In place of a compiled module: the in-line FFI itself.

Tests of out-of-line modules declare with an FFI, have it compiled, and then use
the `ffi` of the product. Here the product's `ffi` is the declaring FFI, so that
what they test of `ffi` is tested in-line. There is no C compiler behind it: a
test that calls functions written in its source text fails, as it should.
"""

import types

_made = {}


def remember(ffi, module_name):
    _made[module_name] = ffi


def recompile(ffi, module_name, preamble=None, *args, **kwds):
    remember(ffi, module_name)
    return module_name


def module_of(module_name):
    module = types.ModuleType(module_name)
    module.ffi = _made[module_name]
    return module


class NativeIO:
    """Only imported by the tests; API mode writes C text through it."""
