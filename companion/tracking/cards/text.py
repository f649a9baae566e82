"""A model card as Markdown: what is generated is renewed, what a person wrote stays."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from companion.errors import DataError
from companion.tracking.cards.template import SECTIONS

__all__ = [
    "MARK",
    "find_open_questions",
    "new_text",
    "read_title",
    "renew_text",
    "without_markers",
]

# What stands in the place of an answer, until there is one.
MARK = "TODO:"
_BLOCK = re.compile(
    r"^<!-- facts: (\w+), renewed by `companion card make` -->\n"
    r".*?^<!-- end of facts -->$",
    re.MULTILINE | re.DOTALL,
)
_MARKER = re.compile(r"^<!-- (?:facts: \w+, .*|end of facts) -->$", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,3}) +(.+?) *#*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SOURCE = (
    "The sections are those of Mitchell et al., "
    "[Model Cards for Model Reporting](https://doi.org/10.1145/3287560.3287596), 2019."
)


def new_text(blocks: Mapping[str, str]) -> str:
    """Write a card whose questions are all open."""
    parts = [_block("title", blocks["title"]), _SOURCE]
    for section in SECTIONS:
        parts.append(f"## {section.title}")
        if section.facts is not None:
            parts.append(_block(section.facts, blocks[section.facts]))
        for question in section.questions:
            parts += [f"### {question.title}", f"{MARK} {question.text}"]
    return "\n\n".join(parts) + "\n"


def renew_text(text: str, blocks: Mapping[str, str], *, path: Path) -> str:
    """Put new facts into a card; raise DataError if it does not have their places."""
    found = [match[1] for match in _BLOCK.finditer(text)]
    if sorted(found) != sorted(blocks):
        lost = sorted(set(blocks) - set(found))
        raise DataError(
            f"{path} has no place for the facts {', '.join(lost)}; a card keeps the "
            "comments that begin with `<!-- facts:`. Give another file, or copy what "
            "you wrote into a new card."
            if lost
            else f"{path} has a part with facts twice. Remove one of them."
        )
    return _BLOCK.sub(lambda match: _block(match[1], blocks[match[1]]), text)


def find_open_questions(text: str) -> list[str]:
    """List what a person must still write: section, heading, question."""
    answers = dict(_read_answers(text))
    found = []
    for section in SECTIONS:
        for question in section.questions:
            place = f"{section.title}: {question.title}"
            answer = answers.get((section.title.lower(), question.title.lower()))
            if answer is None:
                found.append(f"{place}. The heading is gone. {question.text}")
            elif not _COMMENT.sub("", answer).strip():
                found.append(f"{place}. There is no answer. {question.text}")
            elif MARK in answer:
                found.append(f"{place}. {question.text}")
    return found


def read_title(text: str) -> str:
    """Return the heading of a card without its mark; empty if there is none."""
    found = re.search(r"^# +(.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def without_markers(text: str) -> str:
    """Return a card without the comments around its facts."""
    return _MARKER.sub("", text)


def _block(name: str, content: str) -> str:
    return (
        f"<!-- facts: {name}, renewed by `companion card make` -->\n"
        f"{content}\n"
        "<!-- end of facts -->"
    )


def _read_answers(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Give the text below each heading of the third level, with both headings."""
    section = question = ""
    fence = ""
    lines: list[str] = []
    for line in [*_BLOCK.sub("", text).splitlines(), "# end"]:
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence and line != "# end" else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if question:
            yield (section, question), "\n".join(lines)
        lines, question = [], ""
        if heading[1] == "##":
            section = heading[2].lower()
        elif heading[1] == "###":
            question = heading[2].lower()
