"""The chain of a model's lineage as a drawing."""

import re
from textwrap import wrap
from xml.sax.saxutils import escape

from companion.tracking.lineage.chain import Lineage, Link

__all__ = ["draw_lineage"]

# Narrow, so that a phone shows it at a size that can be read.
_WIDTH, _MARGIN, _LINE, _GAP = 400, 12, 20, 26
_CHARACTERS = 48
# Hashes and ids, of which the start is enough to know them by.
_LONG_HEX = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{20,}")
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
.title { font-weight: 600 }
.missing { fill: #a8071a }
rect { fill: #f6f8fa; stroke: #57606a }
rect.gap { stroke: #a8071a; stroke-dasharray: 6 4 }
path { stroke: #57606a; fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .missing { fill: #ff9b93 }
  rect { fill: #161b22; stroke: #8b949e }
  rect.gap { stroke: #ff9b93 }
  path { stroke: #8b949e }
}
"""


def draw_lineage(lineage: Lineage) -> str:
    """Draw a chain as SVG, a box a link, from the data down to the predictions.

    Parameters
    ----------
    lineage : Lineage
        The chain.

    Returns
    -------
    str
        An SVG document that loads nothing and follows light and dark settings. What is
        missing is red and, for those who do not see that, dashed and named. Hashes and
        ids are shortened to twelve digits; the description in the SVG has them whole.
    """
    parts, top = [], _MARGIN
    for place, link in enumerate(lineage.links):
        # Two datasets, or two aliases, are beside each other: no arrow.
        if place and lineage.links[place - 1].kind != link.kind:
            middle = _WIDTH // 2
            tip = f"M{middle - 5} {top - 7} L{middle} {top} L{middle + 5} {top - 7}"
            parts.append(f'<path d="M{middle} {top - _GAP} V{top} {tip}"/>')
        box, height = _draw_link(link, top)
        parts.append(box)
        top += height + _GAP
    height = top - _GAP + _MARGIN
    title = _escape(f"Lineage of {lineage.address}")
    lines = "\n".join(map(_escape, lineage.to_text().splitlines()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">\n'
        f"<title>{title}</title>\n"
        f"<desc>{lines}</desc>\n"
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _draw_link(link: Link, top: int) -> tuple[str, int]:
    title = f"{link.kind}: {link.title}" if link.title else link.kind
    facts = [f"{name}: {value}" for name, value in link.facts.items()]
    missing = [f"missing: {text}" for text in link.missing]
    lines = [
        (kind, line)
        for kind, texts in (("title", [title]), ("fact", facts), ("missing", missing))
        for text in texts
        for line in wrap(_LONG_HEX.sub(r"\1…", text), _CHARACTERS)
    ]
    height = len(lines) * _LINE + 12
    texts = "".join(
        f'<text class="{name}" x="{2 * _MARGIN}" y="{top + 20 + place * _LINE}">'
        f"{_escape(line)}</text>"
        for place, (name, line) in enumerate(lines)
    )
    box = (
        f'<rect class="{"gap" if missing else "whole"}" x="{_MARGIN}" y="{top}" rx="6" '
        f'width="{_WIDTH - 2 * _MARGIN}" height="{height}"/>'
    )
    return box + texts, height


def _escape(text: str) -> str:
    # XML has no place for most control characters, escaped or not.
    return escape("".join(c if c.isprintable() else "?" for c in text))
