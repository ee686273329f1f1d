#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds into build/NAME; sets it up on the first call. The package is then
# importable with PYTHONPATH=build/NAME/python.
#
#   [JOBS=N] tools/build.sh NAME [meson options]

set -e
root=$(cd "$(dirname "$0")/.." && pwd)
name=$1
shift
PATH=$root/.venv/bin:$PATH
export PATH
dir=$root/build/$name
if [ ! -e "$dir/build.ninja" ]; then
    rm -rf "$dir"
    mkdir -p "$root/build"
    meson setup "$dir" "$root" "$@" >"$root/build/$name.setup.log" 2>&1 || {
        cat "$root/build/$name.setup.log" >&2
        exit 1
    }
fi
log=$root/build/$name.log
if ! ninja ${JOBS:+-j "$JOBS"} -C "$dir" >"$log" 2>&1; then
    sed -n '/^FAILED/,$p' "$log" | grep -v '^\[' | head -n 80 >&2
    exit 1
fi
# Warnings are worth a line even when the build goes well.
grep 'warning:' "$log" >&2 || true
