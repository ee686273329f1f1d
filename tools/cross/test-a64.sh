#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The core on AArch64 Linux: cross-built, run under qemu-user. Calls and callbacks
# go through libffi there. Runs the unit tests, the C example, and the ABI fuzzer
# through the engine. Sets up what it needs on Debian; names it elsewhere.
#
#   tools/cross/test-a64.sh [signatures of the fuzzer]

set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
PATH=$root/.venv/bin:$PATH
export PATH
sysroot=build/a64-root

have() { command -v "$1" >/dev/null 2>&1; }

look() {
    missing=''
    have aarch64-linux-gnu-gcc || missing="$missing gcc-aarch64-linux-gnu"
    [ -e /usr/aarch64-linux-gnu/include/stdlib.h ] || missing="$missing libc6-dev-arm64-cross"
    have qemu-aarch64 || missing="$missing qemu-user"
    have pkg-config || missing="$missing pkg-config"
}

look
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && have apt-get; then
    echo "test-a64: installing$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        $missing >/dev/null
    look
fi
if [ -n "$missing" ]; then
    echo "test-a64: needed and not installed:$missing" >&2
    exit 1
fi

# libffi for AArch64, unpacked below build/: apt is asked with lists of its own, so
# the system's packages and architectures stay as they are.
if [ ! -e $sysroot/usr/include/aarch64-linux-gnu/ffi.h ]; then
    if ! have apt-get || ! have dpkg; then
        echo "test-a64: put libffi's header, library and libffi.pc for AArch64 below" \
            "$root/$sysroot/usr/{include,lib}/aarch64-linux-gnu" >&2
        exit 1
    fi
    apt=$root/build/a64-apt
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" $sysroot
    with="-qq -o APT::Architectures::=$(dpkg --print-architecture)
        -o APT::Architectures::=arm64 -o Dir::State::Lists=$apt/lists
        -o Dir::Cache=$apt/cache -o APT::Sandbox::User=$(id -un)"
    apt-get $with update
    (cd "$apt" && apt-get $with download libffi-dev:arm64 libffi8:arm64)
    for deb in "$apt"/*.deb; do
        dpkg -x "$deb" $sysroot
    done
    rm -rf "$apt"
fi

if [ ! -e build/a64/build.ninja ]; then
    rm -rf build/a64
    meson setup build/a64 --cross-file tools/cross/aarch64-linux-gnu.ini \
        -Dpython=false >build/a64.setup.log 2>&1 || {
        cat build/a64.setup.log >&2
        exit 1
    }
fi
ninja -C build/a64 >build/a64.log 2>&1 || {
    sed -n '/^FAILED/,$p' build/a64.log | head -n 80 >&2
    exit 1
}
meson test -C build/a64 --no-rebuild --print-errorlogs --timeout-multiplier 4
python3 tests/proof/run.py --driver build/a64/tests/proof/proof_driver --only hand \
    --cc aarch64-linux-gnu-gcc --runner \
    "qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$root/$sysroot/usr/lib/aarch64-linux-gnu"
python3 tests/abi/fuzz.py --objects build/a64 --side a64-libffi --count "${1:-500}"
