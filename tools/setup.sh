#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Sees to the system packages that building and testing need. As root on Debian
# (or a relative of it) they are installed; elsewhere the missing ones are named.
# Exits with 1 only when something is missing without which nothing can be built.
#
#   tools/setup.sh [--test]     --test: also what only `make test` uses

PY=${PYTHON:-python3}
missing='' wanted=''

have() { command -v "$1" >/dev/null 2>&1; }
must() { missing="$missing $1"; }   # the build fails without it
want() { wanted="$wanted $1"; }     # something is skipped without it

look() {
    missing='' wanted=''
    have cc || have gcc || must gcc
    have "$PY" || must python3
    if have "$PY"; then
        "$PY" -c 'import venv, ensurepip' 2>/dev/null || must python3-venv
        "$PY" - <<'EOF' || must python3-dev
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
EOF
    fi
    echo '#include <stddef.h>
#include <stdlib.h>' | ${CC:-cc} -E - >/dev/null 2>&1 || must libc6-dev
    have pkg-config || want pkg-config
    have pkg-config && pkg-config --exists libffi 2>/dev/null || want libffi-dev
    # In Debian's versions without a .pc file.
    echo '#include <Zydis/Disassembler.h>' | ${CC:-cc} -E - >/dev/null 2>&1 || want libzydis-dev
    for so in libz.so.1:zlib1g libsqlite3.so.0:libsqlite3-0; do
        "$PY" -c "import ctypes; ctypes.CDLL('${so%%:*}')" 2>/dev/null || want "${so##*:}"
    done
    if [ "$1" = --test ]; then
        have c++ || want g++
        have git || want git
        # A package built on cffi that brings no library of its own.
        "$PY" -c "import ctypes; ctypes.CDLL('libcairo.so.2')" 2>/dev/null || want libcairo2
    fi
    # The compilers of other targets, for the comparisons with them; too much to
    # put on a person's machine unasked.
    if [ "$1" = --test ] && [ -n "$CI" ]; then
        have gdb || want gdb
        have qemu-aarch64 || want qemu-user
        have aarch64-linux-gnu-gcc || want gcc-aarch64-linux-gnu
        have x86_64-w64-mingw32-gcc || want gcc-mingw-w64-x86-64
        echo 'int x;' | ${CC:-cc} -m32 -xc -c - -o /dev/null 2>/dev/null &&
            [ -e /usr/include/x86_64-linux-gnu/gnu/stubs-32.h ] || want libc6-dev-i386
        have clang-format || have clang-format-14 || want clang-format
    fi
}

look "$1"
[ -z "$missing$wanted" ] && exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
    echo "setup: installing$missing$wanted"
    # One at a time for the optional ones: a name unknown here must not stop the rest.
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -qq
    [ -z "$missing" ] || apt-get install -y -qq --no-install-recommends $missing >/dev/null
    for p in $wanted; do
        apt-get install -y -qq --no-install-recommends "$p" >/dev/null || true
    done
    look "$1"
fi

[ -z "$wanted" ] || echo "setup: not installed (parts are skipped):$wanted" >&2
if [ -n "$missing" ]; then
    echo "setup: needed and not installed:$missing" >&2
    echo "setup: on Debian, as root:  apt-get install$missing$wanted" >&2
    exit 1
fi
exit 0
