# SPDX-License-Identifier: MIT
"""brotlicffi: round trips, streams in pieces of all sizes, broken input."""

IMPORTS = ["brotlicffi"]


def text(size):
    """Bytes that compress, but not to nothing."""
    state, out = 12345, bytearray()
    words = [b"struct ", b"union ", b"int ", b"double ", b"char *", b"; ", b"(", b")"]
    while len(out) < size:
        state = state * 1103515245 + 12345 & 0x7fffffff
        out += words[state >> 16 & 7] + b"%d" % (state >> 20)
    return bytes(out[:size])


def work(say, scratch):
    import brotlicffi as brotli
    for size in (0, 1, 100, 65536, 1 << 20):
        data = text(size)
        for quality in (0, 5) if size > 65536 else (0, 5, 11):
            packed = brotli.compress(data, quality=quality)
            say("%d bytes at %d" % (size, quality), packed)
            assert brotli.decompress(packed) == data
    for mode in (brotli.MODE_GENERIC, brotli.MODE_TEXT, brotli.MODE_FONT):
        say("mode", brotli.compress(text(5000), mode=mode, lgwin=16))
    data = text(200000)
    for step in (1 << 15, 777):
        packer = brotli.Compressor(quality=4)
        packed = b"".join(packer.process(data[i:i + step]) for i in range(0, len(data), step))
        packed += packer.flush() + packer.finish()
        say("stream", packed)
        unpacker = brotli.Decompressor()
        plain = b"".join(unpacker.process(packed[i:i + 501])
                         for i in range(0, len(packed), 501))
        say("finished", (plain == data, unpacker.is_finished()))
    for bad in (b"\xff" * 20, packed[:100]):
        try:
            brotli.decompress(bad)
        except brotli.error as e:
            say("error", str(e))
    try:
        brotli.compress(data, quality=99)
    except brotli.error as e:
        say("quality", str(e))
    for i in range(300):
        assert brotli.decompress(brotli.compress(b"%d" % i, quality=1)) == b"%d" % i
