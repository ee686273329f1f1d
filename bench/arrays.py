#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""C functions over arrays, chains of calls, threads, columns of structs.

    bench/arrays.py [--repeats 9] [--json]

Every peer of a case is measured in turns, in one process. `measure()` gives the
figures; bench/run.py runs this file in a process of its own (--json) and puts
them beside the rest. PYTHONPATH has to lead to jiffi.
"""

import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import array_peers  # noqa: E402
import timing  # noqa: E402
from array_peers import Batch  # noqa: E402
from peers import build  # noqa: E402

SIZES = (1000, 1000000)
FUNCTIONS = [(n, i, c) for n, i, c in build.ELEMENTWISE] + [("hypot", "double", 2)]
LIMITED = ("c", "map", "ufunc", "numba")  # whose figures limits are about
WRITES = ("c", "map", "ufunc", "numba", "cython", "numpy")  # into the array `o`
CURVE = [m * 10 ** e for e in range(7) for m in (1, 3)] + [10 ** 7]
CURVE_PEERS = ("c", "map", "ufunc", "numba", "ext")


def key(name, n, strided):
    return "%s/%d/%s" % (name, n, "strided" if strided else "contiguous")


def say(text):
    print("  " + text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, repeats):
        self.repeats = repeats
        self.missing = {}
        self.tools = array_peers.Tools()

    def contestant(self, name, made, wall=False):
        statement, names, items = made
        copies = 20 if items <= 100 else 1
        return timing.Contestant(name, statement, names, items, copies, wall)

    def field(self, batch, where, wanted=None):
        """The peers that there are for a batch; who is not there is named."""
        found = []
        for name, column, _, make in array_peers.PEERS:
            if wanted and name not in wanted:
                continue
            try:
                made = make(self.tools, batch)
                if made:
                    found.append(self.contestant(name, made))
            except (build.Missing, ImportError) as e:
                self.missing[column] = str(e)
            except Exception as e:  # said, and the rest goes on
                self.missing["%s, %s" % (column, where)] = "%s: %s" % (
                    type(e).__name__, e)
        return found

    def race(self, field, where, often=()):
        figures = timing.race(field, self.repeats, often)
        say("%-28s %s" % (where, "  ".join("%s %.2f" % (n, v["min"]) for n, v in sorted(
            figures.items(), key=lambda kv: kv[1]["min"]))))
        return figures

    def elementwise(self):
        out = {}
        for name, item, count in FUNCTIONS:
            for n in SIZES:
                for strided in (False, True):
                    batch = Batch(self.tools, name, item, count, n, strided)
                    where = key(name, n, strided)
                    field = self.field(batch, where)
                    array_peers.same(self.tools, batch, [
                        (c.name, c.loop) for c in field if c.name in WRITES
                        and (name, c.name) != ("hypot", "numpy")])  # rounds otherwise
                    out[where] = self.race(field, where, LIMITED if n == SIZES[-1] else ())
        return out

    def curve(self):
        """ns per item of plus() by the number of items."""
        out = {}
        for n in CURVE:
            batch = Batch(self.tools, "plus", "double", 2, n, False)
            where = "%d items" % n
            out[str(n)] = self.race(self.field(batch, where, CURVE_PEERS), where)
        return out

    def rows(self, table, title):
        """[(row, [(peer, statement, names, items)])] -> figures by row and peer."""
        out = {}
        for row, entries in table:
            field = []
            for peer, statement, names, items in entries:
                try:
                    field.append(self.contestant(peer, (statement, names, items),
                                                 "threads" in title))
                except Exception as e:
                    self.missing["%s, %s" % (peer, row)] = "%s: %s" % (
                        type(e).__name__, e)
            out[row] = self.race(field, row)
        return out

    def fused(self):
        """Ten calls of plus(), each with the result of the one before."""
        t = self.tools
        ffi, lib = t.held, t.held_lib

        def ten(x):
            for _ in range(10):
                x = lib.plus(x, 1.5)
            return x

        made = ffi.fuse(ten, "double(double x)")
        if made(1.0) != ten(1.0) or t.loops().chain(1.0) != ten(1.0):
            raise AssertionError("the fused chain gives another result")
        nested = "f(" * 10 + "1.0" + ", 1.5)" * 10
        n = 100000
        many = Batch(t, "chain", "double", 1, n, False)
        words = [many.addresses[-1], many.step, many.addresses[0], many.step]
        chain = [("fused", "f(1.0)", {"f": made}, 1),
                 ("c", "f(1.0)", {"f": t.loops().chain}, 1),
                 ("one", "f(1.0, 1.5)", {"f": lib.plus}, 1),
                 ("jiffi", nested, {"f": lib.plus}, 1),
                 ("ext", nested, {"f": t.ext().plus}, 1)]
        try:
            chain.append(("cffi", nested, {"f": t.cffi().plus}, 1))
        except (build.Missing, ImportError) as e:
            self.missing["cffi, ten calls"] = str(e)
        batch = [("c", "f(fn, n, *words)", {
                     "f": t.loops().d1, "fn": t.loops().chain_address, "n": n,
                     "words": words}, n),
                 ("fused", "map(f, a, out=o)", many.names(map=ffi.map, f=made), n)]
        return self.rows([("ten calls", chain), ("ten calls, batch", batch)], "fused")

    def threads(self):
        t, table = self.tools, []
        for name, title in (("absolute", "next to nothing"), ("work", "some 40 ns")):
            b = Batch(t, name, "double", 1, 1000000, False)
            table.append((title, [
                (str(n), "map(f, a, out=o, threads=%d)" % n,
                 b.names(map=t.ffi.map, f=t.function(name)), b.n) for n in (1, 2)]))
        return self.rows(table, "threads")

    def columns(self):
        """A member of 10,000 structs: jiffi, NumPy over the same memory, cffi."""
        ffi, n = self.tools.ffi, 10000
        ffi.cdef("struct bench_body { double x, y, z, mass; int id; char tag[4]; };")
        p = ffi.new("struct bench_body[]", n)
        values = [k * 0.5 for k in range(n)]
        source = memoryview(array_peers.array.array("d", values))
        ours = {"p": p, "n": n, "values": values, "source": source, "unpack": ffi.unpack,
                "pack": ffi.pack, "column": ffi.column, "col": ffi.column(p, "x")}
        rows = {
            "column to list": ("unpack(p, n, 'x')", n),
            "list to column": ("pack(p, values, 'x')", n),
            "buffer to column": ("pack(p, source, 'x')", n),
            "view of a column": ("column(p, 'x')", 1),
            "item of a column": ("col[5]", 1),
        }
        table = {row: [("jiffi", s, ours, items)] for row, (s, items) in rows.items()}
        table["column to list"].append(
            ("loop", "[q.x for q in p]", {"p": p}, n))
        np = self.tools.numpy
        if np is not None:
            s = np.zeros(n, [("x", "d"), ("y", "d"), ("z", "d"), ("mass", "d"),
                             ("id", "i"), ("tag", "S4")])
            theirs = {"s": s, "values": values, "source": np.asarray(source),
                      "col": s["x"], "asarray": np.asarray}
            for row, text, items in (("column to list", "s['x'].tolist()", n),
                                     ("list to column", "s['x'] = values", n),
                                     ("buffer to column", "s['x'] = source", n),
                                     ("view of a column", "s['x']", 1),
                                     ("item of a column", "col[5]", 1)):
                table[row].append(("numpy", text, theirs, items))
            table["column as ndarray"] = [
                ("jiffi", "asarray(column(p, 'x'))", dict(ours, asarray=np.asarray), 1),
                ("numpy", "s['x']", theirs, 1)]
            table["sum of a column"] = [
                ("jiffi", "col.sum()", {"col": np.asarray(ours["col"])}, n),
                ("numpy", "col.sum()", {"col": theirs["col"]}, n)]
        try:
            import cffi
            other = cffi.FFI()
            other.cdef("struct b { double x, y, z, mass; int id; char tag[4]; };")
            q = other.new("struct b[]", n)
            table["column to list"].append(("cffi", "[e.x for e in q]", {"q": q}, n))
        except ImportError as e:
            self.missing["cffi, columns"] = str(e)
        return self.rows(list(table.items()), "columns")


def measure(repeats):
    """{"elementwise", "curve", "fused", "threads", "columns", "missing"}"""
    bench = Bench(repeats)
    out = {}
    for part in ("elementwise", "fused", "threads", "columns", "curve"):
        try:
            out[part] = getattr(bench, part)()
        except Exception as e:  # said, and the rest goes on
            bench.missing["batches, " + part] = "%s: %s" % (type(e).__name__, e)
            out[part] = {}
    out["missing"] = bench.missing
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="figures only, on one line")
    options = parser.parse_args()
    data = measure(options.repeats)
    if options.json:
        print(json.dumps(data))
    else:
        import array_report
        print("\n".join(array_report.markdown(data)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
