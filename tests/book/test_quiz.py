"""Questions: what an author may write, and what the page holds without a script."""

import pytest
from building import build_book
from extensions import load_extension
from page_checks import read_pages
from small_book import CHAPTER, QUIZ, write_small_book

PAGE = "book/module1/small.html"
GOOD = """\
question: Which port?
answers:
  - {text: "8000", correct: true, why: "It is the default."}
  - {text: "80", why: "That is a web server's."}
  - {text: "22", why: "That is for logging in."}
"""


@pytest.fixture(scope="module")
def complaints():
    return load_extension("quiz").quiz_complaints


@pytest.fixture(scope="module")
def page(small_book):
    return read_pages(small_book / "_build" / "html")[PAGE]


def test_a_complete_question_is_fine(complaints):
    assert complaints("quiz-ports-1", GOOD) == []


@pytest.mark.parametrize(
    "label", ["ports-1", "quiz-", "quiz-Ports", "quiz-a--b", "quiz a"]
)
def test_a_label_that_makes_no_clean_address_is_refused(complaints, label):
    [found] = complaints(label, GOOD)

    assert f"the label {label!r} is to begin with quiz-" in found


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (', why: "It is the default."', "", "answer A has no text in `why:`"),
        (
            'why: "That is for logging in."',
            'why: " "',
            "answer C has no text in `why:`",
        ),
        ('text: "80", ', "", "answer B has no text in `text:`"),
        ('text: "80"', "text: 80", "answer B has no text in `text:`; put it in quotes"),
        ("question: Which port?\n", "", "the question has no text in `question:`"),
        (
            "question:",
            "Question:",
            "unknown key 'Question'; known are answers, question",
        ),
        (
            "correct:",
            "right:",
            "answer A has the unknown key 'right'; known are correct",
        ),
        ("correct: true", "correct: false", "no answer is marked `correct: true`"),
        ("correct: true", "correct: yes please", "neither true nor false"),
        ('"80"', '"8000"', "two answers have the same text"),
        ("answers:", "answers: none\nmore:", "`answers:` is to be a list of 3 to 5"),
        ('  - {text: "22", why: "That is for logging in."}\n', "", "a list of 3 to 5"),
        ("port?", 'port: "80"?', "no YAML, line 1 of the question: mapping values"),
        (GOOD, "Which port?", "has no `question:` and no `answers:`"),
        (GOOD, "", "has no `question:` and no `answers:`"),
    ],
)
def test_a_mistake_in_a_question_is_named(complaints, old, new, complaint):
    assert GOOD.count(old) == 1

    found = complaints("quiz-ports-1", GOOD.replace(old, new))

    assert any(complaint in one for one in found), found


def test_every_answer_right_is_no_question(complaints):
    every = GOOD.replace("why:", "correct: true, why:")
    every = every.replace("correct: true, correct: true", "correct: true")

    assert complaints("quiz-ports-1", every) == [
        "every answer is marked `correct: true`"
    ]


def test_without_a_script_the_page_holds_question_answers_and_reasons(page):
    quiz = page.find(id="quiz-small-2")

    assert quiz.select_one(".quiz-number").get_text() == "Question 2 of 4"
    assert quiz.select_one(".quiz-question").get_text() == "What has a setting?"
    assert [one.get_text() for one in quiz.select(".quiz-answers > li")] == [
        "A variable",
        "A licence",
        "A default, or a way to work one out",
        "An owner",
    ]
    key = quiz.select_one("details")
    assert not key.has_attr("open")
    assert key.summary.get_text() == "Answers to question 2"
    assert [one.get_text() for one in key.select("li")] == [
        "Right. Its name begins with COMPANION_.",
        "Wrong. The whole package has one.",
        "Right. So that nothing has to be set.",
        "Wrong. Anybody may set it.",
    ]


def test_text_may_hold_code_emphasis_and_references(page):
    quiz = page.find(id="quiz-small-1")

    assert quiz.select_one(".quiz-question em").get_text() == "must"
    first = quiz.select_one(".quiz-answers > li")
    assert first.code.get_text() == "y = a x"
    assert first.a["href"] == "#ch-small"


def test_only_a_page_with_questions_loads_their_script_and_style(small_book):
    pages = read_pages(small_book / "_build" / "html")
    loads = {
        name: len(one.select("script[src*='quiz.js'], link[href*='quiz.css']"))
        for name, one in pages.items()
    }

    assert loads[PAGE] == 2
    assert loads["book/index.html"] == 0


def test_an_exercise_shows_one_number_and_is_referred_to_by_it(page):
    exercise = page.find(id="ex-small-setting")
    solution = page.select_one("div.solution")
    reference = page.select_one("p a[href='#ex-small-setting']")

    title = exercise.select_one(".admonition-title")
    assert title.get_text() == "Exercise 9.1: A setting"
    assert title.em.get_text() == "setting"
    assert solution.select_one(".admonition-title").get_text() == (
        "Solution of exercise 9.1"
    )
    assert reference.get_text() == "Exercise 9.1"


def test_a_copy_with_broken_questions_and_exercises_does_not_build(tmp_path):
    chapter = CHAPTER.replace("quiz-small-3", "quiz-small-1")
    chapter = chapter.replace("{quiz} quiz-small-4", "{quiz} quiz-Small-4")
    chapter = chapter.replace("start} 9.1 A", "start} A")
    folder = write_small_book(tmp_path / "copy", chapter=chapter)
    with (folder / "book" / "index.md").open("a", encoding="utf-8") as index:
        index.write(QUIZ.split("```\n")[1] + "```\n")

    done = build_book(folder)

    assert done.returncode != 0
    before, _, _ = chapter.partition("{quiz} quiz-Small-4")
    where = f"small.md:{before.count(chr(10)) + 1}"
    assert f"{where}: ERROR: quiz quiz-Small-4: the label" in done.stdout
    assert 'Duplicate explicit target name: "quiz-small-1"' in done.stdout
    assert "duplicate label quiz-small-2, other instance in" in done.stdout
    assert "the exercise 'A *setting*' has no number" in done.stdout
