# SPDX-License-Identifier: MIT
"""va_list as a parameter: C hands one to a callback, which hands it on."""

import shutil
import subprocess

import pytest

from jiffi import FFI

SOURCE = """
#include <stdarg.h>
int relay(int (*sink)(const char *, va_list), const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = sink(format, ap);
    va_end(ap);
    return n;
}
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler on this machine")
    base = tmp_path_factory.mktemp("va_list")
    (base / "relay.c").write_text(SOURCE)
    path = str(base / "relay.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", path, str(base / "relay.c")],
                   check=True)
    return path


def test_relay(relay):
    ffi = FFI()
    ffi.cdef("""
        int relay(int (*sink)(const char *, va_list), const char *format, ...);
        int vsnprintf(char *to, size_t size, const char *format, va_list ap);
    """)
    libc, lib = ffi.dlopen(None), ffi.dlopen(relay)
    room = ffi.new("char[]", 64)

    @ffi.callback("int(const char *, va_list)")
    def sink(format, ap):
        return libc.vsnprintf(room, 64, format, ap)

    assert lib.relay(sink, b"%d %s %.2f", 7, b"seven", 7.5) == 12
    assert ffi.string(room) == b"7 seven 7.50"
