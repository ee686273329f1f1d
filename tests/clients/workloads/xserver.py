# SPDX-License-Identifier: MIT
"""An X server without a screen, for one workload."""

import contextlib
import os
import subprocess


@contextlib.contextmanager
def display():
    """The name of a display that lives as long as the block."""
    r, w = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(w), "-screen", "0", "640x480x24",
                               "-nolisten", "tcp"], pass_fds=[w], stderr=subprocess.DEVNULL)
    os.close(w)
    try:
        with os.fdopen(r) as f:
            number = f.readline().strip()
        if not number:
            raise RuntimeError("Xvfb did not start")
        yield ":" + number
    finally:
        server.terminate()
        server.wait()
