# SPDX-License-Identifier: MIT
"""soundfile: formats through files, through Python file objects (callbacks that
libsndfile makes), blocks, NumPy and plain buffers, errors."""

IMPORTS = ["soundfile", "numpy"]


def work(say, scratch):
    import io
    import os
    import re

    import numpy
    import soundfile as sf
    say("library", sf.__libsndfile_version__)
    say("formats", sorted(sf.available_formats()))
    t = numpy.arange(8000) / 8000
    data = numpy.stack([numpy.sin(t * 2764.6), numpy.cos(t * 1000) * t], axis=1) / 2
    for name, subtype in (("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", "PCM_24"),
                          ("a.aiff", "PCM_S8"), ("a.au", "ALAW")):
        path = os.path.join(scratch, name)
        sf.write(path, data, 8000, subtype=subtype)
        back, rate = sf.read(path, always_2d=True)
        say("%s %s" % (name, subtype), (rate, back.shape, float(abs(back - data).max())))
        say("bytes", open(path, "rb").read() if subtype in ("PCM_16", "ALAW") else len(back))
        info = sf.info(path)
        say("info", (info.frames, info.channels, info.format, info.subtype, info.endian))
    memory = io.BytesIO()
    sf.write(memory, data, 8000, format="FLAC")  # sf_open_virtual: five callbacks
    memory.seek(0)
    with sf.SoundFile(memory) as f:
        say("from memory", (f.frames, f.samplerate, f.seekable(), f.seek(100), f.tell()))
        say("some", f.read(50, dtype="int16").tobytes())
        f.seek(0)
        say("rms", [round(float((b ** 2).mean()), 12) for b in f.blocks(1000, overlap=10)])
        raw = bytearray(4 * 2 * 10)
        say("into a buffer", (f.seek(7), f.buffer_read_into(raw, dtype="int32"), bytes(raw)))
        say("buffer", bytes(f.buffer_read(20, dtype="float32")))
    wav = os.path.join(scratch, "b.wav")
    with sf.SoundFile(wav, "w+", 44100, 1, "PCM_16") as f:
        f.title, f.comment = "T\u00eft", "comment"
        f.buffer_write(bytes(range(200)), dtype="int16")
        f.flush()
        f.seek(0)
        say("strings", (f.copy_metadata(), f.read(100, dtype="int16").tobytes()))
        f.truncate(10)
        say("shorter", f.frames)
    for wrong in (lambda: sf.read(os.path.join(scratch, "none.wav")),
                  lambda: sf.read(io.BytesIO(b"junk" * 10)),
                  lambda: sf.write(wav, data, 8000, subtype="NO"),
                  lambda: sf.SoundFile(wav, "w", 8000, 1, format="OGG", subtype="PCM_16")):
        try:
            wrong()
        except Exception as e:
            text = re.sub("0x[0-9a-f]+", "0x", str(e).replace(scratch, ""))
            say("error", "%s: %s" % (type(e).__name__, text))
    for i in range(100):
        memory.seek(0)
        with sf.SoundFile(memory) as f:
            assert len(f.read(10)) == 10
