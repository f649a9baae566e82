"""The plans for instructors: their minutes add up and are those of the chapters."""

import ast
import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from frame_checks import is_chapter
from myst import directives, parse

ROOT = Path(__file__).resolve().parents[2]
_LABEL = re.compile(r"^\(([\w-]+)\)=\n# ", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """The guide of a module, and its chapters by label."""

    guide: str
    chapters: dict[str, str]


def _read(folder: Path) -> Module:
    texts = [
        path.read_text("utf-8")
        for path in sorted(filter(is_chapter, folder.glob("*.md")))
    ]
    chapters = {found[1]: text for text in texts if (found := _LABEL.search(text))}
    assert len(chapters) == len(texts)
    return Module((folder / "teaching.md").read_text("utf-8"), chapters)


MODULES = {
    path.parent.name: _read(path.parent)
    for path in sorted((ROOT / "book").glob("module*/teaching.md"))
}
FIRST = MODULES["module1"]


@pytest.fixture(params=MODULES)
def module(request) -> Module:
    return MODULES[request.param]


def _promised_minutes(chapter: str) -> int:
    found = re.search(r"\*\*Time:\*\* about (\d+) minutes", chapter)
    assert found
    return int(found[1])


def _sections(chapter: str) -> dict[str, int]:
    # The sections that begin with their share of the time.
    shares = re.findall(r"^## (.+)\n\n\*(\d+) minutes\.\*", chapter, re.MULTILINE)
    return {title: int(minutes) for title, minutes in shares}


def _part(text: str, title: str) -> str:
    # What stands below a heading, up to the next one of its rank or higher.
    rank = title.index(" ")
    rest = text.split(f"\n{title}\n", 1)[1]
    # A heading follows an empty line, unlike the comments of a program.
    return (
        re.split(rf"\n(?=\n(?:\([\w-]+\)=\n)?#{{1,{rank}}} )", rest, maxsplit=1)[0]
        + "\n"
    )


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _blocks(guide: str, title: str) -> list[tuple[int, int, str]]:
    # Begin in minutes after midnight, length, and what is done.
    blocks = []
    for begin, minutes, what in _rows(_part(guide, title).split("\n### ")[0]):
        hours, past = begin.split(":")
        blocks.append((60 * int(hours) + int(past), int(minutes), what))
    return blocks


def _choices(guide: str) -> dict[str, dict[str, dict[str, int]]]:
    # For each chapter and time of reading: the sections and their minutes.
    text = _part(guide, "### Which sections, and when")
    chosen = {}
    for label, items in re.findall(r"^\{ref\}`([\w-]+)`\n((?::.+\n)+)", text, re.M):
        chosen[label] = {
            when: {
                title: int(minutes)
                for title, minutes in re.findall(r"([^;]+?) \((\d+)\)[;.]\s*", named)
            }
            for when, named in re.findall(r"^: +\*\*(.+?):\*\* (.+)$", items, re.M)
        }
    return chosen


def _demo(module: Module) -> str:
    (title,) = re.findall(r"^## The demo: .+$", module.guide, re.MULTILINE)
    return _part(module.guide, title)


@pytest.mark.parametrize(
    ("title", "end"),
    [("## The plan of the day", 17 * 60), ("## Half a day", 12 * 60 + 30)],
)
def test_each_block_of_a_plan_begins_where_the_one_before_ended(module, title, end):
    """From 9:00 to 17:00 are 480 minutes, to 12:30 they are 210."""
    blocks = _blocks(module.guide, title)

    assert blocks[0][0] == 9 * 60
    begins = [begin for begin, _, _ in blocks[1:]]
    assert [begin + minutes for begin, minutes, _ in blocks] == [*begins, end]
    assert sum(minutes for _, minutes, _ in blocks) == end - 9 * 60


def test_nobody_sits_for_more_than_two_hours_without_a_break(module):
    for title in ("## The plan of the day", "## Half a day"):
        since_break = 0
        for _, minutes, what in _blocks(module.guide, title):
            since_break = 0 if what in {"Break", "Lunch"} else since_break + minutes
            assert since_break <= 120, (title, what)


def test_the_day_has_a_block_for_each_part_and_it_holds_the_chosen_sections(module):
    blocks = {
        label[1]: minutes
        for _, minutes, what in _blocks(module.guide, "## The plan of the day")
        if (label := re.fullmatch(r"\{ref\}`(ch-[\w-]+)`", what))
    }

    assert blocks.keys() == module.chapters.keys()
    for label, chosen in _choices(module.guide).items():
        assert sum(chosen["In the room"].values()) <= blocks[label], label


@pytest.mark.parametrize(
    ("name", "label"),
    [(name, label) for name, one in MODULES.items() for label in one.chapters],
)
def test_each_section_of_a_chapter_is_read_once_with_the_minutes_it_gives(name, label):
    module = MODULES[name]
    chosen = _choices(module.guide)[label]
    named = [pair for sections in chosen.values() for pair in sections.items()]

    assert chosen.keys() <= {"Before", "In the room", "After"}
    assert sorted(named) == sorted(_sections(module.chapters[label]).items())


def test_the_table_of_minutes_adds_up_what_is_chosen(module):
    *parts, (name, *total) = _rows(_part(module.guide, "### Which sections, and when"))
    expected = {
        label: [
            _promised_minutes(module.chapters[label]),
            *(
                sum(chosen.get(when, {}).values())
                for when in ("Before", "In the room", "After")
            ),
        ]
        for label, chosen in _choices(module.guide).items()
    }
    shown = {row[0][6:-1]: [int(cell) for cell in row[1:]] for row in parts}

    assert shown == expected
    assert name == "All"
    assert [int(cell) for cell in total] == [
        sum(column) for column in zip(*expected.values(), strict=True)
    ]


def test_the_steps_of_the_demo_take_the_time_of_its_block(module):
    demo = _demo(module)
    steps = [
        int(minutes) for minutes in re.findall(r"^### .+\((\d+) minutes\)$", demo, re.M)
    ]
    block = [
        minutes
        for title in ("## The plan of the day", "## Half a day")
        for _, minutes, what in _blocks(module.guide, title)
        if "{ref}`The demo <" in what
    ]

    assert block == [sum(steps)] * 2


def test_the_evening_of_the_demo_is_in_the_data():
    from companion.terrace import load_weather, make_features

    (fence,) = [token for token in parse(_demo(FIRST)) if token.info == "json"]
    (row,) = json.loads(fence.content)["rows"]
    features = make_features(load_weather()).loc["2014-03-01"]

    assert row == features.to_dict()


def test_the_program_of_the_demo_is_python_that_uses_public_names(module):
    (fence,) = [token for token in parse(_demo(module)) if token.info == "python"]
    program = ast.parse(fence.content)
    imported = {
        (node.module, alias.name)
        for node in ast.walk(program)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("companion")
        for alias in node.names
    }

    assert imported
    for home, name in imported:
        assert name in importlib.import_module(home).__all__, (home, name)


def test_each_exercise_that_the_guide_recommends_exists(module):
    named = set(re.findall(r"\b(ex-[\w-]+)[`>]", module.guide))
    present = {
        found[1]
        for text in module.chapters.values()
        for directive in directives(parse(text))
        if (found := re.search(r"^:label: *(ex-\S+)", directive.content, re.MULTILINE))
    }

    assert named
    assert named <= present
