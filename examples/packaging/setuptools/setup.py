# SPDX-License-Identifier: MIT
from setuptools import setup

setup(jiffi_modules=["bytestats_build.py:ffibuilder"])
