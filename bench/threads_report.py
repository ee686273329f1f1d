# SPDX-License-Identifier: MIT
"""The figures of threads.py as tables and a chart in SVG."""

import math

PEERS = [("auto", "jiffi, auto"), ("hold", "jiffi, hold"), ("release", "jiffi, release"),
         ("ext", "extension, kept"), ("ext_nogil", "extension, released"),
         ("cffi_api", "cffi API"), ("cffi_abi", "cffi ABI"), ("ctypes", "ctypes")]
JOBS = [("1us", "1 µs, no jump (proved)"), ("100us", "100 µs, a loop"),
        ("wait", "waits 1 ms")]
COLOURS = {"auto": "#0b7a75", "hold": "#4a6fa5", "release": "#7bc4bf", "ext": "#444444",
           "ext_nogil": "#999999", "cffi_api": "#c77d2e", "cffi_abi": "#e6b17e",
           "ctypes": "#b04a5a"}


def cells(data):
    """(job, title, threads, row) in order."""
    for job, title in JOBS:
        for where, row in data["cells"].items():
            name, n = where.split("/")
            if name == job:
                yield job, title, int(n), row


def number(v):
    """Three digits that say something."""
    if v is None:
        return ""
    if v >= 100:
        return format(int(float("%.3g" % v)), ",")
    return "%.3g" % v


def targets(data):
    """[(what, ratio or None, limit)]: theirs over ours, so that less is better."""
    rows = []
    for job, title, n, row in cells(data):
        if job != "wait":  # there the wait is all that counts
            for theirs in ("cffi_api", "ctypes"):
                rows.append(("calls per second, %s, %s under auto: theirs over ours, %s" % (
                    title, threads(n), dict(PEERS)[theirs]), quotient(row, theirs, "auto"),
                    1.0 if job == "1us" else 1.1))  # 100 us are the function's own
        elif n > 1:
            rows.append(("calls per second, %s, %s: hold over auto" % (title, threads(n)),
                         quotient(row, "hold", "auto"), 0.5))
    return rows


def quotient(row, a, b):
    if a not in row or b not in row or not row[b]["calls_per_s"]:
        return None
    return row[a]["calls_per_s"] / row[b]["calls_per_s"]


def threads(n):
    return "1 thread" if n == 1 else "%d threads" % n


# --- tables ---------------------------------------------------------------------


def markdown(data):
    """Lines."""
    lines = ["", "Threads in one process, each calling C in a loop; see \"Many threads\" "
             "above for what the columns are. %d rounds of %g s per cell, in turns; switch "
             "interval %g ms." % (data["rounds"], data["seconds"], data["switch_ms"])]
    there = [p for p in PEERS if any(p[0] in r for r in data["cells"].values())]
    lines += ["", "| calls per second, all threads together | %s |" % " | ".join(
        t for _, t in there), "|---|" + "--:|" * len(there)]
    for _, title, n, row in cells(data):
        lines.append("| %s, %s | %s |" % (title, threads(n), " | ".join(
            number(row[p]["calls_per_s"]) if p in row else "" for p, _ in there)))
    for key, words in (("us", "from one return to the next, µs"),
                       ("late_us", "how late the bystander is, µs")):
        lines += ["", "| %s: p50 / p90 / p99 / max | %s |" % (words, " | ".join(
            t for _, t in there)), "|---|" + "--:|" * len(there)]
        for _, title, n, row in cells(data):
            lines.append("| %s, %s | %s |" % (title, threads(n), " | ".join(
                spread(row.get(p, {}).get(key)) for p, _ in there)))
    lines += ["", "![threads](threads.svg)"]
    return lines


def spread(figures):
    if not figures:
        return ""
    return " / ".join(number(figures[k]) for k in ("p50", "p90", "p99", "max"))


# --- the chart ------------------------------------------------------------------

LEFT, TOP, WIDTH, BAR, GAP = 176, 74, 300, 10, 12


class Scale:
    """Logarithmic; whole decades."""

    def __init__(self, values, left):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.left = left

    def x(self, v):
        part = (math.log10(max(v, 10.0 ** self.low)) - self.low) / (self.high - self.low)
        return self.left + part * WIDTH

    def grid(self, bottom, title):
        out = ['<text x="%d" y="%d">%s</text>' % (self.left, TOP - 20, title)]
        for e in range(self.low, self.high + 1):
            x = self.x(10.0 ** e)
            out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>' % (
                x, TOP - 2, x, bottom))
            out.append('<text x="%.1f" y="%d" font-size="9" text-anchor="middle">%s</text>' % (
                x, TOP - 6, format(10.0 ** e, ",g")))
        return out


def chart(data):
    """Throughput on the left, the bystander's p99 on the right."""
    rows = list(cells(data))
    there = [p for p in PEERS if any(p[0] in r for r in data["cells"].values())]
    bottom = TOP + len(rows) * (len(there) * BAR + GAP)
    right = LEFT + WIDTH + 60
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="11">' % (right + WIDTH + 50, bottom + 14),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="15">Python threads calling C in one process</text>']
    x = 10
    for p, title in there:
        out.append('<rect x="%d" y="30" width="10" height="10" fill="%s"/>' % (x, COLOURS[p]))
        out.append('<text x="%d" y="39">%s</text>' % (x + 14, title))
        x += 30 + 6.2 * len(title)
    values = [(row[p]["calls_per_s"], row[p]["late_us"].get("p99"))
              for _, _, _, row in rows for p in row]
    speeds = [v for v, _ in values if v > 0]
    lates = [v for _, v in values if v and v > 0]
    if not speeds or not lates:
        return "\n".join(out + ["</svg>"])
    speed, late = Scale(speeds, LEFT), Scale(lates, right)
    out += speed.grid(bottom, "calls per second, all threads (longer is better)")
    out += late.grid(bottom, "how late a bystander wakes, p99, µs (shorter is better)")
    y = TOP + GAP / 2
    for _, title, n, row in rows:
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s, %s</text>' % (
            LEFT - 8, y + len(there) * BAR / 2 + 4, title.split(" (")[0], threads(n)))
        for p, _ in there:
            if p in row:
                out += bar(speed, row[p]["calls_per_s"], y, COLOURS[p])
                out += bar(late, row[p]["late_us"].get("p99"), y, COLOURS[p])
            y += BAR
        y += GAP
    out.append("</svg>")
    return "\n".join(out)


def bar(scale, value, y, colour):
    if not value or value <= 0:
        return []
    end = scale.x(value)
    return ['<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (
        scale.left, y, max(end - scale.left, 1), BAR - 2, colour),
        '<text x="%.1f" y="%.1f" font-size="8">%s</text>' % (end + 3, y + BAR - 3,
                                                             number(value))]
