# SPDX-License-Identifier: MIT
"""cryptography's binding to OpenSSL, by itself and as pyOpenSSL uses it: a TLS
conversation in memory, with callbacks from C on both sides."""

IMPORTS = ["cryptography.hazmat.bindings.openssl.binding", "OpenSSL.SSL", "OpenSSL.crypto"]


def work(say, scratch):
    from cryptography.hazmat.bindings.openssl.binding import Binding
    binding(say, Binding().ffi, Binding().lib)
    tls(say)


def binding(say, ffi, lib):
    names = dir(lib)
    say("names", names)
    say("constants", sorted((n, v) for n, v in ((n, getattr(lib, n)) for n in names)
                            if isinstance(v, int)))
    say("functions", sum(callable(getattr(lib, n)) for n in names))
    bio = lib.BIO_new(lib.BIO_s_mem())
    assert bio != ffi.NULL
    bio = ffi.gc(bio, lib.BIO_free)
    sent = bytes(range(256)) * 40
    say("written", lib.BIO_write(bio, sent, len(sent)))
    out = ffi.new("char[]", len(sent))
    say("read", lib.BIO_read(bio, out, len(sent)))
    assert ffi.buffer(out)[:] == sent
    say("empty", (lib.BIO_read(bio, out, 1), lib.BIO_should_retry(bio)))
    lib.ERR_clear_error()
    say("no key", lib.PEM_read_bio_PrivateKey(
        ffi.gc(lib.BIO_new_mem_buf(b"junk", 4), lib.BIO_free), ffi.NULL, ffi.NULL,
        ffi.NULL) == ffi.NULL)
    say("library of the error", lib.ERR_GET_LIB(lib.ERR_get_error()) if hasattr(
        lib, "ERR_GET_LIB") else lib.ERR_peek_error() != 0)
    for wrong in (lambda: lib.BIO_write(bio, 1.5, 3), lambda: lib.BIO_read(bio, out),
                  lambda: ffi.new("no_such_t *"), lambda: lib.no_such_function,
                  lambda: lib.BIO_write(bio, b"x", 1 << 40)):
        try:
            wrong()
        except Exception as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    say("types", [ffi.getctype(t) for t in ("BIO *", "X509 *", "SSL *[4]")])


def certificate(crypto):
    from cryptography.hazmat.primitives.asymmetric import ec

    # Not RSA, whose keys take a different time to find every time.
    key = crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()))
    x = crypto.X509()
    x.get_subject().CN = "localhost"
    x.get_subject().O = "jiffi \u00e9"
    x.set_serial_number(0x1234567890abcdef1234)
    x.set_notBefore(b"20200101000000Z")
    x.set_notAfter(b"20991231235959Z")
    x.set_issuer(x.get_subject())
    x.set_pubkey(key)
    x.sign(key, "sha256")
    return key, x


def tls(say):
    import warnings

    from OpenSSL import SSL, crypto
    warnings.simplefilter("ignore")
    key, x = certificate(crypto)
    say("subject", x.get_subject().get_components())
    say("again", crypto.load_certificate(
        crypto.FILETYPE_PEM, crypto.dump_certificate(crypto.FILETYPE_PEM, x)).get_notAfter())
    calls = []
    server = SSL.Context(SSL.TLS_METHOD)
    server.use_privatekey(key)
    server.use_certificate(x)
    server.check_privatekey()
    server.set_alpn_select_callback(lambda c, offered: (calls.append(offered), b"h2")[1])
    server.set_tlsext_servername_callback(lambda c: calls.append(c.get_servername()))
    client = SSL.Context(SSL.TLS_METHOD)
    client.set_alpn_protos([b"http/1.1", b"h2"])

    def verify(connection, certificate, number, depth, ok):
        calls.append((certificate.get_subject().CN, number, depth, ok))
        return True

    client.set_verify(SSL.VERIFY_PEER, verify)
    info = []
    client.set_info_callback(lambda c, where, code: info.append((where, code)))
    a, b = SSL.Connection(server, None), SSL.Connection(client, None)
    a.set_accept_state()
    b.set_connect_state()
    b.set_tlsext_host_name(b"localhost")
    pump(SSL, a, b)
    say("state", (a.get_protocol_version_name(), b.get_cipher_name(),
                  b.get_alpn_proto_negotiated()))
    say("callbacks", calls)
    say("info", info[:4])
    message = bytes(range(256)) * 500
    received = b""
    for i in range(0, len(message), 16000):
        b.send(message[i:i + 16000])
        transfer(SSL, b, a)
        received += a.recv(20000)
    say("received", received)
    say("peer", b.get_peer_certificate().get_subject().O)
    client = SSL.Context(SSL.TLS_METHOD)
    client.set_verify(SSL.VERIFY_PEER, lambda *arguments: 1 // 0)
    a, b = SSL.Connection(server, None), SSL.Connection(client, None)
    a.set_accept_state()
    b.set_connect_state()
    try:
        pump(SSL, a, b)
    except (ZeroDivisionError, SSL.Error) as e:
        say("raised in the callback", type(e).__name__)


def transfer(SSL, source, target):
    try:
        while True:
            target.bio_write(source.bio_read(1 << 16))
    except SSL.WantReadError:
        pass


def pump(SSL, a, b):
    for _ in range(8):
        for side, other in ((b, a), (a, b)):
            try:
                side.do_handshake()
            except SSL.WantReadError:
                pass
            transfer(SSL, side, other)
