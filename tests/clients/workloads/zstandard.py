# SPDX-License-Identifier: MIT
"""zstandard on its cffi back end: streams, dictionaries, parameters, errors."""

IMPORTS = ["zstandard"]


def work(say, scratch):
    import io

    import zstandard as zstd
    from .brotlicffi import text

    assert zstd.backend == "cffi"
    say("backend", (zstd.backend, zstd.ZSTD_VERSION, zstd.MAGIC_NUMBER))
    for size in (0, 1, 1000, 1 << 20):
        data = text(size)
        for level in (1, 3, 12):
            packed = zstd.ZstdCompressor(level=level, write_checksum=True).compress(data)
            say("%d at %d" % (size, level), packed)
            assert zstd.ZstdDecompressor().decompress(packed) == data
    data = text(400000)
    streams(say, zstd, io, data)
    parts = [text(300 + i)[i % 50:] for i in range(400)]
    trained = zstd.train_dictionary(4096, parts)
    say("dictionary", trained.as_bytes())
    packer = zstd.ZstdCompressor(dict_data=trained)
    unpacker = zstd.ZstdDecompressor(dict_data=trained)
    packed = [packer.compress(p) for p in parts]
    say("with dictionary", b"".join(packed))
    assert [unpacker.decompress(p) for p in packed] == parts
    frame = zstd.get_frame_parameters(packed[0])
    say("frame", (frame.content_size, frame.window_size, frame.dict_id == trained.dict_id(),
                  frame.has_checksum))
    options = zstd.ZstdCompressionParameters.from_level(5, window_log=15, threads=0)
    say("parameters", (options.window_log, options.chain_log, options.strategy))
    say("compressed by them", zstd.ZstdCompressor(compression_params=options).compress(data))
    for bad in (b"junk" * 5, packed[3][:-4]):
        try:
            zstd.ZstdDecompressor().decompress(bad, max_output_size=1000)
        except zstd.ZstdError as e:
            say("error", str(e))
    for i in range(200):
        assert unpacker.decompress(packer.compress(b"%d" % i * 9)) == b"%d" % i * 9


def streams(say, zstd, io, data):
    packed = io.BytesIO()
    with zstd.ZstdCompressor(level=2).stream_writer(packed, closefd=False) as writer:
        for i in range(0, len(data), 3333):
            writer.write(data[i:i + 3333])
        writer.flush(zstd.FLUSH_FRAME)
    say("writer", packed.getvalue())
    packed.seek(0)
    with zstd.ZstdDecompressor().stream_reader(packed, read_size=1000) as reader:
        pieces = iter(lambda: reader.read(7001), b"")
        assert b"".join(pieces) == data
    packed = b"".join(zstd.ZstdCompressor().read_to_iter(io.BytesIO(data), read_size=4096))
    say("read_to_iter", packed)
    assert b"".join(zstd.ZstdDecompressor().read_to_iter(io.BytesIO(packed))) == data
    work = zstd.ZstdCompressor().compressobj()
    packed = work.compress(data[:5000]) + work.flush(zstd.COMPRESSOBJ_FLUSH_BLOCK)
    packed += work.compress(data[5000:]) + work.flush()
    say("compressobj", packed)
    plain, unpack = b"", zstd.ZstdDecompressor().decompressobj()
    for i in range(0, len(packed), 999):
        plain += unpack.decompress(packed[i:i + 999])
    assert plain == data
    buffers = zstd.ZstdCompressor().chunker(chunk_size=1024)
    say("chunker", b"".join(list(buffers.compress(data)) + list(buffers.finish())))
