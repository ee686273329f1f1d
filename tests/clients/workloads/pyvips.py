# SPDX-License-Identifier: MIT
"""pyvips: images through GObject's types, operations found by name, callbacks."""

IMPORTS = ["pyvips"]


def work(say, scratch):
    import os

    import pyvips
    say("mode", (pyvips.API_mode, pyvips.version(0)))
    image = pyvips.Image.xyz(200, 150).extract_band(0).cast("uchar")
    image = image.bandjoin([image.rot90().resize(0.5).embed(0, 0, 200, 150), 77])
    say("image", (image.width, image.height, image.bands, image.format, image.interpretation))
    say("pixels", bytes(image.write_to_memory()))
    say("average", round(image.avg(), 6))
    say("statistics", [[round(x, 4) for x in row]
                       for row in image.stats().crop(0, 0, 6, 4).tolist()])
    small = (image * [1, 2, 0.5] + 3).gaussblur(1.5).cast("uchar").crop(10, 20, 50, 40)
    say("small", bytes(small.write_to_memory()))
    png = image.write_to_buffer(".png", compression=3)
    again = pyvips.Image.new_from_buffer(png, "")
    say("png", (again - image).abs().max())
    path = os.path.join(scratch, "a.tif")
    image.write_to_file(path)
    say("file", pyvips.Image.new_from_file(path, access="sequential").avg())
    say("conditional", (image > 128).ifthenelse(image, 255 - image).avg())
    say("point", image.getpoint(7, 9))
    data = open(path, "rb").read()
    at = [0]

    def read(size):
        piece = data[at[0]:at[0] + size]
        at[0] += len(piece)
        return piece

    def seek(offset, whence):
        at[0] = offset + (0, at[0], len(data))[whence]
        return at[0]

    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(seek)
    say("custom source", pyvips.Image.new_from_source(source, "").avg())
    written = bytearray()
    target = pyvips.TargetCustom()
    target.on_write(lambda piece: (written.extend(piece), len(piece))[1])
    image.write_to_target(target, ".png")
    say("custom target", bytes(written))
    say("fields", sorted(image.get_fields()))
    say("metadata", (image.get("width"), image.get_typeof("none")))
    for wrong in (lambda: image.no_such_operation(), lambda: image.crop(0, 0, 9999, 1),
                  lambda: pyvips.Image.new_from_file("/none.png"),
                  lambda: image.resize("x")):
        try:
            wrong()
        except Exception as e:
            say("error", "%s: %s" % (type(e).__name__, str(e).split("\n")[0]))
    for i in range(100):
        assert (pyvips.Image.black(10, 10) + i).avg() == i
