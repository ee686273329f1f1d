# SPDX-License-Identifier: MIT
"""pylibsrtp: packets protected and opened, with RFC 3711's key material, errors."""

IMPORTS = ["pylibsrtp"]


def packet(number):
    import struct
    return struct.pack(">BBHII", 0x80, 0, number, number * 160, 0xdecafbad) + b"\xab" * 160


def work(say, scratch):
    import pylibsrtp as s
    key = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    for profile in (s.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
                    s.Policy.SRTP_PROFILE_AES128_CM_SHA1_32):
        sender = s.Session(s.Policy(key, s.Policy.SSRC_ANY_OUTBOUND, profile))
        receiver = s.Session(s.Policy(key, s.Policy.SSRC_ANY_INBOUND, profile))
        sealed = [sender.protect(packet(i)) for i in range(200)]
        say("protected", b"".join(sealed))
        assert [receiver.unprotect(x) for x in sealed] == [packet(i) for i in range(200)]
        for wrong in (lambda: receiver.unprotect(sealed[3]),
                      lambda: receiver.unprotect(sealed[5][:-1] + b"\0"),
                      lambda: sender.protect(b"short"), lambda: sender.protect(bytes(5000)),
                      lambda: sender.protect("text")):
            try:
                wrong()
            except Exception as e:
                say("error", "%s: %s" % (type(e).__name__, e))
    policy = s.Policy(key=key, ssrc_type=s.Policy.SSRC_SPECIFIC, ssrc_value=12345)
    policy.allow_repeat_tx, policy.window_size = True, 256
    say("policy", (bytes(policy.key), policy.ssrc_type, policy.ssrc_value, policy.allow_repeat_tx,
                   policy.window_size))
    session = s.Session()
    session.add_stream(policy)
    session.remove_stream(12345)
    for _ in range(50):
        s.Session(s.Policy(key, s.Policy.SSRC_ANY_OUTBOUND)).protect(packet(1))
