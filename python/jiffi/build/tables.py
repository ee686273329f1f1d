# SPDX-License-Identifier: MIT
"""The tables of a generated module: what only the C compiler knows.

Every number is an expression that the compiler evaluates (sizeof, offsetof);
module_abi.h says what the rows mean.
"""

from .spelling import (declare_pointer, identifier, literal, pieces, sort_key,
                       spell)


def array(kind, name, rows, count_if_empty="NULL"):
    """(lines, how the module record refers to it, number of rows). `rows` are
    lists of lines."""
    if not rows:
        return [], count_if_empty, 0
    lines = ["static const %s %s[] = {" % (kind, name)]
    lines += ["    " + line for row in rows for line in row]
    return lines + ["};", ""], name, len(rows)


# --- texts ---------------------------------------------------------------------------

_GIL = {"default": 0, "release": 1, "hold": 2, "auto": 3}  # jf_Gil


_ERRORS = {None: 0, "raise": 1, "print": 2}  # jiffi_module.callback_errors


def gil_number(word):
    """Of a text also "hold may_throw": cdef(may_throw=True)."""
    gil, _, throws = word.partition(" ")
    return _GIL[gil] + (8 if throws else 0)


def errors_number(word):
    return _ERRORS[word]


def texts(declared):
    lines, rows = [], []
    for i, (text, packed, pack, override, gil) in enumerate(declared["texts"]):
        lines.append("static const char *const jiffi_text_%d[] = {" % i)
        lines += ["    %s," % literal(piece) for piece in pieces(text)]
        lines += ["    NULL};", ""]
        rows.append(["{jiffi_text_%d, %d, %d, %d, 0, %d}," % (
            i, bool(packed), bool(override), gil_number(gil), pack or 0)])
    more, name, n = array("jiffi_text", "jiffi_texts", rows)
    return lines + more, name, n


# --- records -----------------------------------------------------------------------------


def _record_type(record):
    """A type name for sizeof and offsetof; None if C has no way to say it."""
    if record["type"]:
        return record["type"]
    return "__typeof__(%s)" % record["expr"] if record["expr"] else None


def _member_row(record, c, member):
    path = member["path"]
    if member["bits"] is not None:
        return '{"%s", (size_t)-1, 0},' % path
    size = "0"
    if not member["flexible"]:
        size = "sizeof(((%s *)0)->%s)" % (c, path)
    return '{"%s", offsetof(%s, %s), %s},' % (path, c, path, size)


def _member_check(member):
    """A line that does not compile, or not without a warning, where the header has
    another type. Any integer passes for an integer: its size is in the table."""
    t, path = member["type"], member["path"]
    if member["bits"] is not None or t["kind"] in ("int", "bool", "enum"):
        return "(void)JIFFI_CDEF_SAYS_INTEGER(r->%s);" % path
    while t["kind"] == "array" and t["length"] is None:
        t, path = t["to"], path + "[0]"
    if "{}" not in t["c"] or t["kind"] == "valist":
        return None
    if t["kind"] == "record" and not spell(t):
        return None  # a type without a name
    if "[]" in t["c"]:
        return None  # nor is there a name for this one
    # A member of another size is for the import, which can say both sizes.
    return "{ %s = 0; p = JIFFI_SIZED(p, r->%s); (void)p; }" % (
        declare_pointer(t, "p"), path)


def records(declared):
    lines, rows = [], []
    for record in sorted(declared["records"], key=lambda r: sort_key(r["name"])):
        c = _record_type(record)
        if c is None or record["opaque"]:
            continue
        name = identifier(record["name"])
        checks = [check for check in map(_member_check, record["members"]) if check]
        if checks:
            lines += ["JIFFI_UNUSED static void jiffi_check_%s(%s *r)" % (name, c),
                      "{", "    (void)r;"]
            lines += ["    " + check for check in checks] + ["}"]
        members = [[_member_row(record, c, m)] for m in record["members"]]
        more, table, n = array("jiffi_member", "jiffi_members_" + name, members)
        lines += more
        rows.append(['{"%s", sizeof(%s), JIFFI_ALIGNOF(%s), %s, %d},' % (
            record["name"], c, c, table, n)])
    more, table, n = array("jiffi_record", "jiffi_records", rows)
    return lines + more, table, n


# --- lengths, typedefs ----------------------------------------------------------------------


def lengths(declared):
    rows = [['{"%s", %d, sizeof(%s) / sizeof((%s)[0])},' % (name, dim, expr, expr)]
            for name, dim, expr in sorted(
                declared["lengths"], key=lambda row: (sort_key(row[0]), row[1]))]
    return array("jiffi_length", "jiffi_lengths", rows)


def typedefs(declared):
    lines, rows = [], []
    for name, cls in sorted(declared["typedefs"], key=lambda row: sort_key(row[0])):
        letter = "JIFFI_IS_SIGNED(%s) ? 'i' : 'u'" % name
        if cls == "float":
            # A floating type keeps the half, an integer does not.
            letter = "(%s)0.5 != (%s)0 ? 'f' : %s" % (name, name, letter)
        elif cls == "int":
            lines += ["JIFFI_UNUSED static unsigned long long jiffi_check_%s(%s x)" % (
                          name, name), "{", "    return JIFFI_CDEF_SAYS_INTEGER(x);", "}"]
        rows.append(['{"%s", (unsigned)sizeof(%s), %s},' % (name, name, letter)])
    more, table, n = array("jiffi_typedef", "jiffi_typedefs", rows)
    return lines + more, table, n


def symbols(rows):
    """`rows`: (name, lines)."""
    ordered = [lines for _, lines in sorted(rows, key=lambda row: sort_key(row[0]))]
    return array("jiffi_symbol", "jiffi_symbols", ordered)


def includes(names):
    if not names:
        return [], "NULL"
    return (["static const char *const jiffi_includes[] = {"] +
            ["    %s," % literal(name) for name in names] + ["    NULL};", ""],
            "jiffi_includes")
