# SPDX-License-Identifier: MIT
"""The lock that code around cffi takes from here."""

from _thread import allocate_lock

__all__ = ["allocate_lock"]
