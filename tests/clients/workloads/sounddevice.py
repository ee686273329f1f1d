# SPDX-License-Identifier: MIT
"""sounddevice: PortAudio by out-of-line ABI mode, on a machine without sound."""

IMPORTS = ["sounddevice"]


def work(say, scratch):
    import sounddevice as sd
    say("version", sd.get_portaudio_version())
    say("devices", len(sd.query_devices()))
    say("host APIs", [(a["name"], len(a["devices"])) for a in sd.query_hostapis()])
    say("default", (list(sd.default.device), sd.default.dtype, sd.default.latency))
    for wrong in (lambda: sd.query_devices(99), lambda: sd.query_devices("none"),
                  lambda: sd.RawOutputStream(samplerate=8000, device=99),
                  lambda: sd.check_input_settings(device=77)):
        try:
            wrong()
        except (ValueError, sd.PortAudioError) as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    for i in range(200):
        sd.get_portaudio_version()
