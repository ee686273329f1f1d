# SPDX-License-Identifier: MIT
"""ffi.struct_from(): the C type that is exactly a NumPy dtype.

A structured dtype becomes a declaration in C. Members stand where C puts them by
itself, or behind a member `_pad<offset>` of unsigned char; where that cannot be, or the
size is another, the struct is packed. So the struct is the same for a C compiler that
reads the text.
"""

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\Z")
_KEYWORDS = frozenset("""auto break case char const continue default do double else enum
extern float for goto if inline int long register restrict return short signed sizeof
static struct switch typedef union unsigned void volatile while _Alignas _Alignof _Atomic
_Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local""".split())


def struct_from(ffi, dtype, name=None):
    """The ctype of `dtype`; a struct is declared in `ffi` as `name`, or compared."""
    dtype = _numpy().dtype(dtype)
    base, shape = _strip(dtype)
    if base.names is None:
        if name is not None:
            raise TypeError("struct_from(): %r has no fields, so it is no struct %s"
                            % (dtype, name))
        return ffi.typeof(_scalar(base, "dtype", bool(shape)) % _dims(shape))
    if name is None:
        raise TypeError("struct_from(): %r has fields: the struct needs a name" % (dtype,))
    _check_name(name, "struct_from()")
    kind = "union" if _overlaps(base, name) else "struct"
    if all(offset == 0 for _, _, offset in _fields(base)) and _find(ffi, "union", name):
        kind = "union"  # of one member
    ctype = _find(ffi, kind, name)
    if ctype is None:
        ffi.cdef(_declaration(ffi, base, kind, name))
        ctype = ffi.typeof("%s %s" % (kind, name))
    _compare(base, ffi.dtype(ctype), "%s %s" % (kind, name))
    return ffi.typeof("%s%s" % (ctype.cname, _dims(shape))) if shape else ctype


def _numpy():
    """The module; whoever has a dtype has imported it."""
    try:
        import numpy
    except ImportError:
        raise ImportError("ffi.struct_from() needs NumPy, which is not installed") from None
    return numpy


def _strip(dtype):
    """(item, shape) of a sub-array dtype; shape () otherwise."""
    return dtype.subdtype if dtype.subdtype else (dtype, ())


def _dims(shape):
    return "".join("[%d]" % n for n in shape)


def _check_name(name, where):
    if not isinstance(name, str) or not _NAME.match(name) or name in _KEYWORDS:
        raise TypeError("%s: %r is no name in C" % (where, name))


def _scalar(dtype, where, many):
    """C for a value of `dtype`, with %s where the dimensions of an array of them go.

    Text becomes an array of characters, of a single one only if there are `many`.
    """
    if dtype.hasobject:
        raise TypeError("%s: Python objects have no type in C" % where)
    if not dtype.isnative:
        raise TypeError("%s: %s is not in this machine's byte order" % (where, dtype.str))
    kind, size = dtype.kind, dtype.itemsize
    if kind in "iu":
        return "%sint%d_t%%s" % ("u" * (kind == "u"), 8 * size)
    if kind in "mM":  # counts of their unit
        return "int64_t%s"
    if kind == "b":
        return "_Bool%s"
    if kind in "SVU" and not size:
        raise TypeError("%s: %s has no size, and nothing in C has none"
                        % (where, dtype.str))
    if kind == "S":
        return "char%%s[%d]" % size if many or size > 1 else "char%s"
    if kind == "U":
        return "char32_t%%s[%d]" % (size // 4) if many or size > 4 else "char32_t%s"
    if kind == "V":
        return "unsigned char%%s[%d]" % size
    words = {"f": ("_Float16", "float", "double", "long double"),
             "c": (None, "float _Complex", "double _Complex", "long double _Complex")}
    for word, letter in zip(words.get(kind, ()), "efdg" if kind == "f" else "?FDG"):
        if word and dtype.char == letter:
            return word + "%s"
    raise TypeError("%s: %r has no type in C" % (where, dtype))


def _fields(dtype):
    """[(name, dtype, offset)] in order of memory."""
    rows = [(n, dtype.fields[n][0], dtype.fields[n][1]) for n in dtype.names]
    return sorted(rows, key=lambda row: row[2])


def _overlaps(dtype, name):
    """False: one after the other. True: all at 0, a union. Anything else is refused."""
    end, clash = 0, None
    for field, of, offset in _fields(dtype):
        if offset < end and clash is None:
            clash = field
        end = max(end, offset + of.itemsize)
    if clash is None:
        return False
    if any(offset for _, _, offset in _fields(dtype)):
        raise TypeError("struct_from(): field %r of %s overlaps another that begins "
                        "elsewhere: no struct or union is like that" % (clash, name))
    return True


def _member(ffi, of, name, where):
    """The C declaration of a member, without the semicolon."""
    base, shape = _strip(of)
    if base.names is None:
        text = _scalar(base, where, bool(shape)) % ("\0" + _dims(shape))
        return re.sub(r" *\0", " " + name, text)
    kind = "union" if _overlaps(base, where) else "struct"
    return "%s %s%s" % (_body(ffi, base, kind, where), name, _dims(shape))


def _body(ffi, dtype, kind, where):
    """`struct {...}` with the dtype's offsets and size."""
    if kind == "union":
        rows = [_member(ffi, of, n, "%s.%s" % (where, n))
                for n, of, _ in _fields(dtype) if not _check_field(n, where)]
        return _union(ffi, dtype, rows)
    text = _struct(ffi, dtype, where, packed=False)
    return text if text is not None else _struct(ffi, dtype, where, packed=True)


def _check_field(name, where):
    _check_name(name, "struct_from(): field of %s" % where)


def _union(ffi, dtype, rows):
    natural = "union { %s; }" % "; ".join(rows)
    if ffi.sizeof(_probe(ffi, natural)) == dtype.itemsize:
        return natural
    if max(of.itemsize for _, of, _ in _fields(dtype)) < dtype.itemsize:
        rows = rows + ["unsigned char _size[%d]" % dtype.itemsize]
    return "union __attribute__((packed)) { %s; }" % "; ".join(rows)


def _struct(ffi, dtype, where, packed):
    """None: by C's own rules it cannot have these offsets or this size."""
    at, rows, most = 0, [], 1
    names = set(dtype.names)
    for name, of, offset in _fields(dtype):
        _check_field(name, where)
        row = _member(ffi, of, name, "%s.%s" % (where, name))
        align = 1 if packed else _alignment(ffi, row)
        if offset % align:
            return None
        if offset > -(-at // align) * align:
            rows.append(_padding(at, offset, names))
        rows.append(row)
        at, most = offset + of.itemsize, max(most, align)
    end = -(-at // most) * most
    if end > dtype.itemsize or dtype.itemsize % most:
        return None
    if end < dtype.itemsize:
        rows.append(_padding(at, dtype.itemsize, names))
    if not rows:
        raise TypeError("struct_from(): %s has no fields and no size" % where)
    return "struct %s{ %s; }" % ("__attribute__((packed)) " * packed, "; ".join(rows))


def _padding(start, end, names):
    name = "_pad%d" % start
    while name in names:
        name += "_"
    names.add(name)
    return "unsigned char %s[%d]" % (name, end - start)


def _probe(ffi, declaration):
    """A ctype of an unnamed declaration, in an FFI that nobody sees."""
    other = type(ffi)()
    other.cdef("typedef %s t;" % declaration)
    return other.typeof("t")


def _alignment(ffi, row):
    other = type(ffi)()
    other.cdef("typedef struct { %s; } t;" % row)
    return other.alignof("t")


def _declaration(ffi, dtype, kind, name):
    body = _body(ffi, dtype, kind, name)
    return "%s %s;" % (kind, _named(body[len(kind):].lstrip(), name))


def _named(rest, name):
    """Put the tag between `struct` and its braces, behind an attribute."""
    attribute = "__attribute__((packed)) "
    if rest.startswith(attribute):
        return "%s%s %s" % (attribute, name, rest[len(attribute):])
    return "%s %s" % (name, rest)


def _find(ffi, kind, name):
    """The struct, if it is declared and has members."""
    _, structs, unions = ffi.list_types()
    if name not in (unions if kind == "union" else structs):
        return None
    ctype = ffi.typeof("%s %s" % (kind, name))
    return ctype if ctype.fields is not None else None


def _compare(wanted, got, where):
    """ValueError that names the first difference of two dtypes."""
    if wanted.kind == "V" and wanted.names is None and not wanted.subdtype:
        wanted_size, got_size = wanted.itemsize, got.itemsize
        if wanted_size != got_size:
            raise ValueError("%s has %d bytes, the dtype %d" % (where, got_size, wanted_size))
        return  # raw bytes: whatever they are in C
    wanted, wanted_shape = _strip(wanted)
    got, got_shape = _strip(got)
    if wanted.itemsize != got.itemsize or wanted_shape != got_shape:
        raise ValueError("%s has %d bytes%s, the dtype %d%s"
                         % (where, got.itemsize, _times(got_shape), wanted.itemsize,
                            _times(wanted_shape)))
    if (wanted.names is None) != (got.names is None):
        raise ValueError("%s is %s, in the dtype it is %s" % (where, got, wanted))
    if wanted.names is None:
        if not _same(wanted, got):
            raise ValueError("%s is %s, in the dtype it is %s" % (where, got, wanted))
        return
    theirs = [n for n in got.names
              if n in wanted.names or not re.match(r"_(pad\d+|size)_*\Z", n)]
    if set(wanted.names) - set(theirs):
        raise ValueError("%s has no member %r" % (
            where, sorted(set(wanted.names) - set(theirs))[0]))
    if set(theirs) - set(wanted.names):
        raise ValueError("%s has a member %r, which the dtype has not" % (
            where, sorted(set(theirs) - set(wanted.names))[0]))
    for name in wanted.names:
        (of, at), (mine, here) = wanted.fields[name][:2], got.fields[name][:2]
        if at != here:
            raise ValueError("%s.%s is at offset %d, in the dtype at %d"
                             % (where, name, here, at))
        _compare(of, mine, "%s.%s" % (where, name))


def _times(shape):
    return " in each of %s items" % "x".join(map(str, shape)) if shape else ""


def _same(wanted, got):
    """Numbers by kind and size; counts of time are integers; raw bytes are bytes."""
    kinds = {"m": "i", "M": "i"}
    return kinds.get(wanted.kind, wanted.kind) == got.kind and wanted.itemsize == got.itemsize
