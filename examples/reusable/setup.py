# SPDX-License-Identifier: MIT
from setuptools import setup

setup(jiffi_modules=["waves_build.py:types", "waves_build.py:tone", "waves_build.py:filter_"])
