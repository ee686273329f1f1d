# SPDX-License-Identifier: MIT
"""Runs one workload in this process and prints what it said, as JSON.

    python measure.py NAME PASSES

A workload is workloads/NAME.py with IMPORTS, the modules whose import is timed,
and work(say, scratch): say(name, value) records a result, `scratch` is an empty
directory. The work is done PASSES times, then once more with the collector
running after every few objects; all passes have to say the same.
"""

import gc
import hashlib
import importlib
import json
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def shown(value):
    """A result as text; what is long becomes its digest and its length."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = bytes(value)
        if len(value) <= 40:
            return value.hex()
        return "sha256 %s of %d bytes" % (hashlib.sha256(value).hexdigest(), len(value))
    text = value if isinstance(value, str) else repr(value)
    if len(text) > 300:
        return shown(text.encode("utf-8", "surrogatepass"))
    return text


def one_pass(work):
    said = []
    scratch = tempfile.mkdtemp(prefix="client-")
    try:
        start = time.process_time()
        work(lambda name, value: said.append((name, shown(value))), scratch)
        seconds = time.process_time() - start
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return said, seconds


def origin(name):
    """The file that a module came from; "" if it is not imported."""
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None) or ""
    return os.path.realpath(path) if path else "" if module is None else "(no file)"


def ours():
    """Whether the cffi in this process is jiffi's; all of it or none."""
    there = [sys.modules[n] for n in ("_cffi_backend", "cffi") if n in sys.modules]
    marks = {bool(getattr(m, "__jiffi__", None)) for m in there}
    if len(marks) != 1:
        raise SystemExit("half of cffi, or none: %r" % there)
    return marks.pop()


def main(name, passes):
    workload = importlib.import_module("workloads." + name)
    start = time.process_time()
    for module in workload.IMPORTS:
        importlib.import_module(module)
    seconds = time.process_time() - start
    said, times = None, []
    for _ in range(passes):
        now, elapsed = one_pass(workload.work)
        times.append(elapsed)
        if said is not None and now != said:
            raise SystemExit("two passes differ: %r" % [
                (a, b) for a, b in zip(said, now) if a != b])
        said = now
    before = gc.get_threshold()
    gc.set_threshold(23, 2, 2)
    now, _ = one_pass(workload.work)
    gc.set_threshold(*before)
    if now != said:
        raise SystemExit("with the collector at work: %r" % [
            (a, b) for a, b in zip(said, now) if a != b])
    gc.collect()
    print(json.dumps({"import": seconds, "work": min(times), "said": said,
                      "backend": origin("_cffi_backend"), "cffi": origin("cffi"),
                      "ours": ours()}))


if __name__ == "__main__":
    # This file's directory is on the path only for `workloads`.
    main(sys.argv[1], int(sys.argv[2]))
