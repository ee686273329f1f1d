# SPDX-License-Identifier: MIT
"""Compiler flags from pkg-config, as keywords of set_source()."""

import os
import subprocess
import sys


def merge_flags(into, flags):
    """Append the lists of `flags` to those of `into`, which is returned."""
    for key, value in flags.items():
        if key not in into:
            into[key] = value
            continue
        for number, owner in ((1, into), (2, flags)):
            if not isinstance(owner[key], list):
                raise TypeError(
                    "cfg%d[%r] should be a list of strings" % (number, key))
        into[key].extend(value)
    return into


def run(package, option, error, encoding=None, popen=None):
    """The words that `pkg-config OPTION PACKAGE` prints, as one str.

    `error` is the exception class for everything that may go wrong; `popen` starts
    the process.
    """
    if encoding is None:
        encoding = sys.getfilesystemencoding()
    command = ["pkg-config", "--print-errors", option, package]
    try:
        process = (popen or subprocess.Popen)(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as e:
        raise error("cannot run pkg-config: %s" % str(e).strip()) from None
    output, messages = process.communicate()
    if process.returncode != 0:
        if isinstance(messages, bytes):
            messages = messages.decode(encoding, "replace")
        raise error(messages.strip())
    if isinstance(output, bytes):
        try:
            output = output.decode(encoding)
        except UnicodeDecodeError:
            raise error(
                "pkg-config %s %s returned bytes that cannot be decoded with "
                "encoding %r:\n%r" % (option, package, encoding, output)) from None
    if os.altsep != "\\" and "\\" in output:
        raise error("pkg-config %s %s returned an unsupported backslash-escaped "
                    "output:\n%r" % (option, package, output))
    return output


def _macro(word):
    """-DNAME=VALUE or -DNAME as setuptools wants it."""
    name, has_value, value = word[2:].partition("=")
    return (name, value if has_value else None)


def _package_flags(package, error, call):
    compiling = call(package, "--cflags", error).split()
    linking = call(package, "--libs", error).split()
    own = ("-I", "-D")
    own_libs = ("-L", "-l")
    return {
        "include_dirs": [w[2:] for w in compiling if w.startswith("-I")],
        "library_dirs": [w[2:] for w in linking if w.startswith("-L")],
        "libraries": [w[2:] for w in linking if w.startswith("-l")],
        "define_macros": [_macro(w) for w in compiling if w.startswith("-D")],
        "extra_compile_args": [w for w in compiling if not w.startswith(own)],
        "extra_link_args": [w for w in linking if not w.startswith(own_libs)],
    }


def flags_from_pkgconfig(packages, error, call=run):
    """The flags of all `packages`: a dict of keywords of set_source().

    `call(package, option, error)` asks pkg-config; tests put another there.
    """
    flags = {}
    for package in packages:
        merge_flags(flags, _package_flags(package, error, call))
    return flags
