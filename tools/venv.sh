#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a virtual environment, or brings it up to date with the requirement
# files; does nothing when it is. Lines of a file given with `?` in front are
# tried one by one, and a failure is only said.
#
#   tools/venv.sh DIR PYTHON requirements/dev.txt ?requirements/optional.txt

set -e
dir=$1 py=$2
shift 2
[ -x "$dir/bin/python" ] || "$py" -m venv "$dir"
pip() { "$dir/bin/python" -m pip --disable-pip-version-check "$@"; }

for file in "$@"; do
    name=${file#\?}
    stamp=$dir/.done-$(basename "$name" .txt)
    if [ -e "$stamp" ] && cmp -s "$name" "$stamp"; then
        continue
    fi
    echo "venv: $name -> $dir"
    if [ "$name" = "$file" ]; then
        pip install -q -r "$name"
    else
        # All at once takes a third of the time, if every one of them is to be had.
        pip install -q --no-compile --only-binary :all: -r "$name" >/dev/null 2>&1 ||
        grep -v '^ *#' "$name" | while read -r requirement; do
            [ -n "$requirement" ] || continue
            pip install -q --only-binary :all: "$requirement" >/dev/null 2>&1 ||
                pip install -q "$requirement" >/dev/null 2>&1 ||
                echo "venv: $requirement could not be installed here; it is skipped"
        done
    fi
    cp "$name" "$stamp"
done
