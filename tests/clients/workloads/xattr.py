# SPDX-License-Identifier: MIT
"""xattr: extended attributes of a file, and errors with errno out of C."""

IMPORTS = ["xattr"]


def work(say, scratch):
    import os

    import xattr
    path = os.path.join(scratch, "f")
    with open(path, "w") as f:
        f.write("x")
        x = xattr.xattr(f)
        try:
            x.set("user.one", b"1" * 300)
        except OSError as e:
            say("not on this file system", e.errno)
            return
        xattr.setxattr(path, "user.two", "\u00e9".encode())
        say("list", sorted(x.list()))
        say("get", (x.get("user.one"), xattr.getxattr(path, "user.two")))
        say("dict", {k: v for k, v in x.items()})
        for wrong in (lambda: x.get("user.none"), lambda: x.set("bad", b""),
                      lambda: x.set("user.one", b"", xattr.XATTR_CREATE),
                      lambda: xattr.listxattr("/no/such")):
            try:
                wrong()
            except OSError as e:
                say("errno", e.errno)
        x.remove("user.one")
        say("left", x.list())
        for i in range(300):
            x["user.k"] = b"%d" % i
            assert x["user.k"] == b"%d" % i
