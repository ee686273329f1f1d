# SPDX-License-Identifier: MIT
"""suitesparse-graphblas: 3,300 names in one module; matrices, products, errors."""

IMPORTS = ["suitesparse_graphblas", "numpy"]


def work(say, scratch):
    import suitesparse_graphblas as g
    if not g.is_initialized():
        g.initialize(blocking=True, memory_manager="c")
    ffi, lib = g.ffi, g.lib
    names = sorted(n for n in dir(lib) if not n.startswith("_"))
    say("names", names)
    say("integers", [(n, getattr(lib, n)) for n in names if isinstance(getattr(lib, n), int)])
    say("kinds", sorted({type(getattr(lib, n)).__name__.rpartition(".")[2] for n in names}))
    a = ffi.new("GrB_Matrix*")
    say("new", lib.GrB_Matrix_new(a, lib.GrB_INT64, 50, 50))
    for i in range(50):
        for j in range(0, 50, 7):
            assert lib.GrB_Matrix_setElement_INT64(a[0], i * j - 20, i, j) == 0
    c = ffi.new("GrB_Matrix*")
    lib.GrB_Matrix_new(c, lib.GrB_INT64, 50, 50)
    say("product", lib.GrB_mxm(c[0], ffi.NULL, ffi.NULL, lib.GrB_PLUS_TIMES_SEMIRING_INT64,
                               a[0], a[0], ffi.NULL))
    n = ffi.new("GrB_Index*")
    say("entries", (lib.GrB_Matrix_nvals(n, c[0]), n[0]))
    rows, columns = (ffi.new("GrB_Index[]", n[0]) for _ in range(2))
    values = ffi.new("int64_t[]", n[0])
    say("extract", lib.GrB_Matrix_extractTuples_INT64(rows, columns, values, n, c[0]))
    say("tuples", sorted(zip(ffi.unpack(rows, n[0]), ffi.unpack(columns, n[0]),
                             ffi.unpack(values, n[0])))[:40])
    say("out of range", lib.GrB_Matrix_setElement_INT64(a[0], 1, 99, 0))
    text = ffi.new("char**")
    lib.GrB_Matrix_error(text, a[0])
    say("error", ffi.string(text[0]).decode().splitlines()[:2])
    say("check", g.check_status(c[0], 0) if hasattr(g, "check_status") else None)
    try:
        g.check_status(a[0], lib.GrB_INVALID_INDEX)
    except Exception as e:
        say("raised", type(e).__name__)
    say("free", [lib.GrB_Matrix_free(m) for m in (a, c)])
