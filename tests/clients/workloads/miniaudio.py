# SPDX-License-Identifier: MIT
"""miniaudio: decoding, conversion, streams that Python feeds, errors."""

IMPORTS = ["miniaudio"]


def wave_file(path):
    import math
    import struct
    import wave
    with wave.open(path, "wb") as f:
        f.setnchannels(2)
        f.setsampwidth(2)
        f.setframerate(22050)
        f.writeframes(b"".join(struct.pack("<hh", int(9000 * math.sin(i / 9)), i % 30000)
                               for i in range(22050)))


def work(say, scratch):
    import os

    import miniaudio as audio
    path = os.path.join(scratch, "a.wav")
    wave_file(path)
    say("version", audio.lib_version())
    info = audio.get_file_info(path)
    say("info", (info.nchannels, info.sample_rate, info.num_frames, info.duration,
                 str(info.sample_format)))
    for form, channels, rate in ((audio.SampleFormat.SIGNED16, 2, 22050),
                                 (audio.SampleFormat.FLOAT32, 1, 44100),
                                 (audio.SampleFormat.UNSIGNED8, 2, 8000)):
        sound = audio.decode_file(path, form, channels, rate)
        say("decoded %s" % form, (sound.num_frames, len(sound.samples)))
        say("samples", sound.samples.tobytes())
    with open(path, "rb") as f:
        data = f.read()
    say("memory", audio.decode(data, nchannels=1).samples.tobytes())
    say("wav", audio.wav_read_file_s16(path).samples.tobytes())
    frames = audio.stream_memory(data, frames_to_read=500)
    say("streamed", b"".join(next(frames).tobytes() for _ in range(20)))

    class Source(audio.StreamableSource):
        def __init__(self):
            self.at, self.reads = 0, 0

        def read(self, size):
            self.reads += 1
            piece = data[self.at:self.at + size]
            self.at += len(piece)
            return piece

        def seek(self, offset, origin):
            self.at = offset if origin == audio.SeekOrigin.START else self.at + offset
            return True

    source = Source()
    frames = audio.stream_any(source, audio.FileFormat.WAV, frames_to_read=700)
    say("from Python", (b"".join(f.tobytes() for f in frames), source.reads > 3))
    say("converted", audio.convert_frames(
        audio.SampleFormat.SIGNED16, 2, 22050, data[44:4044], audio.SampleFormat.FLOAT32, 1,
        11025))
    out = os.path.join(scratch, "b.wav")
    audio.wav_write_file(out, audio.decode(data))
    say("written", open(out, "rb").read())
    for wrong in (lambda: audio.decode(b"junk" * 20), lambda: audio.get_file_info("/none"),
                  lambda: audio.wav_get_info(b"RIFFjunk")):
        try:
            wrong()
        except audio.MiniaudioError as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    for _ in range(30):
        next(audio.stream_memory(data, frames_to_read=10))
