# SPDX-License-Identifier: MIT
"""The figures of border.py as tables and limits."""

import border_peers

SECTIONS = {s[0]: s for s in border_peers.SECTIONS}


def least(data, section, case, peer):
    return data.get(section, {}).get(case, {}).get(peer, {}).get("min")


def quotient(data, section, case, ours, theirs):
    a, b = least(data, section, case, ours), least(data, section, case, theirs)
    return a / b if a is not None and b else None


def targets(data):
    """[(what, ratio or None, limit)], as report.targets wants them."""
    rows = []
    for case, title, _, _ in border_peers.CXX_CASES:
        rows.append(("may_throw, %s: nanobind" % title,
                     quotient(data, "cxx", case, "marked", "nanobind"), 1.0))
        rows.append(("may_throw, %s, GIL released: nanobind" % title,
                     quotient(data, "cxx", case, "marked_release", "nanobind_nogil"), 1.0))
    for case, title, _, _ in border_peers.GIL_CASES[:2]:
        rows.append(("auto, %s: hold" % title, quotient(data, "gil", case, "auto", "hold"),
                     1.03))
        rows.append(("auto, %s: extension, GIL kept" % title,
                     quotient(data, "gil", case, "auto", "ext"), 1.0))
    for case, title, _, _ in border_peers.GIL_CASES[2:]:
        rows.append(("auto, %s: release" % title,
                     quotient(data, "gil", case, "auto", "release"), 1.03))
    rows.append(("callback, exceptions raised: printed",
                 quotient(data, "callback", "call", "raise", "print"), 1.05))
    rows.append(("ffi.check, it succeeds: cffi and a check in Python",
                 quotient(data, "check", "passes", "check", "cffi_api"), 1.0))
    rows.append(("ffi.aio, one after the other: to_thread of cffi",
                 quotient(data, "aio", "turn", "aio", "cffi_api"), 1.0))
    return rows


def cell(value):
    if value is None:
        return ""
    return "%.1f" % value if value < 1000 else "%.0f" % value


def table(data, section):
    ident, title, unit, cases, peers = SECTIONS[section][:5]
    rows = data[section]
    there = [p for p in peers if any(p[0] in r for r in rows.values())]
    lines = ["", "| %s, %s | %s |" % (title, unit, " | ".join(p[1] for p in there)),
             "|---|" + "--:|" * len(there)]
    scale = 1e-3 if unit == "us" else 1
    for case in cases:
        values = [least(data, section, case[0], p[0]) for p in there]
        lines.append("| %s | %s |" % (case[1], " | ".join(
            cell(None if v is None else v * scale) for v in values)))
    return lines


def markdown(data):
    """Lines."""
    lines = ["", "At the border; see \"Errors, the GIL, checks\" above for what the columns "
             "are:"]
    for section in SECTIONS:
        if data.get(section):
            lines += table(data, section)
    return lines
