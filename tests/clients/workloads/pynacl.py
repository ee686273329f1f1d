# SPDX-License-Identifier: MIT
"""PyNaCl: known vectors, boxes, secret streams, hashes, errors."""

IMPORTS = ["nacl.secret", "nacl.public", "nacl.signing", "nacl.hash", "nacl.pwhash",
           "nacl.bindings", "nacl.utils"]


def work(say, scratch):
    import nacl.bindings as b
    from nacl import exceptions, hash as nhash, public, pwhash, secret, signing

    # RFC 8032, 7.1, test 2.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = signing.SigningKey(seed)
    say("public key", bytes(key.verify_key))
    signed = key.sign(b"\x72")
    say("signature", signed.signature)
    assert signed.signature.hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    try:
        key.verify_key.verify(b"\x73" + bytes(signed.signature), None)
    except exceptions.BadSignatureError as e:
        say("forged", str(e))

    box = secret.SecretBox(bytes(range(32)))
    nonce = bytes(range(24))
    for size in (0, 1, 63, 64, 65, 4096, 1 << 20):
        message = bytes(i * 7 & 255 for i in range(min(size, 4096))) * max(1, size // 4096)
        sealed = box.encrypt(message, nonce)
        say("secret box %d" % size, bytes(sealed))
        assert box.decrypt(sealed) == message
    try:
        box.decrypt(bytes(sealed[:-1]) + b"\0")
    except exceptions.CryptoError as e:
        say("broken", str(e))

    a, z = (public.PrivateKey(bytes([i]) * 32) for i in (1, 2))
    sealed = public.Box(a, z.public_key).encrypt(b"to z", nonce)
    say("box", bytes(sealed))
    say("opened", public.Box(z, a.public_key).decrypt(sealed))
    anonymous = public.SealedBox(z.public_key).encrypt(b"who am I")
    say("sealed box", public.SealedBox(z).decrypt(anonymous))

    say("sha512", nhash.sha512(b"abc"))
    say("blake2b", nhash.blake2b(b"abc", key=b"k" * 16, salt=b"s" * 16, person=b"p" * 16))
    say("siphash", nhash.siphash24(b"abc", key=b"k" * 16))
    say("generichash state", stream_hash())
    say("argon2id", pwhash.argon2id.kdf(32, b"password", b"s" * 16, opslimit=1, memlimit=65536))
    say("scrypt", pwhash.scrypt.kdf(32, b"password", b"s" * 32, opslimit=32768,
                                    memlimit=1 << 24))
    stream(say, b)
    for i in range(500):  # small calls, many objects
        assert box.decrypt(box.encrypt(b"%d" % i)) == b"%d" % i
    say("constants", [b.crypto_box_NONCEBYTES, b.crypto_secretbox_KEYBYTES,
                      b.crypto_pwhash_ALG_DEFAULT, b.crypto_pwhash_STRBYTES])
    try:
        box.encrypt(b"x", b"short")
    except ValueError as e:
        say("nonce", str(e))


def stream_hash():
    from nacl.bindings import crypto_generichash as h
    state = h.generichash_blake2b_init(digest_size=32)
    for i in range(300):
        h.generichash_blake2b_update(state, b"%d" % i)
    return h.generichash_blake2b_final(state)


def stream(say, b):
    """libsodium's secretstream: state structs that live in cdata."""
    state, other = (b.crypto_secretstream_xchacha20poly1305_state() for _ in range(2))
    key = bytes(32)
    header = b.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    b.crypto_secretstream_xchacha20poly1305_init_pull(other, header, key)
    plain = []
    for i in range(50):
        sealed = b.crypto_secretstream_xchacha20poly1305_push(state, b"m%d" % i, b"ad",
                                                              i == 49 and 3 or 0)
        plain.append(b.crypto_secretstream_xchacha20poly1305_pull(other, sealed, b"ad"))
    say("secretstream", plain)
