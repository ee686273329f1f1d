# SPDX-License-Identifier: MIT
"""Makes libshop.so: C functions whose bodies are Python.

The program that links with it need not know that. The interpreter is started by
the first call.
"""

from pathlib import Path

from jiffi import FFI

HERE = Path(__file__).resolve().parent

ffibuilder = FFI()
ffibuilder.embedding_api((HERE / "shop.h").read_text())
ffibuilder.set_source("shop_plugin", "")
ffibuilder.embedding_init_code((HERE / "shop_rules.py").read_text())

if __name__ == "__main__":
    print(ffibuilder.compile(target="libshop.*", verbose=True))
