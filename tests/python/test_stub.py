# SPDX-License-Identifier: MIT
"""The stub (__init__.pyi) and the package offer the same names and parameters."""

import ast
import inspect
import pathlib

import pytest

import jiffi
from jiffi import FFI

STUB = pathlib.Path(jiffi.__file__).with_name("__init__.pyi")
TREE = ast.parse(STUB.read_text())
# Classes that type checkers need by name; at run time they hang from FFI.
HANGING = {"CData": FFI.CData, "CType": FFI.CType, "buffer": FFI.buffer,
           "CField": FFI().typeof("struct { int a; } *").item.fields[0][1].__class__}


def names(body):
    """{name: [definitions]} of a module's or class's statements."""
    found = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.AnnAssign):
            found.setdefault(node.target.id, []).append(node)
    return found


MODULE = names(TREE.body)
CLASSES = {name: names(nodes[0].body) for name, nodes in MODULE.items()
           if isinstance(nodes[0], ast.ClassDef)}
METHODS = CLASSES["FFI"]


def public(found):
    return {name for name in found if not name.startswith("_")}


def parameters(nodes):
    """[{names of a definition's parameters, without self}], **kwds left out."""
    for node in nodes:
        a = node.args
        every = [x.arg for x in a.posonlyargs + a.args + a.kwonlyargs]
        yield [n for n in every if n != "self"]


def test_module():
    wanted = {n for n in jiffi.__all__} | {"__version__", "__version_info__"}
    known = set(MODULE) - set(HANGING)
    assert {n for n in known if not n.startswith("_")} | {"__version__",
                                                          "__version_info__"} == wanted
    assert known >= wanted


def test_ffi_names():
    assert public(METHODS) == public(dir(FFI))


@pytest.mark.parametrize("name", sorted(HANGING))
def test_hanging_names(name):
    """CType and CField have some attributes for some kinds of types only."""
    stub, real = public(CLASSES[name]), public(dir(HANGING[name]))
    assert real <= stub
    if name not in ("CType", "CField"):
        assert stub == real


@pytest.mark.parametrize("name", sorted(
    n for n, nodes in METHODS.items() if isinstance(nodes[0], ast.FunctionDef)
    and not n.startswith("_")))
def test_parameters(name):
    try:
        signature = inspect.signature(getattr(FFI, name))
    except ValueError:
        # Two forms cannot be written as one signature; the doc string has them.
        assert len(METHODS[name]) > 1, "no signature, and the stub has only one form"
        return
    kinds = inspect.Parameter
    real = [p.name for p in signature.parameters.values()
            if p.name != "self" and p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    for form in parameters(METHODS[name]):
        assert form == real or set(form) <= set(real) and len(METHODS[name]) > 1
    for node in METHODS[name]:
        takes_any = any(p.kind is kinds.VAR_KEYWORD for p in signature.parameters.values())
        assert (node.args.kwarg is not None) == takes_any
