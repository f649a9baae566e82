"""A model card as one HTML page that needs nothing else: no script, no other host."""

from html import escape

from markdown_it import MarkdownIt

from companion.tracking.cards.text import MARK, without_markers

__all__ = ["make_page"]

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 50rem; margin: 0 auto;
  padding: 1rem; color: light-dark(#1f2328, #e6edf3);
  background: light-dark(#fff, #0d1117); overflow-wrap: break-word; }
h1, h2 { border-bottom: 1px solid light-dark(#d0d7de, #30363d); line-height: 1.25; }
h2 { margin-top: 2.5rem; }
a { color: light-dark(#0550ae, #79c0ff); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid light-dark(#d0d7de, #30363d); padding: .25rem .6rem;
  text-align: left; vertical-align: top; overflow-wrap: anywhere; min-width: 6rem; }
.open { border-left: .3rem solid light-dark(#9a6700, #d29922); padding: .4rem .8rem;
  background: light-dark(#fff8c5, #272115); }
"""


def make_page(text: str, *, title: str) -> str:
    """Render a card; HTML that a person wrote into it shows as text.

    Parameters
    ----------
    text : str
        The card as Markdown.
    title : str
        Name of the page.

    Returns
    -------
    str
        The page as HTML.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    body: str = markdown.render(without_markers(text))
    body = (
        body.replace(f"<p>{MARK}", '<p class="open"><strong>To be written:</strong>')
        .replace("<table>", '<div class="wide" tabindex="0"><table>')
        .replace("</table>", "</table></div>")
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
