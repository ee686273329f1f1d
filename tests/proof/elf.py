# SPDX-License-Identifier: MIT
"""Which functions a shared library of 64-bit ELF exports, and where it is installed.

Read from the file (System V gABI, chapter 4), so that no nm is needed.
"""
import ctypes
import struct

SHT_DYNSYM = 11
FUNC, IFUNC = 2, 10


def find(soname):
    """The path the loader takes for `soname`; None: it finds none."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return None
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if path.rpartition("/")[2].startswith(soname):
                return "/" + path
    return None


def functions(path):
    """Names of the functions that the library at `path` defines for others, sorted."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:5] == b"\x7fELF\x02", path
    shoff, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * size) for i in range(count)]
    names = set()
    for section in sections:
        if section[1] != SHT_DYNSYM:
            continue
        strings = sections[section[6]]
        for at in range(section[4] + 24, section[4] + section[5], 24):
            name, info, _, index, _, _ = struct.unpack_from("<IBBHQQ", data, at)
            if info & 15 in (FUNC, IFUNC) and info >> 4 in (1, 2, 10) and index:
                start = strings[4] + name
                names.add(data[start:data.index(b"\0", start)].decode())
    return sorted(names)
