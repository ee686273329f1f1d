# SPDX-License-Identifier: MIT
"""From figures to a Markdown table, a table of targets, and a chart in SVG."""

import array_report
import border_report
import cases
import dropin
import threads_report

COLUMNS = [
    ("jiffi_auto", "jiffi, auto"), ("jiffi", "jiffi, GIL kept"),
    ("jiffi_release", "jiffi, GIL released"),
    ("jiffi_api", "jiffi, compiled, GIL kept"),
    ("jiffi_api_release", "jiffi, compiled, GIL released"),
    ("jiffi_libffi", "jiffi, no code"), ("ext", "extension"),
    ("ext_nogil", "ext., GIL released"), ("cffi_api", "cffi API"),
    ("cffi_abi", "cffi ABI"), ("ctypes", "ctypes"), ("cython", "Cython"),
    ("nanobind", "nanobind"), ("pybind11", "pybind11"),
]
SIX = ("add", "sum10", "fma3", "slen")


def figure(data, case, peer, key="min"):
    return data["results"].get(case, {}).get(peer, {}).get(key)


# --- targets ------------------------------------------------------------------


def targets(data):
    """[(what, ratio or None, limit)]: reached when ratio <= limit."""
    rows = []

    def ratio(what, case, ours, theirs, limit):
        a = figure(data, case, ours)
        others = [figure(data, case, t) for t in theirs]
        others = [x for x in others if x]
        rows.append((what, a / min(others) if a is not None and others else None, limit))

    limits = {"add": 0.75, "sum10": 0.7, "fma3": 0.95, "slen": 0.95}
    titles = {c[0]: c[1] for c in cases.CASES}
    for prefix in ("", "lib."):
        for c in SIX:
            ratio("%s: extension, GIL kept" % titles[prefix + c], prefix + c, "jiffi",
                  ["ext"], limits[c])
        for c in SIX:
            ratio("%s: extension, GIL released" % titles[prefix + c], prefix + c,
                  "jiffi_release", ["ext_nogil"], 1.0)
    for c, title, _ in cases.CALLS:
        ratio(title + ": cffi API, ours keeps the GIL", c, "jiffi", ["cffi_api"], 1 / 4)
        ratio(title + ": cffi ABI, ours keeps the GIL", c, "jiffi", ["cffi_abi"], 1 / 8)
        ratio(title + ": ctypes, ours keeps the GIL", c, "jiffi", ["ctypes"], 1 / 8)
        ratio(title + ": cffi API, GIL released", c, "jiffi_release", ["cffi_api"], 1 / 2)
        ratio(title + ": cffi ABI, GIL released", c, "jiffi_release", ["cffi_abi"], 1 / 4)
        ratio(title + ": ctypes, GIL released", c, "jiffi_release", ["ctypes"], 1 / 4)
    for c, title, _ in cases.CALLS:
        ratio(title + ": compiled module against the thunk", c, "jiffi_api", ["jiffi"], 1.1)
    ratio("two ints: compiled module against the extension", "add", "jiffi_api", ["ext"],
          0.75)
    ratio("callback: ctypes", "callback", "jiffi_release", ["ctypes"], 0.6)
    ratio("callback: ctypes, GIL kept by the outer call", "callback", "jiffi",
          ["ctypes"], 0.45)
    cffi = ["cffi_api", "cffi_abi"]
    for c in ("field_read", "field_write", "item_read", "item_write"):
        ratio(titles[c] + ": faster of cffi and ctypes", c, "jiffi", cffi + ["ctypes"], 0.7)
    for c in ("new_struct", "new_array"):
        ratio(titles[c] + ": cffi", c, "jiffi", cffi, 0.3)
    for c in ("array", "numpy"):
        ratio(titles[c] + ": cffi with from_buffer", c, "jiffi", cffi, 1 / 4)
    ratio("NumPy array to pointer: ctypes with ndpointer", "numpy", "jiffi", ["ctypes"],
          1 / 30)
    ratio("NumPy array to pointer: nanobind's ndarray", "numpy", "jiffi", ["nanobind"], 1.0)
    a, b = figure(data, "numpy", "jiffi"), figure(data, "pointer", "jiffi")
    rows.append(("NumPy array to pointer: cdata pointer", a / b if a and b else None, 1.5))
    others = data.get("others") or {}
    rows.extend(other_targets(others))
    if "dropin" in others:
        rows.extend(dropin.targets(others["dropin"]))
    if "arrays" in others:
        rows.extend(array_report.targets(others["arrays"]))
    if "border" in others:
        rows.extend(border_report.targets(others["border"]))
    if "threads" in others:
        rows.extend(threads_report.targets(others["threads"]))
    return rows


def other_targets(others):
    def quotient(a, b):
        return a / b if a is not None and b else None

    cdef = others.get("cdef", {})
    big = cdef.get("5000", {})
    rows = [("cdef of 5,000: cffi", quotient(big.get("jiffi"), big.get("cffi")), 1 / 500),
            ("cdef linear: 5,000 over five times 1,000",
             quotient(big.get("jiffi"), 5 * cdef.get("1000", {}).get("jiffi", 0)), 1.25)]
    imports = others.get("import_ms", {})
    rows.append(("import and empty cdef: cffi", quotient(
        imports.get("jiffi", {}).get("min"), imports.get("cffi", {}).get("min")), 0.1))
    ours = others.get("bytes_cdata", {}).get("jiffi", {})
    for kind, theirs in others.get("bytes_cdata", {}).get("cffi", {}).items():
        mine = ours.get(kind)
        rows.append(("bytes, %s: cffi" % kind, quotient(
            None if mine is None else round(mine), round(theirs)), 1.0))
    return rows


def target_table(data):
    lines = ["| ours against | ratio | at most | |", "|---|--:|--:|---|"]
    reached = measured = 0
    for what, ratio, limit in targets(data):
        if ratio is None:
            lines.append("| %s | – | %.3g | not measured |" % (what, limit))
            continue
        measured += 1
        reached += ratio <= limit
        lines.append("| %s | %.3g | %.3g | %s |" % (
            what, ratio, limit, "reached" if ratio <= limit else "**missed**"))
    lines.append("")
    lines.append("%d of %d targets reached." % (reached, measured))
    return lines


# --- tables -------------------------------------------------------------------


def call_table(data, key):
    there = [c for c in COLUMNS if any(c[0] in r for r in data["results"].values())]
    lines = ["| ns | " + " | ".join(t for _, t in there) + " |",
             "|---|" + "--:|" * len(there)]
    for case in cases.CASES:
        figures = data["results"].get(case[0])
        if not figures:
            continue
        cells = ["%.1f" % figures[p][key] if p in figures else "" for p, _ in there]
        lines.append("| %s | %s |" % (case[1], " | ".join(cells)))
    return lines


def other_tables(others):
    lines = []
    cdef = others.get("cdef", {})
    if cdef:
        lines += ["", "| cdef of structs and functions | jiffi, ms | cffi, ms |",
                  "|---|--:|--:|"]
        for n, row in cdef.items():
            lines.append("| %s of each, %.0f kB | %s | %s |" % (
                n, row.get("bytes", 0) / 1000, cell(row.get("jiffi"), "%.2f"),
                cell(row.get("cffi"), "%.0f")))
    rows = []
    for key, title, form in (("import_ms", "import, ms over bare Python", "%.2f"),
                             ("first_call_us", "cdef to first result, µs", "%.0f")):
        row = others.get(key, {})
        rows.append((title, {p: cell(row.get(p, {}).get("min"), form) for p in row}))
    cdata = others.get("bytes_cdata", {})
    for kind in cdata.get("cffi") or cdata.get("jiffi") or {}:
        rows.append(("bytes, " + kind, {p: cell(v.get(kind), "%.0f") for p, v in cdata.items()}))
    functions = others.get("bytes_function", {})
    for kind in ("one signature", "distinct signatures"):
        for what in ("look-up", "first call", "code pages", "us per first call"):
            rows.append(("per bound function, %s: %s%s" % (
                kind, "" if what.startswith("us") else "bytes, ", what),
                {p: cell(v.get(kind, {}).get(what), "%.4g") for p, v in functions.items()}))
    lines += ["", "| | jiffi | cffi | ctypes |", "|---|--:|--:|--:|"]
    for title, row in rows:
        lines.append("| %s | %s |" % (title, " | ".join(
            row.get(p, "") for p in ("jiffi", "cffi", "ctypes"))))
    return lines


def cell(value, form):
    return "" if value is None else form % value


def markdown(data):
    m, v = data["machine"], data["versions"]
    lines = ["", "%s, %s cores (load %s), %s; CPython %s; %s; %s." % (
        m["cpu"], m["cores"], m["load"], m["system"], m["python"], m["compiler"], m["date"]),
        ", ".join("%s %s" % kv for kv in v.items()) + "."]
    lines += ["", "Nanoseconds per call, the minimum of %d repeats, loop cost taken off:" %
              data["repeats"], ""] + call_table(data, "min")
    lines += ["", "The median of the same:", ""] + call_table(data, "median")
    first, second = figure(data, "add", "ext"), figure(data, "add", "ext_2nd")
    if first and second:
        lines += ["", "The column without code was measured in a second process, in which "
                  "the extension's `add` took %.1f ns (%.1f in the first)." % (second, first)]
    if data.get("others"):
        lines += other_tables(data["others"])
        if "dropin" in data["others"]:
            lines += dropin.markdown(data["others"]["dropin"]).splitlines()
        if "arrays" in data["others"]:
            lines += array_report.markdown(data["others"]["arrays"])
        if "border" in data["others"]:
            lines += border_report.markdown(data["others"]["border"])
        if "threads" in data["others"]:
            lines += threads_report.markdown(data["others"]["threads"])
    lines += ["", "Targets, as ratios of minima (ours over theirs):", ""] + target_table(data)
    if data["missing"]:
        lines += ["", "Not measured:", ""]
        lines += ["- %s: %s" % kv for kv in sorted(data["missing"].items())]
    return "\n".join(lines)


SHORT = ["jiffi_auto", "jiffi", "jiffi_release", "ext", "cffi_api", "cffi_abi", "ctypes"]
SHORT_CASES = ["add", "fma3", "slen", "sum10", "pair_sum", "numpy", "new_struct",
               "field_read", "callback"]


def summary(data):
    """The small table of the README."""
    titles = dict(COLUMNS, jiffi_auto="jiffi")
    m = data["machine"]
    lines = ["| CPython %s, %s | %s |" % (m["python"], m["date"], " | ".join(
        titles[p] for p in SHORT)), "|---|" + "--:|" * len(SHORT)]
    for case in cases.CASES:
        row = data["results"].get(case[0])
        if case[0] in SHORT_CASES and row:
            lines.append("| %s | %s |" % (case[1], " | ".join(
                cell(row.get(p, {}).get("min"), "%.0f") for p in SHORT)))
    cdef = data.get("others", {}).get("cdef", {}).get("5000", {})
    if cdef:
        lines += ["", "Declaring 5,000 structs and 5,000 functions takes %s ms (cffi: %s ms)." % (
            cell(cdef.get("jiffi"), "%.1f"), cell(cdef.get("cffi"), "%.0f"))]
    return "\n".join(lines)


def publish(path, text):
    """Put `text` between the bench marks of a page."""
    begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
    with open(path, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + begin + "\n" + text.strip("\n") + "\n" + end + tail)


# --- the chart ------------------------------------------------------------------

SHOWN = [("jiffi_auto", "#12403d"), ("jiffi", "#0b7a75"), ("jiffi_release", "#7bc4bf"),
         ("ext", "#444444"),
         ("cffi_api", "#c77d2e"), ("cffi_abi", "#e6b17e"), ("ctypes", "#b04a5a")]


def chart(data):
    """Bars by case: ns per call, shorter is better; long ones are cut and say so."""
    shown = [c for c in cases.CASES if data["results"].get(c[0]) and "." not in c[0]]
    peers = [(p, colour) for p, colour in SHOWN
             if any(p in data["results"][c[0]] for c in shown)]
    titles = dict(COLUMNS)
    left, width, bar, gap, top = 190, 520, 11, 14, 64
    limit = 500.0
    height = top + len(shown) * (len(peers) * bar + gap) + 20
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="11">' % (left + width + 70, height),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="15">Nanoseconds per operation, CPython %s '
           '(shorter is better)</text>' % data["machine"]["python"]]
    x = 10
    for p, colour in peers:
        out.append('<rect x="%d" y="32" width="10" height="10" fill="%s"/>' % (x, colour))
        out.append('<text x="%d" y="41">%s</text>' % (x + 14, titles[p]))
        x += 30 + 6.4 * len(titles[p])
    y = top
    for case in shown:
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (
            left - 8, y + len(peers) * bar / 2 + 4, case[1]))
        for p, colour in peers:
            ns = figure(data, case[0], p)
            if ns is not None:
                w = min(ns, limit) / limit * width
                more = " »" if ns > limit else ""
                out.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (
                    left, y, max(w, 1), bar - 2, colour))
                out.append('<text x="%.1f" y="%.1f" font-size="9">%.0f%s</text>' % (
                    left + w + 3, y + bar - 3, ns, more))
            y += bar
        y += gap
    out.append("</svg>")
    return "\n".join(out)
