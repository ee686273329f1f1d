# SPDX-License-Identifier: MIT
"""Checked mode against a model: random blocks, pointers into them, reads, writes, slices,
copies and ends. The model is a list of bytes and a flag per block; both must agree on every
value and on every refusal, and nothing may crash."""

import gc
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jiffi import FFI, BoundsError, UseAfterFree

ffi = FFI(checked=True)
TYPES = {"char": 1, "short": 2, "int": 4, "long long": 8}

blocks = st.tuples(st.just("new"), st.sampled_from(sorted(TYPES)), st.integers(1, 9))
steps = st.one_of(
    blocks, blocks,
    st.tuples(st.just("derive"), st.integers(0, 50), st.integers(-4, 12)),
    st.tuples(st.just("cast"), st.integers(0, 50), st.sampled_from(sorted(TYPES))),
    st.tuples(st.just("read"), st.integers(0, 50), st.integers(-3, 10)),
    st.tuples(st.just("write"), st.integers(0, 50), st.integers(-3, 10), st.integers(0, 100)),
    st.tuples(st.just("slice"), st.integers(0, 50), st.integers(-3, 6), st.integers(0, 6)),
    st.tuples(st.just("copy"), st.integers(0, 50), st.integers(0, 50), st.integers(0, 20)),
    st.tuples(st.just("end"), st.integers(0, 50)),
    st.tuples(st.just("release"), st.integers(0, 50)),
)


class Block:
    def __init__(self, kind, n):
        self.bytes = bytearray(TYPES[kind] * n)
        self.cdata = ffi.new("%s[%d]" % (kind, n))
        self.alive = True


class Pointer:
    """Into `block`, at byte `at`, to items of `kind`."""

    def __init__(self, block, at, kind, cdata):
        self.block, self.at, self.kind, self.cdata = block, at, kind, cdata
        self.size = TYPES[kind]

    def span(self, index, n=1):
        """The bytes of `n` items, or the error that is due."""
        start = self.at + index * self.size
        if not self.block.alive:
            return UseAfterFree
        if n and not 0 <= start <= start + n * self.size <= len(self.block.bytes):
            return BoundsError
        return slice(start, start + n * self.size)


def attempt(due, call):
    if isinstance(due, type):
        with pytest.raises(due):
            call()
        return None
    return call()


def value(raw, kind):
    return bytes(raw) if kind == "char" else int.from_bytes(raw, "little", signed=True)


def run(program):
    made, pointers = [], []
    for step in program:
        op, rest = step[0], step[1:]
        if op == "new":
            kind, n = rest
            block = Block(kind, n)
            made.append(block)
            pointers.append(Pointer(block, 0, kind, block.cdata + 0))
            continue
        if not pointers:
            continue
        p = pointers[rest[0] % len(pointers)]
        if op == "derive":
            pointers.append(Pointer(p.block, p.at + rest[1] * p.size, p.kind, p.cdata + rest[1]))
        elif op == "cast":
            pointers.append(Pointer(p.block, p.at, rest[1], ffi.cast(rest[1] + " *", p.cdata)))
        elif op == "read":
            got = attempt(p.span(rest[1]), lambda: p.cdata[rest[1]])
            if got is not None:
                assert got == value(p.block.bytes[p.span(rest[1])], p.kind)
        elif op == "write":
            raw = rest[2].to_bytes(p.size, "little")
            due = p.span(rest[1])
            attempt(due, lambda: p.cdata.__setitem__(
                rest[1], raw if p.kind == "char" else rest[2]))
            if not isinstance(due, type):
                p.block.bytes[due] = raw
        elif op == "slice":
            due = p.span(rest[1], rest[2])
            got = attempt(due, lambda: bytes(ffi.buffer(p.cdata[rest[1]:rest[1] + rest[2]])))
            if got is not None:
                assert got == bytes(p.block.bytes[due])
        elif op == "copy":
            q, n = pointers[rest[1] % len(pointers)], rest[2]
            source = Pointer(q.block, q.at, "char", None).span(0, n)
            target = Pointer(p.block, p.at, "char", None).span(0, n)
            due = source if isinstance(source, type) else target
            attempt(due, lambda: ffi.memmove(p.cdata, q.cdata, n))
            if not isinstance(due, type):
                p.block.bytes[target] = q.block.bytes[source]
        elif op == "release" and p.block.cdata is not None and p.block.alive:
            ffi.release(p.block.cdata)
            p.block.alive = False
        elif op == "end":
            p.block.cdata = None
            p.block.alive = False
    for block in made:
        if block.alive:
            assert bytes(ffi.buffer(block.cdata)) == bytes(block.bytes)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=60))
def test_model(program):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(program)


nodes = st.one_of(
    st.tuples(st.just("node")), st.tuples(st.just("node")),
    st.tuples(st.just("link"), st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.just("null"), st.integers(0, 20)),
    st.tuples(st.just("copy"), st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.just("end"), st.integers(0, 20)),
    st.tuples(st.just("look"), st.integers(0, 20)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(nodes, max_size=60))
def test_links(program):
    """Pointers in structs: what they lead to is there, or known to be gone."""
    own = FFI(checked=True)
    own.cdef("struct n { int number; struct n *next; };")
    alive, target, count = {}, {}, 0
    for step in program:
        keys = sorted(alive)
        pick = [keys[i % len(keys)] for i in step[1:]] if keys else []
        if step[0] == "node":
            alive[count] = own.new("struct n *", {"number": count})
            target[count] = None
            count += 1
        elif not keys:
            continue
        elif step[0] == "link":
            alive[pick[0]].next = alive[pick[1]]
            target[pick[0]] = pick[1]
        elif step[0] == "null":
            alive[pick[0]].next = own.NULL
            target[pick[0]] = None
        elif step[0] == "copy":
            own.memmove(own.addressof(alive[pick[0]], "next"),
                        own.addressof(alive[pick[1]], "next"), 8)
            target[pick[0]] = target[pick[1]]
        elif step[0] == "end":
            del alive[pick[0]]
        else:
            to = target[pick[0]]
            if to is None:
                assert alive[pick[0]].next == own.NULL
            elif to in alive:
                assert alive[pick[0]].next.number == to
            else:
                with pytest.raises(UseAfterFree):
                    alive[pick[0]].next.number
    alive.clear()
    gc.collect()
