#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A file that is larger than memory could be, read in chunks while C runs over the
chunk before: ffi.stream().

    PYTHONPATH=build/release/python python3 examples/stream.py [FILE]

Without a FILE it makes one of a million readings, of 16 bytes each.
"""

import os
import sys
import tempfile
import zlib

from jiffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { float volts, amps; double seconds; } reading;
    unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned n);
    double fabs(double x);
""")
libz, libm = ffi.dlopen("z"), ffi.dlopen("m")


def checksum(path):
    """A function of a chunk, `data` and `n` behind it: called once for each. It gets
    the result before as its first argument, beginning with 0."""
    crc = 0
    with ffi.stream(path, libz.crc32, carry=0, batch=1 << 18, progress=True) as results:
        for crc in results:
            pass
    return crc


# A function of one item: called for every reading of a chunk. This one is made here,
# of arithmetic and a C function; a library's would do as well.
@ffi.fuse("double(const reading *)")
def joules(r):
    return libm.fabs(r.volts * r.amps) * r.seconds


def energy(path):
    """An array of results for each chunk. They are added up at once, so one array,
    used again and again, is enough: copy=False."""
    return sum(sum(chunk) for chunk in ffi.stream(path, joules, copy=False))


def make(path, chunks=20, rows=50_000):
    """Readings: every chunk of rows is the same."""
    block = ffi.new("reading[]", [(230.0, k % 5 - 2, 0.5) for k in range(rows)])
    with open(path, "wb") as f:
        for _ in range(chunks):
            f.write(ffi.buffer(block))


def main():
    with tempfile.TemporaryDirectory() as where:
        path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(where, "readings")
        if len(sys.argv) < 2:
            make(path)
        crc = checksum(path)
        print("crc32   %08x" % crc)
        if len(sys.argv) < 2:
            print("energy  %.0f J" % energy(path))
            # The source may be anything that gives bytes, or values.
            with open(path, "rb") as f:
                assert crc == zlib.crc32(f.read())
            few = [(10.0, -2.0, 1.5), (5.0, 1.0, 2.0)]
            print("in all  %.0f J" % sum(map(sum, ffi.stream(few, joules))))


if __name__ == "__main__":
    main()
