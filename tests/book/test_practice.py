"""Exercises and checks of the real chapters agree, in the source and as built."""

from pathlib import Path

import pytest
from frame_checks import is_chapter
from practice_checks import exercises

from companion.exercises import check, exercise_ids

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [page for page in sorted((ROOT / "book").rglob("*.md")) if is_chapter(page)]
CHECKED = [
    pytest.param(chapter, one, id=one.number)
    for chapter in CHAPTERS
    for one in exercises(chapter.read_text("utf-8"))
    if one.checks
]


def _outputs(place) -> list[str]:
    # Each line that cells printed or showed there.
    return [
        line.strip()
        for output in place.select(".cell_output")
        for line in output.get_text().splitlines()
    ]


def test_every_checker_has_its_exercise_and_the_other_way_round():
    in_chapters = {one.values[1].number for one in CHECKED}

    assert in_chapters == set(exercise_ids())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_two_exercises_or_more_that_check_themselves(chapter):
    found = exercises(chapter.read_text("utf-8"))

    assert sum(bool(one.checks) for one in found) >= 2


def test_the_page_on_how_to_read_shows_what_a_check_really_says():
    page = (ROOT / "book" / "start" / "how-to-read.md").read_text("utf-8")

    assert "\namount_eur = 160\n" in page
    assert f"\n{check('lab1.3', 160)}\n" in page


@pytest.mark.built
@pytest.mark.parametrize(("chapter", "exercise"), CHECKED)
def test_the_untouched_stub_is_told_that_there_is_no_answer(
    built_pages, chapter, exercise
):
    name = chapter.relative_to(ROOT).with_suffix(".html").as_posix()
    place = built_pages[name].find(id=exercise.label)

    said = [line for line in _outputs(place) if line.startswith(("Right", "Not yet"))]

    assert len(said) == 1
    assert said[0].startswith("Not yet. There is no answer yet: replace `...` by")


@pytest.mark.built
@pytest.mark.parametrize(("chapter", "exercise"), CHECKED)
def test_the_solution_goes_through_its_check(built_pages, chapter, exercise):
    name = chapter.relative_to(ROOT).with_suffix(".html").as_posix()
    place = (
        built_pages[name].find(id=exercise.label).find_next("div", class_="solution")
    )

    said = [line for line in _outputs(place) if line.startswith(("Right", "Not yet"))]

    assert len(said) == len(exercise.solution_checks)
    assert all(line.startswith("Right.") for line in said), said
