# SPDX-License-Identifier: MIT
"""Who runs on cffi: the packages that `run` tries, one row for each.

name     its workload is workloads/<name>.py
pip      what pip is asked for
dist     the distribution whose version is shown
kind     how the package uses cffi:
           wheel     a module compiled by stock cffi, out of a wheel
           sdist     the same, compiled when it is installed (there is no wheel)
           abi.py    a module in Python that cffi wrote (out-of-line ABI mode)
           in-line   FFI().cdef() at import
quick    one of those that CI runs
apt      Debian packages whose libraries or programs it needs
env      environment variables, where they choose cffi
tests    its own tests: the directories to take from its source release, which may be
         none when they are installed with it; words for pytest; what else they need
"""

import collections

Row = collections.namedtuple("Row", "name pip dist kind quick apt env tests")
Tests = collections.namedtuple("Tests", "paths words pip", defaults=((), ()))


def row(name, *pip, kind="wheel", quick=False, apt="", env=None, tests=None, dist=None):
    dist = dist or pip[0].split(">")[0].split("<")[0].split("=")[0]
    return Row(name, pip, dist, kind, quick, apt.split(), env or {}, tests)


ROWS = [
    row("cryptography", "cryptography>=40", "pyOpenSSL>=23", quick=True),
    row("pynacl", "PyNaCl>=1.5", quick=True, tests=Tests(["tests"])),
    row("argon2", "argon2-cffi>=21", tests=Tests(["tests"])),
    row("bcrypt", "bcrypt>=3.2,<4", quick=True, tests=Tests(["tests"])),
    row("brotlicffi", "brotlicffi>=1.0"),
    row("zstandard", "zstandard>=0.22", env={"PYTHON_ZSTANDARD_IMPORT_POLICY": "cffi"},
        tests=Tests(["tests"])),
    row("pygit2", "pygit2>=1.12", tests=Tests(["test"])),
    row("soundfile", "soundfile>=0.12", "numpy", kind="abi.py", quick=True,
        tests=Tests(["tests"])),
    row("cairocffi", "cairocffi>=1.5", kind="in-line", apt="libcairo2", quick=True,
        tests=Tests([], ["--pyargs", "cairocffi.test_cairo"], ["pikepdf"])),
    row("weasyprint", "weasyprint>=60", kind="in-line",
        apt="libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0"),
    row("xcffib", "xcffib>=1.5", kind="in-line", apt="libxcb1 libxcb-render0 xvfb"),
    row("cmarkgfm", "cmarkgfm>=2022", tests=Tests(["tests"])),
    row("pymunk", "pymunk>=6.6", tests=Tests([], ["--pyargs", "pymunk.tests"])),
    row("gevent", "gevent>=22", env={"GEVENT_LOOP": "libuv-cffi"}),
    row("pycares", "pycares>=4.3"),
    row("miniaudio", "miniaudio>=1.59"),
    row("tcod", "tcod>=15", "numpy"),
    row("graphblas", "suitesparse-graphblas>=7.4", "numpy"),
    row("pyvips", "pyvips>=2.2", "pyvips-binary>=8"),
    row("srtp", "pylibsrtp>=0.8"),
    row("curl", "curl_cffi>=0.5"),
    row("xattr", "xattr>=1.0", tests=Tests(["tests"])),
    row("sounddevice", "sounddevice>=0.4", kind="abi.py", apt="libportaudio2"),
    row("psycopg2cffi", "psycopg2cffi>=2.9", kind="sdist", apt="libpq5 libpq-dev"),
]
