# SPDX-License-Identifier: MIT
"""ffi.explain(): how calls of a C function are made, as text for people.

The facts are gathered in C (src/python/explain.c): ffi._explain() gives a dict of str,
int, bytes, tuples and None. Here they become lines of at most 80 columns.
"""

import re
import textwrap

WIDTH = 80
LABEL = 10  # columns of "  GIL     "


class Explanation(str):
    """What ffi.explain() returns: the text, which repr() shows as it is, and in `facts`
    the dict that it was made of."""

    def __new__(cls, text, facts):
        self = super().__new__(cls, text)
        self.facts = facts
        return self

    def __repr__(self):
        return str(self)


def paragraph(label, text):
    """`text` behind `label`, later lines below it."""
    first = ("  " + label).ljust(LABEL)
    return textwrap.fill(text, WIDTH, initial_indent=first, break_on_hyphens=False,
                         break_long_words=False, subsequent_indent=" " * LABEL)


# --- the parts -------------------------------------------------------------------


def places(facts):
    """A line for each parameter and for the result."""
    if "no_plan" in facts:
        return [paragraph("cannot", "be called: %s" % facts["no_plan"])]
    rows = [(name or "p%d" % i, c_type, where)
            for i, (name, c_type, where) in enumerate(facts["args"])]
    c_type, where = facts["result"]
    rows.append(("result", c_type, where if c_type != "void" else "nothing"))
    name_width = max(len(row[0]) for row in rows)
    type_width = min(30, max(len(row[1]) for row in rows))
    lines = []
    for name, c_type, where in rows:
        head = "  %s  %s  " % (name.ljust(name_width), c_type.ljust(type_width))
        lines.append(textwrap.fill(where, WIDTH, initial_indent=head,
                                   subsequent_indent=" " * min(len(head), 40)))
    return lines


def declaration(facts):
    """As it was declared, with the names of parameters, where that is known."""
    text = (facts.get("doc") or "").partition(")\n--\n\n")[2]
    return text.partition("\n")[0] or facts["declaration"]


def place(facts):
    """Where the C function is."""
    address = facts["address"]
    if not address:
        return "nowhere: the pointer is NULL, or the library is closed"
    text = "%#x" % address
    if facts.get("symbol"):
        offset = facts["offset"]
        text += ", %s%s" % (facts["symbol"], " + %#x" % offset if offset else "")
    if facts.get("library"):
        between = "" if facts.get("symbol") else " + %#x" % facts["offset"]
        text += " in %s%s" % (facts["library"], between)
    return text


def gil(facts):
    """What is done with the GIL, and why."""
    policy, declared = facts["policy"], facts["declared"]
    proved, reason = facts["proof"][:2]
    because = ("its machine code is proved to wait for nobody: %s" if proved else
               "it is not proved that it waits for nobody: %s") % reason
    if declared == "auto":
        return ("kept" if policy["hold"] else "let go around the call") + (
            '; gil is "auto", and ') + because
    if declared == "hold":
        return 'kept; gil is "hold". For what it is worth, ' + because
    return ('let go around the call; gil is "release". With "auto" it would %sbe kept: '
            % ("" if proved else "not ")) + because


def errno(facts):
    if facts["policy"]["no_errno"]:
        return "left alone: the function touches no variable of the thread"
    return "is ffi.errno for the call, and ffi.errno is what C leaves there"


def exceptions(facts):
    if facts["policy"]["throws"]:
        return "exceptions are caught and raised in Python (may_throw)"
    return "exceptions are not caught (may_throw is not declared)"


WAYS = {
    "wrapper": "C that was compiled with the module",
    "libffi": "libffi",
    "memory": "machine code that takes the values from memory",
    "closed": "nothing",
    "code": "machine code",
    "none": "nothing",
}


def way(facts):
    """How a call is made."""
    text = WAYS[facts["way"]]
    if facts.get("size"):
        text = "%s of %d bytes at %#x, %s" % (
            text, facts["size"], facts["entry"], facts["code_name"])
    elif facts.get("why"):
        text += ": " + facts["why"]
    return text


def figure(match):
    """A number of the listing as people write it."""
    value = int(match[0], 16)
    return hex(value - (1 << 64) if value >> 63 else value)


def listing(facts):
    """The instructions, with comments."""
    if not facts.get("lines"):
        return ["  (not shown: %s)" % facts["no_lines"]] if facts.get("no_lines") else []
    out = []
    for offset, _, text, comment in facts["lines"]:
        text = re.sub(r"0x[0-9A-F]+", figure, text)
        line = "  %04x  %s" % (offset, text)
        if comment:
            full = "%s  ; %s" % (line.ljust(38), comment)
            if len(full) > WIDTH:
                out.append("        ; " + comment[:WIDTH - 10])
                full = line
            line = full
        out.append(line)
    return out


# --- kinds of functions ----------------------------------------------------------


def callback(facts):
    """What C enters, and what it calls."""
    lines = [paragraph("enters", "%#x: %s" % (facts["address"], {
        "code": "a stub of machine code, which leads to one that all callbacks share",
        "libffi": "a closure of libffi",
    }.get(facts["way"], facts["way"])))]
    if facts["way"] != "code" and facts.get("why"):
        lines.append(paragraph("why", facts["why"]))
    called = facts["callable"]
    code = getattr(called, "__code__", None)
    text = "nobody: it was freed" if called is None else repr(called)
    if code is not None:
        text += " (%s:%d)" % (code.co_filename, code.co_firstlineno)
    lines.append(paragraph("calls", text))
    after = "C gets %r" % (facts["error"],) if facts["result"][0] != "void" else ""
    then = {"raise": "it is raised where Python called C",
            "continue": "it is raised where Python called C; later callbacks still run",
            "print": "it is printed (sys.unraisablehook)"}[facts["errors"]]
    if facts["onerror"] is not None:
        then = "onerror gets it: %r" % (facts["onerror"],)
    lines.append(paragraph("error", "after an exception %s; %s" % (after, then)
                           if after else "after an exception: %s" % then))
    return lines


def fused(facts, code):
    """What a fused function is made of."""
    inner = facts["fused"]
    lines = ["", "what it does:"]
    lines += ["  " + line for line in facts["program"].splitlines()]
    if inner.get("why"):
        lines.append(paragraph("by", "an interpreter: " + inner["why"]))
    else:
        lines.append(paragraph("by", "machine code of %d bytes at %#x, %s" % (
            inner["size"], inner["entry"], inner["code_name"])))
        if code:
            lines += listing(dict(inner, no_lines=facts["no_lines"]))
    return lines


def describe(facts, code=True):
    """The whole text for the dict of ffi._explain()."""
    head = textwrap.fill(declaration(facts), WIDTH, subsequent_indent="    ",
                         break_on_hyphens=False)
    lines = [head, ""] + places(facts) + [""]
    if facts["kind"] == "callback":
        return "\n".join(lines + callback(facts)) + "\n"
    lines.append(paragraph("where", place(facts)))
    if "policy" in facts:
        lines.append(paragraph("GIL", gil(facts)))
        lines.append(paragraph("errno", errno(facts)))
        lines.append(paragraph("C++", exceptions(facts)))
        if facts["policy"]["checked"]:
            lines.append(paragraph("checked", "arguments and results, by FFI(checked=True)"))
    else:
        lines.append(paragraph("GIL", "let go around the call: a function pointer has no "
                                      "policy of its own"))
    lines.append(paragraph("made by", way(facts)))
    if facts["kind"] == "fused":
        lines += fused(facts, code)
    if code and facts["way"] == "code":
        lines += ["", "called by:" if facts["kind"] == "fused" else "the code:"]
        lines += listing(facts)
    return "\n".join(lines) + "\n"


def explain(ffi, function, *, code=True):
    """See FFI.explain()."""
    facts = ffi._explain(function)
    return Explanation(describe(facts, code), facts)
