# SPDX-License-Identifier: MIT
"""The Mandelbrot set, row by row."""

from ._native import ffi, lib


def rows(left, top, step, columns, lines, limit=100):
    """Lists of counts, one list for each line."""
    view = ffi.new("struct mandel_view *", {"left": left, "top": top, "step": step})
    out = ffi.new("mandel_count[]", columns)
    for line in range(lines):
        lib.mandel_row(view[0], line, columns, limit, out)
        yield list(out)


def picture(columns=60, lines=20, shades=" .:-=+*#%@"):
    """The whole set as text."""
    step = 3.0 / columns
    top = step * 1.0 * lines / 2
    limit = len(shades) - 1
    return "\n".join("".join(shades[n] for n in row)
                     for row in rows(-2.1, top, step, columns, lines, limit))
