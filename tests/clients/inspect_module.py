# SPDX-License-Identifier: MIT
"""Loads one compiled cffi module by its file and looks at everything in it.

    python inspect_module.py FILE.so

Prints JSON: the seconds that took, whose _cffi_backend it was, and one line of text
for every name of lib and every type of ffi, in which nothing depends on addresses.
"""

import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import time


def load(path):
    name = os.path.basename(path).split(".")[0]
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    return importlib.util.module_from_spec(spec)


def attempt(f):
    try:
        return f()
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)


def renamed(text):
    """cffi 2 has names of its own for complex types; Debian's is older."""
    for kind in ("float", "double"):
        text = text.replace("_cffi_%s_complex_t" % kind, kind + " _Complex")
    return text


def plain(value):
    return re.sub("0x[0-9a-f]+", "0x", repr(value)).replace("__CDataOwn", "_CDataBase")


def of_lib(ffi, lib, name):
    value = getattr(lib, name)
    if isinstance(value, (int, float, bytes, str)):
        return repr(value)
    if callable(value) and hasattr(value, "__doc__") and not isinstance(value, ffi.CData):
        return "%s %s" % ((value.__doc__ or "").split("\n")[0], attempt(
            lambda: ffi.typeof(value)))
    return plain(value)


def of_type(ffi, name):
    t = ffi.typeof(name)
    words = [t.cname, t.kind, attempt(lambda: ffi.sizeof(t)), attempt(lambda: ffi.alignof(t))]
    if t.kind in ("struct", "union"):
        words.append([(n, f.type.cname, f.offset, f.bitshift, f.bitsize)
                      for n, f in t.fields or ()])
    elif t.kind == "enum":
        words.append(sorted(t.elements.items()))
    elif t.kind == "function" or t.kind == "pointer" and t.item.kind == "function":
        f = t if t.kind == "function" else t.item
        words.append(([a.cname for a in f.args], f.result.cname, f.ellipsis))
    return repr(words)


def main(path):
    start = time.process_time()
    module = load(path)
    ffi, lib = module.ffi, module.lib
    lines = []
    for name in dir(lib):
        if not name.startswith("__"):
            lines.append("lib.%s: %s" % (name, attempt(lambda: of_lib(ffi, lib, name))))
    typedefs, structs, unions = ffi.list_types()
    for name in typedefs + ["struct " + s for s in structs] + ["union " + u for u in unions]:
        lines.append("%s: %s" % (name, attempt(lambda: of_type(ffi, name))))
    seconds = time.process_time() - start
    backend = sys.modules["_cffi_backend"]
    print(json.dumps({"seconds": seconds, "lines": [renamed(x) for x in lines],
                      "ours": bool(getattr(backend, "__jiffi__", None))}))


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
