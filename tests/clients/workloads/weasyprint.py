# SPDX-License-Identifier: MIT
"""weasyprint: HTML to PDF by way of Pango, HarfBuzz and Fontconfig, all in-line."""

IMPORTS = ["weasyprint"]
PAGE = """<html lang=en><head><title>T</title><style>
@page { size: A5; margin: 2cm; @bottom-center { content: counter(page) } }
body { font-family: sans-serif; hyphens: auto; text-align: justify }
td { border: 1px solid gray; padding: 2px } h1 { color: #246; letter-spacing: 2px }
</style></head><body><h1>Through jiffi</h1>%s<table>%s</table></body></html>"""


def work(say, scratch):
    import weasyprint
    text = "<p>Declarations go in as text, <em>machine code</em> comes out: \u00e9 \u4e2d " \
           "\u05d0\u05d1 <a href='https://example.org/'>extraordinarily hyphenated</a>.</p>"
    rows = "".join("<tr><td>%d<td><b>%d</b>" % (i, i * i) for i in range(30))
    page = weasyprint.HTML(string=PAGE % (text * 12, rows)).render()
    say("pages", [(p.width, p.height) for p in page.pages])
    pdf = page.write_pdf(pdf_identifier=b"identifier", uncompressed_pdf=True)
    say("begins", pdf[:8])
    say("size of the PDF", len(pdf))
    say("PDF", pdf)
    say("links", [[(kind, target) for kind, target, _, _ in p.links] for p in page.pages])
    say("title", page.metadata.title)
