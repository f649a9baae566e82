"""Chapter 6 reads the Dockerfile line by line: none may be left out."""

import re
from pathlib import Path

from myst import directives, parse

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = (ROOT / "book/module2/environments.md").read_text("utf-8")
DOCKERFILE = (ROOT / ".docker/Dockerfile").read_text("utf-8")


def _between(lines: list[str], options: str) -> list[str]:
    """Choose lines as the options of `literalinclude` do."""
    marks = dict(re.findall(r'^:(start-at|end-before): "(.*)"$', options, re.MULTILINE))
    start = next(i for i, line in enumerate(lines) if marks["start-at"] in line)
    ends = (
        i
        for i, line in enumerate(lines)
        if i > start and marks.get("end-before", "\0") in line
    )
    return lines[start : next(ends, len(lines))]


def test_the_chapter_shows_the_whole_dockerfile_in_its_order():
    lines = DOCKERFILE.splitlines()
    blocks = [
        _between(lines, one.content)
        for one in directives(parse(CHAPTER))
        if one.name == "literalinclude" and one.argument.endswith(".docker/Dockerfile")
    ]

    assert [line for block in blocks for line in block] == lines


def test_the_chapter_explains_each_instruction_of_the_dockerfile():
    instructions = set(re.findall(r"^([A-Z]+) ", DOCKERFILE, re.MULTILINE))
    instructions |= set(re.findall(r"^ +([A-Z]{3,}) \[", DOCKERFILE, re.MULTILINE))

    assert len(instructions) > 9
    assert {one for one in instructions if f"`{one}`" not in CHAPTER} == set()
