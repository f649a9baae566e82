"""Reading MyST Markdown: its tokens and its directives."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin

__all__ = ["Directive", "directives", "parse"]


@dataclass(frozen=True)
class Directive:
    """One directive, such as a code cell or an exercise.

    Attributes
    ----------
    line : int
        Its first line in the file, counted from 0.
    name : str
        What stands between the braces.
    argument : str
        What follows on the same line.
    content : str
        Everything inside, options first.
    """

    line: int
    name: str
    argument: str
    content: str


def parse(text: str) -> list[Token]:
    """Split a page into its blocks."""
    reader = MarkdownIt("commonmark")
    reader.use(front_matter_plugin).use(colon_fence_plugin).use(myst_block_plugin)
    return reader.parse(text)


def directives(tokens: Sequence[Token]) -> list[Directive]:
    """Find the directives that stand in no other directive."""
    found = []
    for token in tokens:
        match = re.match(r"\{([\w-]+)\}\s*(.*)", token.info)
        if token.type in {"fence", "colon_fence"} and match:
            line = (token.map or [0])[0]
            found.append(Directive(line, match[1], match[2], token.content))
    return found
