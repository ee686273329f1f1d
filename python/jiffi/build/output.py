# SPDX-License-Identifier: MIT
"""Writing generated files: whole or not at all, and only when they change, so that
build systems which go by time do no work twice."""

import os


def write(path_or_file, text):
    """True if something was written."""
    if hasattr(path_or_file, "write"):
        path_or_file.write(text)
        return True
    try:
        with open(path_or_file, encoding="utf-8") as f:
            if f.read(len(text) + 1) == text:
                return False
    except (OSError, UnicodeDecodeError):
        pass
    path = os.fspath(path_or_file)
    temporary = "%s.~%d" % (path, os.getpid())
    try:
        with open(temporary, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return True
