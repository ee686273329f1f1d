# SPDX-License-Identifier: MIT
"""argon2-cffi: known vectors, the three variants, errors, the core structure."""

IMPORTS = ["argon2", "argon2.low_level"]


def work(say, scratch):
    import argon2
    from argon2 import low_level
    from argon2.low_level import Type

    for kind in Type:
        for cost in ((1, 8, 1), (2, 64, 2)):
            say("%s %r" % (kind, cost), low_level.hash_secret(
                b"password", b"somesalt", *cost, hash_len=24, type=kind))
    raw = low_level.hash_secret_raw(b"password", b"somesalt", 2, 65536, 1, 32, Type.I)
    say("raw", raw)
    # The reference implementation's test vector for these parameters.
    assert raw.hex() == "c1628832147d9720c5bd1cfd61367078729f6dfb6f8fea9ff98158e0d7816ed0"

    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=2)
    encoded = hasher.hash("s\u00e9cret", salt=b"0123456789abcdef")
    say("encoded", encoded)
    say("verify", hasher.verify(encoded, "s\u00e9cret"))
    for wrong, text in ((encoded, "other"), ("$argon2id$v=19$m=1", "x"), ("junk", "x")):
        try:
            hasher.verify(wrong, text)
        except argon2.exceptions.VerificationError as e:
            say("refused", "%s: %s" % (type(e).__name__, e))
        except argon2.exceptions.InvalidHashError as e:
            say("refused", "%s: %s" % (type(e).__name__, e))
    say("rehash", hasher.check_needs_rehash(encoded))
    for salt, cost in ((b"short", 64), (b"somesalt", 0)):
        try:
            low_level.hash_secret(b"pw", salt, 1, cost, 1, 16, Type.ID)
        except argon2.exceptions.HashingError as e:
            say("error", str(e))
    say("context", core(low_level))
    for _ in range(200):
        low_level.hash_secret_raw(b"pw", b"somesalt", 1, 8, 1, 16, Type.ID)


def core(low_level):
    """The C function itself with a structure of ours, as argon2-cffi documents."""
    ffi, lib = low_level.ffi, low_level.lib
    out, password = ffi.new("uint8_t[]", 16), ffi.new("uint8_t[]", b"pw\0")
    salt = ffi.new("uint8_t[]", b"somesalt")
    context = ffi.new("argon2_context *", dict(
        version=low_level.ARGON2_VERSION, out=out, outlen=16, pwd=password, pwdlen=2,
        salt=salt, saltlen=8, secret=ffi.NULL, secretlen=0, ad=ffi.NULL, adlen=0,
        t_cost=1, m_cost=8, lanes=1, threads=1, allocate_cbk=ffi.NULL, free_cbk=ffi.NULL,
        flags=lib.ARGON2_DEFAULT_FLAGS))
    code = low_level.core(context, low_level.Type.D.value)
    return code, bytes(ffi.buffer(out)).hex(), ffi.string(lib.argon2_error_message(-2))
