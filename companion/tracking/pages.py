"""HTML pages that need nothing else: no script, no other host.

A gate's page and a model card are such pages; what they share of their style is in
`pages.css`.
"""

from html import escape
from importlib import resources

__all__ = ["make_document"]


def make_document(body: str, *, title: str, style: str) -> str:
    """Make a page of its body; `style` comes after the style that all share."""
    shared = resources.files(__package__).joinpath("pages.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{shared}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
