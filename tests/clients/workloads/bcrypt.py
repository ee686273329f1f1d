# SPDX-License-Identifier: MIT
"""bcrypt 3.x, the last line that is built on cffi: known vectors and errors."""

IMPORTS = ["bcrypt"]
# Published vectors of crypt_blowfish.
VECTORS = [
    (b"U*U", b"$2b$04$CCCCCCCCCCCCCCCCCCCCC.", None),
    (b"U*U*", b"$2b$05$CCCCCCCCCCCCCCCCCCCCC.",
     b"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    (b"U*U*U", b"$2a$05$XXXXXXXXXXXXXXXXXXXXXO",
     b"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
]


def work(say, scratch):
    import bcrypt
    for password, salt, known in VECTORS:
        hashed = bcrypt.hashpw(password, salt)
        say("hash", hashed)
        assert known is None or hashed == known
        say("check", (bcrypt.checkpw(password, hashed), bcrypt.checkpw(b"no", hashed)))
    say("kdf", bcrypt.kdf(b"password", b"salt", 32, 8, ignore_few_rounds=True))
    say("salt", len(bcrypt.gensalt(4)))
    for call in (lambda: bcrypt.hashpw("text", b"$2b$04$" + b"C" * 22),
                 lambda: bcrypt.hashpw(b"a\0b", b"$2b$04$" + b"C" * 22),
                 lambda: bcrypt.hashpw(b"a", b"junk"),
                 lambda: bcrypt.kdf(b"", b"salt", 32, 8)):
        try:
            call()
        except (TypeError, ValueError) as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    for _ in range(30):
        bcrypt.kdf(b"password", b"salt", 16, 1, ignore_few_rounds=True)
