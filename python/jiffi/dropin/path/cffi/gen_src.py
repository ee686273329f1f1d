# SPDX-License-Identifier: MIT
"""python -m cffi.gen_src"""

from ._cffi_gen_src import run

if __name__ == "__main__":
    run()
