# SPDX-License-Identifier: MIT
"""cmarkgfm: Markdown to HTML, with options and extensions."""

IMPORTS = ["cmarkgfm"]
TEXT = """# Title \u00e9

| a | b |
|---|--:|
| 1 | `2` |

* item <b>raw</b> https://example.org ~~gone~~
* [x] done

```c
int main(void) { return 0; }
```
"quotes" -- and <script>evil()</script>
"""


def work(say, scratch):
    import cmarkgfm
    from cmarkgfm.cmark import Options
    for options in (0, Options.CMARK_OPT_UNSAFE, Options.CMARK_OPT_SMART
                    | Options.CMARK_OPT_SOURCEPOS | Options.CMARK_OPT_GITHUB_PRE_LANG):
        say("markdown %d" % options, cmarkgfm.markdown_to_html(TEXT, options))
        say("github %d" % options, cmarkgfm.github_flavored_markdown_to_html(TEXT, options))
    say("extensions", cmarkgfm.markdown_to_html_with_extensions(
        TEXT, extensions=["table", "autolink", "strikethrough", "tasklist"]))
    say("long", cmarkgfm.github_flavored_markdown_to_html(TEXT * 2000))
    say("empty", cmarkgfm.markdown_to_html(""))
    for i in range(500):
        assert "<em>%d</em>" % i in cmarkgfm.markdown_to_html("*%d*" % i)
