"""Checks of what a reader practises with: quiz, numbered exercises, checks.

Pure functions of a page's blocks that return what they have to complain about.
How a chapter's quiz and checks are written is said in CONTRIBUTING.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token
from myst import Directive, directives, parse

__all__ = ["Exercise", "exercises", "practice_complaints"]

_N_QUESTIONS = 4
_PART_LETTERS = {None: "", "two": "b", "three": "c"}
_CHECK = re.compile(r"\bcheck\(\s*[\"']([^\"']*)[\"']")


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise of a page with its solution.

    Attributes
    ----------
    title : str
        As it is written, its number included.
    label : str
        What a solution and a reference name.
    stub : str
        The code of its cells.
    solution : str
        The code of its solution's cells.
    """

    title: str
    label: str
    stub: str
    solution: str

    @property
    def number(self) -> str:
        """What the title begins with: the id of its check."""
        return self.title.split(" ", 1)[0]

    @property
    def checks(self) -> list[str]:
        """The ids that its own cells check."""
        return _CHECK.findall(self.stub)

    @property
    def solution_checks(self) -> list[str]:
        """The ids that its solution's cells check."""
        return _CHECK.findall(self.solution)


def exercises(text: str) -> list[Exercise]:
    """List the exercises of a page, in their order.

    Parameters
    ----------
    text : str
        The page's source.

    Returns
    -------
    list of Exercise
        Those between `exercise-start` and `exercise-end`.
    """
    return _exercises(directives(parse(text)))


def _exercises(found: Sequence[Directive]) -> list[Exercise]:
    return [
        Exercise(
            title=one.argument,
            label=(label := _label(one)),
            stub=_code_until(found[index + 1 :], "exercise-end"),
            solution=_solution_code(found, label),
        )
        for index, one in enumerate(found)
        if one.name == "exercise-start"
    ]


def _label(directive: Directive) -> str:
    label = re.search(r"^:label: *(\S+)", directive.content, re.MULTILINE)
    return label[1] if label else ""


def _solution_code(found: Sequence[Directive], label: str) -> str:
    for index, one in enumerate(found):
        if one.name == "solution-start" and one.argument == label:
            return _code_until(found[index + 1 :], "solution-end")
    return ""


def _code_until(found: Sequence[Directive], end: str) -> str:
    code = []
    for one in found:
        if one.name == end:
            break
        if one.name == "code-cell":
            code.append(one.content)
    return "\n".join(code)


def practice_complaints(tokens: Sequence[Token]) -> list[str]:
    """Check a chapter's quiz, the numbers of its exercises, and their checks.

    Parameters
    ----------
    tokens : sequence of Token
        The chapter's blocks.

    Returns
    -------
    list of str
        What is wrong; empty where nothing is.
    """
    titles = [
        tokens[index + 1].content
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h1"
    ]
    title = titles[0] if titles else ""
    numbered = re.match(r"(\d+)\. \S", title)
    lab = re.match(r"Lab (\d+)(?:, part (two|three))?: \S", title)
    if numbered:
        chapter = numbered[1]
    elif lab:
        chapter = f"lab{lab[1]}{_PART_LETTERS[lab[2]]}"
    else:
        return [f"the title {title!r} begins neither as '1. ' nor as 'Lab 1: ' does"]
    found = directives(tokens)
    return [
        *(_quiz_complaints(tokens, found) if numbered else ()),
        *_number_complaints(chapter, _exercises(found)),
        *(text for one in _exercises(found) for text in _check_complaints(one)),
    ]


def _quiz_complaints(tokens: Sequence[Token], found: Sequence[Directive]) -> list[str]:
    sections = [
        (tokens[index + 1].content, (token.map or [0])[0])
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]
    titles = [title for title, _ in sections]
    if "Quiz" not in titles:
        return ["no section 'Quiz'"]
    place = titles.index("Quiz")
    if titles[place + 1 : place + 2] != ["Exercises"]:
        return ["the section 'Quiz' does not stand right before 'Exercises'"]
    inside = range(sections[place][1], sections[place + 1][1])
    lines = [one.line for one in found if one.name == "quiz"]
    n_questions = sum(line in inside for line in lines)
    complaints = []
    if n_questions < _N_QUESTIONS:
        complaints.append(
            f"{n_questions} questions in the quiz, at least {_N_QUESTIONS} expected"
        )
    if n_questions < len(lines):
        complaints.append("a question stands outside the section 'Quiz'")
    return complaints


def _number_complaints(chapter: str, exercises: Sequence[Exercise]) -> list[str]:
    return [
        f"{one.title!r} is to begin with its number, {chapter}.{place}"
        for place, one in enumerate(exercises, start=1)
        if one.number != f"{chapter}.{place}" or one.title == one.number
    ]


def _check_complaints(one: Exercise) -> list[str]:
    others = {id_ for id_ in one.checks + one.solution_checks if id_ != one.number}
    complaints = [
        f"exercise {one.number} has a check of another number, {id_!r}"
        for id_ in sorted(others)
    ]
    if one.checks and not one.solution_checks:
        complaints.append(f"the solution of {one.number} never goes through its check")
    if one.solution_checks and not one.checks:
        complaints.append(f"exercise {one.number} has no stub with its check")
    if one.checks and "..." not in one.stub:
        complaints.append(f"the stub of {one.number} has no `...` to replace")
    return complaints
