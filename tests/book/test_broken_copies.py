"""A book that is broken on purpose is caught, and the same book unbroken is not."""

import pytest
from building import build_book
from cell_checks import code_cells, import_complaints
from frame_checks import frame_complaints, toc_complaints
from page_checks import (
    alternative_text_complaints,
    foreign_host_complaints,
    link_complaints,
    output_complaints,
    read_pages,
)
from small_book import CHAPTER, QUIZ, write_small_book

PREFIX = "/mlops-companion/"


def _changed(old: str, new: str) -> str:
    assert CHAPTER.count(old) == 1, f"{old!r} is to be changed in one place"
    return CHAPTER.replace(old, new)


def test_the_unbroken_copy_passes_every_check(small_book):
    html = small_book / "_build" / "html"
    pages = read_pages(html)

    assert toc_complaints(small_book) == []
    assert frame_complaints(CHAPTER) == []
    assert import_complaints(code_cells(CHAPTER)) == []
    assert link_complaints(html, pages, prefix=PREFIX) == []
    assert foreign_host_complaints(html, pages) == []
    assert alternative_text_complaints(pages) == []
    assert output_complaints(pages) == []


def test_a_copy_with_a_broken_cell_does_not_build(tmp_path):
    broken = _changed('SETTINGS["port"].default', 'SETTINGS["harbour"].default')

    done = build_book(write_small_book(tmp_path / "copy", chapter=broken))

    assert done.returncode != 0
    assert "KeyError" in done.stdout
    assert "'harbour'" in done.stdout


def test_a_copy_with_a_broken_link_and_a_lost_figure_does_not_build(tmp_path):
    broken = _changed("{ref}`ch-small` is", "{ref}`ch-large` is")
    broken = broken.replace("{figure} drawing.svg", "{figure} lost.svg")

    done = build_book(write_small_book(tmp_path / "copy", chapter=broken))

    assert done.returncode != 0
    assert "WARNING: undefined label: 'ch-large'" in done.stdout
    assert "WARNING: image file not readable: book/module1/lost.svg" in done.stdout


def test_a_figure_that_nobody_described_is_found(tmp_path):
    alt = "    alt: A line that rises from the lower left to the upper right\n"
    broken = _changed("  image:\n" + alt, "")
    folder = write_small_book(tmp_path / "copy", chapter=broken)

    done = build_book(folder)
    complaints = alternative_text_complaints(read_pages(folder / "_build" / "html"))

    assert done.returncode == 0, done.stdout[-4000:]
    assert len(complaints) == 1
    assert complaints[0].startswith("book/module1/small.html: ../../_images/")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "from companion.exercises._kinds import kind",
            "companion.exercises._kinds is",
        ),
        ("import companion.exercises._kinds", "companion.exercises._kinds is private"),
        ("from companion import _lock", "no public name '_lock'"),
        ("from companion.settings import Mapping", "no public name 'Mapping'"),
        ("from companion.settings import *", "no public name '*'"),
        ("import companion.preferences", "no module companion.preferences"),
        ("import companion.cli as c; c._group()", "no public name '_group'"),
        ("from companion import cli; cli.traceback", "no public name 'traceback'"),
    ],
)
def test_a_cell_that_reaches_for_what_is_not_public_is_found(line, complaint):
    broken = _changed("from companion.settings import SETTINGS\n", f"{line}\n")

    complaints = import_complaints(code_cells(broken))

    assert any(complaint in found for found in complaints), complaints


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("## Overview\n", "## Beginning\n", "no section 'Overview'"),
        ("## A body\n", "### A body\n", "no body"),
        ("## A body\n", "## Summary\n", "two sections 'Summary'"),
        ("5 minutes", "a while", "no time"),
        ("The slope", "*7 minutes.*\nThe slope", "5 minutes promised"),
        ("(ch-small)=\n", "", "no label"),
        ("- name a setting.\n", "", "1 objectives"),
        ("- A line needs two points.\n", "", "2 objectives, but 1 answers"),
        (":label: ex-small-setting\n", ":label: small\n", "begins ex-"),
        (":class: dropdown\n", "", "not folded"),
        ("{solution-start} ex-small-", "{solution-start} ex-other-", "no solution"),
        ("```{admonition} Take it", "```{note} Take it", "no admonition"),
        ("file_format: mystnb\n", "", "no file_format"),
        ("# 9. A small", "# A small", "begins neither as '1. ' nor as 'Lab 1: '"),
        ("## Quiz\n", "## Questions\n", "no section 'Quiz'"),
        ("```{quiz} quiz-small-4", "```{note} Four", "3 questions in the quiz, at"),
        ("## Quiz\n", "## More\n\n## Quiz\n\n## Later\n", "not stand right before"),
        ("start} 9.1 A", "start} A", "is to begin with its number, 9.1"),
        ("start} 9.1 A", "start} 9.2 A", "'9.2 A *setting*' is to begin with its"),
        ("start} 9.1 A *setting*", "start} 9.1", "'9.1' is to begin with its number"),
    ],
)
def test_a_chapter_without_one_of_its_parts_is_found(old, new, complaint):
    complaints = frame_complaints(_changed(old, new))

    assert any(complaint in found for found in complaints), complaints


def test_a_question_outside_the_quiz_is_found():
    broken = _changed("## A body\n", f"## A body\n\n{QUIZ}")

    assert frame_complaints(broken) == ["a question stands outside the section 'Quiz'"]


def test_a_lab_has_no_quiz_and_its_exercises_name_the_lab():
    start, end = CHAPTER.index("## Quiz\n"), CHAPTER.index("## Exercises\n")
    lab = CHAPTER[:start] + CHAPTER[end:]
    first = lab.replace("# 9. A small", "# Lab 1: a small")
    second = lab.replace("# 9. A small", "# Lab 1, part two: a small")

    assert frame_complaints(first.replace("9.1", "lab1.1")) == []
    assert frame_complaints(second.replace("9.1", "lab1b.1")) == []
    assert frame_complaints(second.replace("9.1", "lab1.1")) == [
        "'lab1.1 A *setting*' is to begin with its number, lab1b.1"
    ]


CHECKED = CHAPTER.replace(
    "listen on?\n",
    'listen on?\n```{code-cell} ipython3\nport = ...\ncheck("9.1", port)\n```\n',
).replace('["port"].default\n', '["port"].default\ncheck("9.1", 8000)\n')


def test_an_exercise_with_a_check_has_it_in_stub_and_solution():
    assert frame_complaints(CHECKED) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('check("9.1", port)', "port", "exercise 9.1 has no stub with its check"),
        ('check("9.1", 8000)', "8000", "the solution of 9.1 never goes through its ch"),
        ('"9.1", port', '"9.2", port', "exercise 9.1 has a check of another number"),
        ('"9.1", 8000', "'9.3', 8000", "has a check of another number, '9.3'"),
        ("port = ...", "port = 0", "the stub of 9.1 has no `...` to replace"),
    ],
)
def test_a_check_that_is_missing_or_another_exercises_is_found(old, new, complaint):
    assert CHECKED.count(old) == 1

    complaints = frame_complaints(CHECKED.replace(old, new))

    assert any(complaint in found for found in complaints), complaints


def test_parts_in_another_order_are_found():
    broken = _changed("## Objectives\n", "## Later\n")
    broken = broken.replace("## Overview\n", "## Objectives\n")
    broken = broken.replace("## Later\n", "## Overview\n")

    assert any("another order" in found for found in frame_complaints(broken))


def test_a_solution_that_runs_nothing_is_found():
    start = CHAPTER.index("```{code-cell} ipython3\nfrom companion")
    end = CHAPTER.index("```{solution-end}")

    complaints = frame_complaints(CHAPTER[:start] + "8000.\n" + CHAPTER[end:])

    assert complaints == ["ex-small-setting: the solution runs no cell"]


def test_pages_and_contents_that_differ_are_found(tmp_path):
    folder = write_small_book(tmp_path / "copy")
    (folder / "book" / "module1" / "small.md").rename(folder / "book" / "stray.md")

    assert sorted(toc_complaints(folder)) == [
        "book/module1/small is in _toc.yml, but no file",
        "book/stray is a file, but not in _toc.yml",
    ]


@pytest.mark.parametrize(
    ("html", "check", "complaint"),
    [
        ('<a href="lost.html">', "link", "lost.html leads to no file"),
        ('<a href="#lost">', "link", "#lost leads to no such place"),
        ('<a href="p.html#lost">', "link", "p.html#lost leads to no such place"),
        ('<a href="/other/p.html">', "link", "lies outside /mlops-companion/"),
        ('<img src="lost.png">', "link", "lost.png leads to no file"),
        ('<script src="https://cdn.example.org/a.js">', "host", "cdn.example.org"),
        ('<script src="//cdn.example.org/a.js">', "host", "cdn.example.org"),
        ('<link rel="stylesheet" href="https://a.example.org/b">', "host", "a.example"),
        ('<img srcset="https://a.example.org/b 2x">', "host", "a.example.org"),
        ("<style>@import 'https://a.example.org/b'</style>", "host", "a.example.org"),
        ('<p style="background: url(//a.example.org/b)">', "host", "a.example.org"),
        ("<script>u = 'https://a.example.org/b'</script>", "host", "a.example.org"),
        ('<article><img src="p.html"></article>', "text", "alt=''"),
        ('<article><img src="p.html" alt="plot"></article>', "text", "alt='plot'"),
        (
            '<article><img src="p.html" alt="_images/plot of rain by day.png">',
            "text",
            "plot of rain by day.png",
        ),
        ("<article><svg><path/></svg></article>", "text", "no aria-label"),
        (
            '<div class="cell"><p class="cell_output">DeprecationWarning: old',
            "output",
            "DeprecationWarning: in the output",
        ),
        (
            "<div class=cell><p class=cell_output>Traceback (most recent call last)",
            "output",
            "Traceback (most recent call last) in the output",
        ),
        (
            '<div class="cell"><div class="cell_output"><p class="stderr">a</p></div>',
            "output",
            "text on stderr",
        ),
    ],
)
def test_a_defect_in_a_page_is_found(tmp_path, html, check, complaint):
    (tmp_path / "p.html").write_text(f"<body>{html}</body>", encoding="utf-8")
    pages = read_pages(tmp_path)

    complaints = {
        "link": link_complaints(tmp_path, pages, prefix=PREFIX),
        "host": foreign_host_complaints(tmp_path, pages),
        "text": alternative_text_complaints(pages),
        "output": output_complaints(pages),
    }[check]

    assert len(complaints) == 1
    assert complaint in complaints[0]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org/">a link waits for a click</a>',
        '<link rel="canonical" href="https://example.org/p.html">',
        '<article><svg aria-hidden="true"></svg></article>',
        '<div class="cell tag_raises-exception"><p class="cell_output">a Warning: b',
        '<a href="/mlops-companion/p.html#here" id="here">here</a>',
    ],
)
def test_what_is_fine_is_left_alone(tmp_path, html):
    (tmp_path / "p.html").write_text(f"<body>{html}</body>", encoding="utf-8")
    pages = read_pages(tmp_path)

    assert link_complaints(tmp_path, pages, prefix=PREFIX) == []
    assert foreign_host_complaints(tmp_path, pages) == []
    assert alternative_text_complaints(pages) == []
    assert output_complaints(pages) == []
