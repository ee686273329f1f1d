# SPDX-License-Identifier: MIT
"""The start-up code of a library that embeds Python."""


def text(startup, backend, version):
    raise NotImplementedError
