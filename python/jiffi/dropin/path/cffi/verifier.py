# SPDX-License-Identifier: MIT
"""cffi.verifier: the module jiffi.build.verifier itself, because programs set its
globals and override methods of its Verifier."""

import sys

from jiffi.build import verifier

sys.modules[__name__] = verifier
