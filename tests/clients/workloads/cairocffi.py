# SPDX-License-Identifier: MIT
"""cairocffi: a picture with text and shapes, three kinds of output, streams that
are written and read by Python callbacks, errors."""

IMPORTS = ["cairocffi"]
KEEP = "client-cairocffi.png"  # left in $CLIENTS_KEEP, to look at


def work(say, scratch):
    import io
    import os
    import re

    import cairocffi as cairo
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, 320, 240)
    draw(cairo, surface)
    say("pixels", bytes(surface.get_data()))
    path = os.path.join(os.environ.get("CLIENTS_KEEP", scratch), KEEP)
    surface.write_to_png(path)
    with open(path, "rb") as f:
        png = f.read()
    say("png", png)
    stream = io.BytesIO()
    surface.write_to_png(stream)  # through a callback
    assert stream.getvalue() == png
    stream.seek(0)
    again = cairo.ImageSurface.create_from_png(stream)
    say("read back", (again.get_width(), again.get_height(), again.get_format()))
    assert bytes(again.get_data()) == bytes(surface.get_data())

    svg = io.BytesIO()
    vector = cairo.SVGSurface(svg, 320, 240)
    draw(cairo, vector)
    vector.finish()
    # Surfaces are counted through the process.
    say("svg", re.sub(rb'id="surface\d+"', b"", svg.getvalue()))
    pdf = io.BytesIO()
    document = cairo.PDFSurface(pdf, 320, 240)
    document.set_metadata(cairo.PDF_METADATA_CREATE_DATE, "2020-01-01T00:00:00Z")
    draw(cairo, document)
    document.finish()
    say("pdf", pdf.getvalue())

    recorded = cairo.RecordingSurface(cairo.CONTENT_COLOR_ALPHA, (0, 0, 320, 240))
    draw(cairo, recorded)
    say("extents", recorded.ink_extents())
    mapped = bytearray(64 * 4 * 16)
    small = cairo.ImageSurface.create_for_data(mapped, cairo.FORMAT_ARGB32, 64, 16)
    cairo.Context(small).paint_with_alpha(0.5)
    small.flush()
    say("own memory", bytes(mapped))
    errors(say, cairo, surface)


def draw(cairo, surface):
    context = cairo.Context(surface)
    context.set_source_rgb(1, 1, 0.9)
    context.paint()
    gradient = cairo.LinearGradient(0, 0, 320, 0)
    for i in range(6):
        gradient.add_color_stop_rgba(i / 5, i / 5, 0.2, 1 - i / 5, 0.8)
    context.rectangle(10, 10, 300, 60)
    context.set_source(gradient)
    context.fill_preserve()
    context.set_source_rgb(0, 0, 0)
    context.set_dash([6, 3, 1, 3], 2)
    context.stroke()
    context.set_dash([])
    for i in range(12):
        with context:
            context.translate(160, 150)
            context.rotate(i * 3.14159265 / 6)
            context.arc(50, 0, 18, 0, 6.28318)
            context.set_source_rgba(i / 12, 1 - i / 12, 0.5, 0.6)
            context.fill()
    context.select_font_face("sans-serif", cairo.FONT_SLANT_ITALIC, cairo.FONT_WEIGHT_BOLD)
    context.set_font_size(24)
    context.move_to(20, 48)
    context.set_source_rgb(1, 1, 1)
    context.show_text("Drawn through jiffi \u00e9\u4e2d")
    context.move_to(20, 230)
    context.curve_to(100, 180, 200, 260, 300, 210)
    context.set_line_width(4)
    context.set_source_rgb(0.1, 0.5, 0.1)
    context.stroke()
    surface.flush()


def errors(say, cairo, surface):
    context = cairo.Context(surface)
    context.rectangle(1, 2, 3, 4)
    say("path", context.copy_path())
    matrix = cairo.Matrix(2, 0, 0, 2, 5, 6) * cairo.Matrix.init_rotate(0.5)
    say("matrix", [round(v, 9) for v in matrix.as_tuple()])
    for wrong in (lambda: context.restore(),
                  lambda: cairo.ImageSurface(cairo.FORMAT_ARGB32, -1, 3),
                  lambda: cairo.ImageSurface.create_from_png("/no/such/file"),
                  lambda: context.move_to("a", 1), lambda: context.set_line_width(None)):
        try:
            wrong()
        except Exception as e:
            say("error", "%s: %s" % (type(e).__name__, e))
    for i in range(300):
        pattern = cairo.RadialGradient(0, 0, i, 1, 1, i + 1)
        pattern.add_color_stop_rgb(0, 1, 1, 1)
        assert len(pattern.get_color_stops()) == 1
