"""Checks of the table of contents and of each chapter's parts.

Pure functions of text and folders that return what they have to complain
about, so that the tests of the real book and of the deliberately broken copies
share them. What a chapter must look like is said in CONTRIBUTING.md.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from markdown_it.token import Token
from myst import Directive, directives, parse
from practice_checks import practice_complaints

__all__ = ["frame_complaints", "is_chapter", "toc_complaints", "toc_pages"]

_BEFORE_BODY = ("Overview", "Objectives", "Prerequisites")
_AFTER_BODY = ("Exercises", "Summary", "Take it to work", "Further reading")


def toc_pages(toc: dict[str, Any]) -> list[str]:
    """List the pages of a parsed `_toc.yml`, without suffix, in reading order."""
    pages = [toc[key] for key in ("root", "file") if key in toc]
    for key in ("parts", "chapters", "sections"):
        for child in toc.get(key, ()):
            pages += toc_pages(child)
    return pages


def toc_complaints(root: Path) -> list[str]:
    """Compare `_toc.yml` with the pages under book/, both ways."""
    listed = toc_pages(yaml.safe_load((root / "_toc.yml").read_text("utf-8")))
    present = {
        path.relative_to(root).with_suffix("").as_posix()
        for suffix in (".md", ".ipynb", ".rst")
        for path in (root / "book").rglob(f"*{suffix}")
        if ".ipynb_checkpoints" not in path.parts
    }
    return [
        *(f"{page} is listed twice" for page in _repeated(listed)),
        *(f"{page} is in _toc.yml, but no file" for page in set(listed) - present),
        *(f"{page} is a file, but not in _toc.yml" for page in present - set(listed)),
    ]


def _repeated(words: Sequence[str]) -> list[str]:
    return sorted({word for word in words if words.count(word) > 1})


def is_chapter(path: Path) -> bool:
    """Tell whether a page has the frame.

    All in book/module*/ have it, but for the module's first page and its guide
    for instructors.
    """
    in_module = re.fullmatch(r"module\d+", path.parent.name) is not None
    is_page = path.suffix == ".md" and path.stem not in {"index", "teaching"}
    return in_module and is_page


def frame_complaints(text: str) -> list[str]:
    """Check one chapter's parts, objectives, quiz, exercises and solutions."""
    tokens = parse(text)
    sections = _sections(tokens)
    return [
        *_part_complaints(tokens, sections),
        *_objective_complaints(tokens, sections),
        *_exercise_complaints(directives(tokens)),
        *practice_complaints(tokens),
        *_kernel_complaints(tokens),
    ]


def _sections(tokens: Sequence[Token]) -> list[tuple[str, int]]:
    # Title and first line of each second-level heading.
    return [
        (tokens[index + 1].content, (token.map or [0])[0])
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]


def _part_complaints(
    tokens: Sequence[Token], sections: Sequence[tuple[str, int]]
) -> list[str]:
    complaints = []
    titles = [title for title, _ in sections]
    required = [*_BEFORE_BODY, *_AFTER_BODY]
    complaints += [f"no section {part!r}" for part in required if part not in titles]
    complaints += [f"two sections {title!r}" for title in _repeated(titles)]
    if complaints:
        return complaints

    if [title for title in titles if title in required] != required:
        complaints.append(f"the parts come in another order than {required}")
    if tuple(titles[:3]) != _BEFORE_BODY or tuple(titles[-4:]) != _AFTER_BODY:
        complaints.append("a section stands before the body's or after its place")
    if not set(titles) - {*required, "Quiz"}:
        complaints.append("no body between Prerequisites and Exercises")

    last = len(sections) - 1
    box = range(sections[last - 1][1], sections[last][1])
    if not any(d.name == "admonition" and d.line in box for d in directives(tokens)):
        complaints.append("no admonition, the box, in the section 'Take it to work'")
    complaints += _time_complaints(tokens, _text_before(tokens, sections[3][1]))
    if tokens[_title_index(tokens) - 1].type != "myst_target":
        complaints.append("no label such as (ch-drift)= right above the title")
    return complaints


def _time_complaints(tokens: Sequence[Token], head: str) -> list[str]:
    promised = re.search(r"\b(\d+) minutes\b", head)
    if not promised:
        return ["no time as '90 minutes' before the body"]
    # A section may begin with its own share: *10 minutes.*
    shares = [
        int(share[1])
        for token in tokens
        if (share := re.match(r"\*(\d+) minutes\.\*", token.content))
    ]
    if shares and sum(shares) != int(promised[1]):
        return [f"{promised[1]} minutes promised, the sections take {sum(shares)}"]
    return []


def _text_before(tokens: Sequence[Token], line: int) -> str:
    parts = [token for token in tokens if token.map and token.map[0] < line]
    return "\n".join(token.content for token in parts)


def _title_index(tokens: Sequence[Token]) -> int:
    titles = (i for i, token in enumerate(tokens) if token.tag == "h1")
    return next(titles, 0)


def _objective_complaints(
    tokens: Sequence[Token], sections: Sequence[tuple[str, int]]
) -> list[str]:
    counts = {title: 0 for title, _ in sections}
    for token in tokens:
        if token.type == "list_item_open" and token.level == 1 and token.map:
            before = [title for title, line in sections if line < token.map[0]]
            if before:
                counts[before[-1]] += 1
    objectives, answers = counts.get("Objectives", 0), counts.get("Summary", 0)
    if objectives < 2:
        return [f"{objectives} objectives, at least 2 expected, as a list"]
    if objectives != answers:
        return [f"{objectives} objectives, but {answers} answers in the summary's list"]
    return []


def _exercise_complaints(directives: Sequence[Directive]) -> list[str]:
    complaints, labels, solved = [], [], []
    for number, directive in enumerate(directives):
        if directive.name in {"exercise", "exercise-start"}:
            label = re.search(r"^:label: *(ex-\S+)", directive.content, re.MULTILINE)
            labels.append(label[1] if label else "")
            if not label:
                complaints.append(f"{directive.argument!r}: no :label: that begins ex-")
        elif directive.name == "solution":
            complaints.append(
                f"{directive.argument}: a plain solution cannot run; "
                "use solution-start and solution-end"
            )
        elif directive.name == "solution-start":
            solved.append(directive.argument)
            inside = [later.name for later in directives[number + 1 :]]
            inside = inside[: inside.index("solution-end")]
            if "code-cell" not in inside:
                complaints.append(f"{directive.argument}: the solution runs no cell")
            if ":class: dropdown" not in directive.content:
                complaints.append(f"{directive.argument}: the solution is not folded")
    if not labels:
        complaints.append("no exercise")
    complaints += [f"{label}: no solution" for label in labels if label not in solved]
    complaints += [f"{label}: no exercise" for label in solved if label not in labels]
    return complaints


def _kernel_complaints(tokens: Sequence[Token]) -> list[str]:
    front = next(
        (token.content for token in tokens if token.type == "front_matter"), ""
    )
    settings = yaml.safe_load(front) or {}
    runs = settings.get("file_format") == "mystnb" or "jupytext" in settings
    if runs and "kernelspec" in settings:
        return []
    return ["the header has no kernelspec, or no file_format: no cell would run"]
