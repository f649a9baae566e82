"""The plan for instructors: its minutes add up and are those of the chapters."""

import json
import re
from pathlib import Path

import pytest
from myst import directives, parse

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "book" / "module1"
GUIDE = (MODULE / "teaching.md").read_text("utf-8")

_LABEL = re.compile(r"^\(([\w-]+)\)=\n# ", re.MULTILINE)
CHAPTERS = {
    label[1]: text
    for path in sorted(MODULE.glob("*.md"))
    if path.stem not in {"index", "teaching"}
    and (label := _LABEL.search(text := path.read_text("utf-8")))
}


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
    return re.split(rf"^#{{1,{rank}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _blocks(title: str) -> list[tuple[int, int, str]]:
    # Begin in minutes after midnight, length, and what is done.
    blocks = []
    for begin, minutes, what in _rows(_part(GUIDE, title).split("\n### ")[0]):
        hours, past = begin.split(":")
        blocks.append((60 * int(hours) + int(past), int(minutes), what))
    return blocks


def _choices() -> dict[str, dict[str, dict[str, int]]]:
    # For each chapter and time of reading: the sections and their minutes.
    text = _part(GUIDE, "### Which sections, and when")
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


@pytest.mark.parametrize(
    ("title", "end"),
    [("## The plan of the day", 17 * 60), ("## Half a day", 12 * 60 + 30)],
)
def test_each_block_of_a_plan_begins_where_the_one_before_ended(title, end):
    """From 9:00 to 17:00 are 480 minutes, to 12:30 they are 210."""
    blocks = _blocks(title)

    assert blocks[0][0] == 9 * 60
    begins = [begin for begin, _, _ in blocks[1:]]
    assert [begin + minutes for begin, minutes, _ in blocks] == [*begins, end]
    assert sum(minutes for _, minutes, _ in blocks) == end - 9 * 60


def test_nobody_sits_for_more_than_two_hours_without_a_break():
    for title in ("## The plan of the day", "## Half a day"):
        since_break = 0
        for _, minutes, what in _blocks(title):
            since_break = 0 if what in {"Break", "Lunch"} else since_break + minutes
            assert since_break <= 120, (title, what)


def test_the_day_has_a_block_for_each_part_and_it_holds_the_chosen_sections():
    blocks = {
        label[1]: minutes
        for _, minutes, what in _blocks("## The plan of the day")
        if (label := re.fullmatch(r"\{ref\}`(ch-[\w-]+)`", what))
    }

    assert blocks.keys() == CHAPTERS.keys()
    for label, chosen in _choices().items():
        assert sum(chosen["In the room"].values()) <= blocks[label], label


@pytest.mark.parametrize("label", CHAPTERS)
def test_each_section_of_a_chapter_is_read_once_with_the_minutes_it_gives(label):
    chosen = _choices()[label]
    named = [pair for sections in chosen.values() for pair in sections.items()]

    assert chosen.keys() <= {"Before", "In the room", "After"}
    assert sorted(named) == sorted(_sections(CHAPTERS[label]).items())


def test_the_table_of_minutes_adds_up_what_is_chosen():
    *parts, (name, *total) = _rows(_part(GUIDE, "### Which sections, and when"))
    expected = {
        label: [
            _promised_minutes(CHAPTERS[label]),
            *(
                sum(chosen.get(when, {}).values())
                for when in ("Before", "In the room", "After")
            ),
        ]
        for label, chosen in _choices().items()
    }
    shown = {row[0][6:-1]: [int(cell) for cell in row[1:]] for row in parts}

    assert shown == expected
    assert name == "All"
    assert [int(cell) for cell in total] == [
        sum(column) for column in zip(*expected.values(), strict=True)
    ]


def test_the_steps_of_the_demo_take_the_time_of_its_block():
    demo = _part(GUIDE, "## The demo: from a question to its record")
    steps = [
        int(minutes) for minutes in re.findall(r"^### .+\((\d+) minutes\)$", demo, re.M)
    ]
    block = [
        minutes
        for title in ("## The plan of the day", "## Half a day")
        for _, minutes, what in _blocks(title)
        if "<teaching-demo>" in what
    ]

    assert block == [sum(steps)] * 2


def test_the_evening_of_the_demo_is_in_the_data():
    from companion.terrace import load_weather, make_features

    demo = _part(GUIDE, "## The demo: from a question to its record")
    (fence,) = [token for token in parse(demo) if token.info == "json"]
    (row,) = json.loads(fence.content)["rows"]
    features = make_features(load_weather()).loc["2014-03-01"]

    assert row == features.to_dict()


def test_the_program_of_the_demo_is_python_that_uses_public_names():
    demo = _part(GUIDE, "## The demo: from a question to its record")
    (fence,) = [token for token in parse(demo) if token.info == "python"]

    compile(fence.content, "ask.py", "exec")
    assert "from companion.llm import Recorder, chat_model" in fence.content


def test_each_exercise_that_the_guide_recommends_exists():
    named = set(re.findall(r"\b(ex-[\w-]+)[`>]", GUIDE))
    present = {
        found[1]
        for text in CHAPTERS.values()
        for directive in directives(parse(text))
        if (found := re.search(r"^:label: *(ex-\S+)", directive.content, re.MULTILINE))
    }

    assert named
    assert named <= present
