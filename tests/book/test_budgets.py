"""A module fits a day: the lengths that `python tests/book/budgets.py` prints."""

import re
from pathlib import Path

import pytest
from budgets import (
    LEAST_PICTURES,
    MODULE_MINUTES,
    MOST_CODE,
    MOST_LAB_MINUTES,
    MOST_PICTURES,
    MOST_WORDS,
    measure,
)
from frame_checks import is_chapter

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = [page for page in sorted(BOOK.rglob("*.md")) if is_chapter(page)]
MODULES = sorted({page.parent for page in CHAPTERS})

PAGE = """\
---
file_format: mystnb
---
# Ten words

One sentence of {term}`five words <word>` here.

**Time:** about 20 minutes, and about 5 minutes more for the exercises.

```{code-cell} ipython3
:tags: [hide-input]
folded = 1
```

```{code-cell} ipython3
:mystnb:
:  image:
:    alt: "A line"
shown = 1

and_this = 2
```

```{raw} html
:file: ../_drawings/story.html
```

```console
$ no prose
```
"""


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_within_its_budget(chapter):
    length = measure(chapter.read_text("utf-8"))

    assert length.words <= MOST_WORDS
    assert length.code <= MOST_CODE
    assert LEAST_PICTURES <= length.pictures <= MOST_PICTURES
    if chapter.stem.startswith("lab"):
        assert length.minutes + length.exercise_minutes <= MOST_LAB_MINUTES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_parts_of_a_module_add_up_to_a_day_on_its_first_page(module):
    first = (module / "index.md").read_text("utf-8")
    told, sums = {}, (0, 0)
    for label, *minutes in re.findall(
        r"^\| \{ref\}`([\w-]+)` \| (\d+) \| (\d+) \|", first, re.M
    ):
        told[label] = tuple(map(int, minutes))
        sums = (sums[0] + told[label][0], sums[1] + told[label][1])
    pages = {}
    for page in filter(is_chapter, module.glob("*.md")):
        text = page.read_text("utf-8")
        label = re.search(r"^\(([\w-]+)\)=\n# ", text, re.M)[1]
        length = measure(text)
        pages[label] = (length.minutes, length.exercise_minutes)

    assert told == pages
    assert f"| All | {sums[0]} | {sums[1]} |" in first
    assert sum(sums) <= MODULE_MINUTES


def test_prose_code_and_pictures_are_told_apart():
    """By hand: title 2, sentence 5, time 12; two lines; a figure and a drawing."""
    length = measure(PAGE)

    assert (length.words, length.code, length.pictures) == (19, 2, 2)
    assert (length.minutes, length.exercise_minutes) == (20, 5)
