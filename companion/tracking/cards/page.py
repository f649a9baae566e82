"""A model card as one HTML page that needs nothing else."""

from markdown_it import MarkdownIt

from companion.tracking.cards.text import MARK, without_markers
from companion.tracking.pages import make_document

__all__ = ["make_page"]

_STYLE = """
body { max-width: 50rem; line-height: 1.6; }
h1, h2 { border-bottom: 1px solid var(--line); line-height: 1.25; }
h2 { margin-top: 2.5rem; }
a { color: light-dark(#0550ae, #79c0ff); }
.wide + .wide { margin-top: 1rem; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem;
  overflow-wrap: anywhere; min-width: 6rem; }
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
    return make_document(body, title=title, style=_STYLE)
