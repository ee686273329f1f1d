# SPDX-License-Identifier: MIT
"""The command cffi-gen-src: `jiffi gen` under cffi's name, for cffi's FFI."""

import argparse
import os
import sys

from jiffi import cli

from .api import FFI


def run(args=None):
    called = os.path.basename(sys.argv[0]) if sys.argv else ""
    parser = argparse.ArgumentParser(
        prog="cffi-gen-src" if called.startswith("cffi-gen-src")
        else "python -m cffi.gen_src",
        description="Generate CFFI C source for extension modules.")
    cli.add_gen_commands(parser, FFI, "cffi.gen_src")
    args = parser.parse_args(args)
    args.run(args, parser)
    parser.exit(0)
