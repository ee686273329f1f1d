# SPDX-License-Identifier: MIT
"""The figures of arrays.py as tables, limits and a chart."""

import math

import array_peers

COLUMNS = [(name, column) for name, column, _, _ in array_peers.PEERS]
BIG = 1000000
TITLES = {
    "absolute": "abs(x), double", "plus": "x + y, double", "fma3": "x * y + z, double",
    "negate": "-x, int", "add": "x + y, int", "add3": "x + y + z, int",
    "hypot": "hypot of the C library",
}
FUSED = [("fused", "fused, one call"), ("c", "extension, ten calls in C"),
         ("one", "jiffi, one call of the ten"), ("jiffi", "jiffi, ten calls"),
         ("ext", "extension, ten calls"), ("cffi", "cffi API, ten calls")]


def least(row, peer):
    return row.get(peer, {}).get("min")


def cell(value):
    if value is None:
        return ""
    return "%.2f" % value if value < 10 else "%.1f" % value if value < 100 else \
        "%.0f" % value


def split(where):
    name, n, layout = where.split("/")
    return name, int(n), layout


# --- limits ---------------------------------------------------------------------


def quotient(row, ours, theirs):
    a, b = least(row, ours), least(row, theirs)
    return a / b if a is not None and b else None


def targets(data):
    """[(what, ratio or None, limit)], as report.targets wants them."""
    rows = []
    for where, row in data.get("elementwise", {}).items():
        name, n, layout = split(where)
        if n != BIG:
            continue
        title = "%s, %s" % (TITLES[name], layout)
        rows.append(("ffi.map, %s: the loop in C" % title, quotient(row, "map", "c"), 1.1))
        rows.append(("ffi.ufunc, %s: the loop in C" % title, quotient(row, "ufunc", "c"),
                     1.1))
        rows.append(("ffi.ufunc, %s: numba" % title, quotient(row, "ufunc", "numba"), 1.0))
        ratios = [quotient(row, p, "ext") for p in ("map", "ufunc")]
        if name != "hypot":
            there = [r for r in ratios if r is not None]
            rows.append(("slower of both, %s: a loop over the extension" % title,
                         max(there) if there else None, 1 / 20))
    chain = data.get("fused", {})
    ten = chain.get("ten calls", {})
    rows += [("ten calls fused: one call", quotient(ten, "fused", "one"), 2.0),
             ("ten calls fused: ten calls in an extension's C",
              quotient(ten, "fused", "c"), 1.1),
             ("ten calls fused, over an array: the loop in C",
              quotient(chain.get("ten calls, batch", {}), "fused", "c"), 1.1)]
    return rows


# --- tables ---------------------------------------------------------------------


def elementwise(data):
    rows = data.get("elementwise", {})
    there = [c for c in COLUMNS if any(c[0] in r for r in rows.values())]
    lines = []
    for n in sorted({split(w)[1] for w in rows}):
        lines += ["", "| ns per item, %s items | %s |" % (
            format(n, ","), " | ".join(t for _, t in there)),
            "|---|" + "--:|" * len(there)]
        for where, row in rows.items():
            name, size, layout = split(where)
            if size == n:
                lines.append("| %s%s | %s |" % (
                    TITLES[name], ", strided" if layout == "strided" else "",
                    " | ".join(cell(least(row, p)) for p, _ in there)))
    return lines


def small_tables(data):
    lines = []
    chain = data.get("fused", {})
    if chain:
        lines += ["", "| ten calls, each with the result of the one before | ns |",
                  "|---|--:|"]
        ten, batch = chain.get("ten calls", {}), chain.get("ten calls, batch", {})
        lines += ["| %s | %s |" % (title, cell(least(ten, p))) for p, title in FUSED
                  if p in ten]
        lines += ["| %s | %s |" % (title, cell(least(batch, p))) for p, title in (
            ("fused", "ffi.map of the fused function, per item"),
            ("c", "the loop in C over ten calls in C, per item")) if p in batch]
    threads = data.get("threads", {})
    if threads:
        lines += ["", "| ffi.map, ns per item on the clock | threads=1 | threads=2 |",
                  "|---|--:|--:|"]
        lines += ["| a function of %s | %s | %s |" % (
            title, cell(least(row, "1")), cell(least(row, "2")))
            for title, row in threads.items()]
    columns = data.get("columns", {})
    if columns:
        peers = (("jiffi", "jiffi"), ("numpy", "NumPy, structured"),
                 ("loop", "loop, jiffi"), ("cffi", "loop, cffi"))
        lines += ["", "| a member of 10,000 structs | %s |" % " | ".join(
            t for _, t in peers), "|---|" + "--:|" * len(peers)]
        for title, row in columns.items():
            unit = "ns" if title in ("view of a column", "item of a column",
                                     "column as ndarray") else "ns per struct"
            lines.append("| %s, %s | %s |" % (title, unit, " | ".join(
                cell(least(row, p)) for p, _ in peers)))
    return lines


def markdown(data):
    """Lines."""
    lines = ["", "C functions over arrays; see \"Arrays and batches\" above for what the "
             "columns are:"]
    return lines + elementwise(data) + small_tables(data) + curve_words(data)


def crossing(curve):
    """(ns of one crossing, least ns per item, items from which on a crossing is less
    than a tenth), all of ffi.map; None if it was not measured."""
    points = {int(n): least(row, "map") for n, row in curve.items()}
    points = {n: v for n, v in points.items() if v is not None}
    if 1 not in points or len(points) < 2:
        return None
    item = min(points.values())
    once = points[1] - item
    return (once, item, once / (0.1 * item)) if item > 0 and once > 0 else None


def curve_words(data):
    found = crossing(data.get("curve", {}))
    if not found:
        return []
    return ["", "One crossing of ffi.map costs %.0f ns, an item %.2f: from some %s items on "
            "the crossing is less than a tenth of the time." % (
                found[0], found[1], format(round_up(found[2]), ",")),
            "", "![cost per item by batch](batch.svg)"]


def round_up(n):
    """To two digits."""
    scale = 10 ** max(0, int(math.log10(max(n, 1))) - 1)
    return int(math.ceil(n / scale) * scale)


# --- the chart ------------------------------------------------------------------

SHOWN = [("ext", "Python loop over an extension", "#c77d2e", ""),
         ("numba", "numba @vectorize", "#b04a5a", ""),
         ("ufunc", "ffi.ufunc", "#4a6fa5", ""),
         ("map", "ffi.map", "#0b7a75", ""),
         ("c", "loop in C (the limit)", "#333333", "5 3")]
LEFT, TOP, WIDTH, HEIGHT = 66, 70, 620, 330


class Axes:
    """Both logarithmic; whole decades."""

    def __init__(self, values, counts):
        self.low = math.floor(math.log10(min(values)))
        self.high = math.ceil(math.log10(max(values)))
        self.right = math.ceil(math.log10(max(counts)))

    def x(self, n):
        return LEFT + math.log10(n) / self.right * WIDTH

    def y(self, ns):
        part = (math.log10(ns) - self.low) / (self.high - self.low)
        return TOP + HEIGHT - part * HEIGHT

    def grid(self):
        out = []
        for e in range(self.right + 1):
            x = self.x(10 ** e)
            out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>' % (
                x, TOP, x, TOP + HEIGHT))
            out.append('<text x="%.1f" y="%d" text-anchor="middle">%s</text>' % (
                x, TOP + HEIGHT + 16, format(10 ** e, ",")))
        for e in range(self.low, self.high + 1):
            y = self.y(10.0 ** e)
            out.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>' % (
                LEFT, y, LEFT + WIDTH, y))
            out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (
                LEFT - 6, y + 4, format(10.0 ** e, ",g")))
        out.append('<text x="%d" y="%d" text-anchor="middle">items per call</text>' % (
            LEFT + WIDTH / 2, TOP + HEIGHT + 34))
        middle = TOP + HEIGHT / 2
        out.append('<text x="16" y="%d" text-anchor="middle" transform="rotate(-90 16 %d)">'
                   'ns per item</text>' % (middle, middle))
        return out


def line(axes, points, colour, dash):
    path = " ".join("%.1f,%.1f" % (axes.x(n), axes.y(v)) for n, v in points)
    dashes = ' stroke-dasharray="%s"' % dash if dash else ""
    out = ['<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>' % (
        path, colour, dashes)]
    out += ['<circle cx="%.1f" cy="%.1f" r="2.4" fill="%s"/>' % (
        axes.x(n), axes.y(v), colour) for n, v in points]
    return out


def chart(curve):
    """ns per item against items per call, as SVG text."""
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="11">' % (
               LEFT + WIDTH + 40, TOP + HEIGHT + 46),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="15">What an item costs, by items per call: '
           'double f(double, double)</text>']
    series = []
    for peer, title, colour, dash in SHOWN:
        points = sorted((int(n), least(row, peer)) for n, row in curve.items()
                        if least(row, peer))
        if points:
            series.append((title, colour, dash, points))
    if series:
        axes = Axes([v for s in series for _, v in s[3]], [n for s in series for n, _ in s[3]])
        out += axes.grid() + marks(axes, crossing(curve))
        x = 10
        for title, colour, dash, points in series:
            out += line(axes, points, colour, dash)
            out.append('<rect x="%d" y="32" width="10" height="10" fill="%s"/>' % (x, colour))
            out.append('<text x="%d" y="41">%s</text>' % (x + 14, title))
            x += 30 + 6.2 * len(title)
    out.append("</svg>")
    return "\n".join(out)


def marks(axes, found):
    """Where the crossing stops mattering."""
    if not found or found[2] > 10 ** axes.right:
        return []
    x = axes.x(max(found[2], 1))
    return ['<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#0b7a75" '
            'stroke-dasharray="2 3"/>' % (x, TOP, x, TOP + HEIGHT),
            '<text x="%.1f" y="%d" fill="#0b7a75">%s items: from here on the crossing is '
            'less</text>' % (x + 6, TOP + 14, format(round_up(found[2]), ",")),
            '<text x="%.1f" y="%d" fill="#0b7a75">than a tenth of the time of ffi.map</text>'
            % (x + 6, TOP + 28)]
