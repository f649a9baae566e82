from pathlib import Path

import pytest

from companion.errors import DataError
from companion.tracking.cards.template import SECTIONS
from companion.tracking.cards.text import (
    find_open_questions,
    new_text,
    read_title,
    renew_text,
)

PATH = Path("card.md")
N_QUESTIONS = sum(len(section.questions) for section in SECTIONS)


@pytest.fixture
def blocks():
    names = ("title", "details", "evaluation", "training", "metrics")
    return {name: f"# the {name}" for name in names}


def answered(text):
    """Write an answer into each place that asks for one."""
    lines = ("It is known." if "TODO:" in line else line for line in text.splitlines())
    return "\n".join(lines)


def test_the_sections_are_those_of_the_paper():
    """Section 4 of Mitchell et al. (2019), in its order."""
    assert [section.title for section in SECTIONS] == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]


def test_all_questions_of_a_new_card_are_open(blocks):
    found = find_open_questions(new_text(blocks))

    assert len(found) == N_QUESTIONS
    assert found[0].startswith("Model details: Owner and contact. Which person or team")


def test_a_card_with_all_answers_is_finished(blocks):
    assert find_open_questions(answered(new_text(blocks))) == []


def test_an_answer_that_still_has_the_mark_is_open(blocks):
    text = answered(new_text(blocks))
    text = text.replace("It is known.", "It is the café.\n\nTODO: ask Ada", 1)

    (found,) = find_open_questions(text)

    assert found.startswith("Model details: Owner and contact. Which")


@pytest.mark.parametrize("nothing", ["", "  \n", "<!-- later -->", "<!--\nlater\n-->"])
def test_an_answer_of_nothing_is_open(blocks, nothing):
    text = answered(new_text(blocks)).replace("It is known.", nothing, 1)

    (found,) = find_open_questions(text)

    assert "Owner and contact. There is no answer. Which person" in found


def test_facts_are_no_answer(blocks):
    """The facts of the details come before the first question of their section."""
    blocks["evaluation"] = "TODO: not of a person"
    text = answered(new_text(blocks)).replace("### Motivation\n\nIt is known.", "")

    (found,) = find_open_questions(text)

    assert found.startswith("Evaluation data: Motivation. The heading is gone.")


def test_a_heading_counts_in_its_own_section_only(blocks):
    text = answered(new_text(blocks))
    text = text.replace("## Ethical considerations", "## Something else")

    (found,) = find_open_questions(text)

    assert found.startswith("Ethical considerations: Risks and harms. The heading")


def test_a_heading_inside_code_is_no_heading(blocks):
    text = answered(new_text(blocks))
    code = "```python\n# a remark\n## another\n```\n~~~\n### License\n~~~"

    assert not find_open_questions(text.replace("It is known.", code))


def test_renewing_changes_the_facts_and_nothing_else(blocks):
    mine = "Own words, \\1 and $HOME\n\n#### A heading of mine\n\n| a | b |"
    old = new_text(blocks).replace("TODO:", mine)
    new = {name: f"# new \\1 {name}" for name in blocks}

    text = renew_text(old, new, path=PATH)

    assert text == new_text(new).replace("TODO:", mine)
    assert read_title(text) == "new \\1 title"


def test_a_file_that_is_no_card_is_not_renewed(blocks):
    with pytest.raises(DataError, match=r"card\.md has no place for the facts details"):
        renew_text("# My notes\n", blocks, path=PATH)


def test_a_card_with_a_part_twice_is_not_renewed(blocks):
    text = new_text(blocks)

    with pytest.raises(DataError, match="a part with facts twice"):
        renew_text(text + text, blocks, path=PATH)


def test_a_value_cannot_end_its_block(blocks):
    """Only a line of its own ends it, and a value of `make_blocks` never begins one."""
    blocks["details"] = "x <!-- end of facts -->\nmore"
    new = dict.fromkeys(blocks, "new")

    assert renew_text(new_text(blocks), new, path=PATH) == new_text(new)
