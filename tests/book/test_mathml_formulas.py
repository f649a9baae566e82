"""Formulas are written as MathML when the book is built, or the build fails."""

import pytest
from bs4 import BeautifulSoup
from building import build_book
from docutils.utils.math import MathError
from extensions import load_extension
from small_book import CHAPTER, write_small_book

MATHML = load_extension("mathml_formulas")


def _parsed(formula: str, *, block: bool = False) -> BeautifulSoup:
    return BeautifulSoup(MATHML.mathml(formula, block=block), "html.parser")


def test_a_fraction_is_a_fraction_of_its_two_parts():
    fraction = _parsed(r"\frac{a}{b}").select_one("math > mfrac")

    assert [part.get_text() for part in fraction.select(":scope > mi")] == ["a", "b"]


def test_a_formula_on_its_own_line_says_so():
    assert _parsed("a").math.get("display") is None
    assert _parsed("a", block=True).math["display"] == "block"


def test_usual_names_that_docutils_lacks_are_known():
    dots = _parsed(r"x_1, \dots, x_n").get_text("", strip=True)
    best = _parsed(r"\argmax_i p_i").get_text("", strip=True)

    assert dots == "x1,…,xn"
    assert best.startswith("arg")
    assert best.endswith("maxipi")


def test_a_longer_name_that_begins_like_a_known_one_is_another_command():
    with pytest.raises(MathError, match="dotsx"):
        MATHML.mathml(r"\dotsx", block=False)


def test_lines_of_a_formula_stand_below_each_other():
    rows = _parsed(r"a &= b \\ c &= d", block=True).select("mtable > mtr")

    assert [row.get_text("", strip=True) for row in rows] == ["a=b", "c=d"]


def test_a_page_with_formulas_holds_mathml_and_loads_no_script_for_it(tmp_path):
    formulas = """
```{math}
:label: eq-small
y = \\sum_{i=1}^{n} a_i x_i
```

The sum is {eq}`eq-small`.
"""
    chapter = CHAPTER.replace("## Exercises\n", f"{formulas}\n## Exercises\n")
    folder = write_small_book(tmp_path / "copy", chapter=chapter)

    done = build_book(folder)

    assert done.returncode == 0, done.stdout[-4000:]
    html = folder / "_build" / "html"
    text = (html / "book" / "module1" / "small.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert len(page.select("span.math > math")) == 2
    assert page.select_one(
        "div.math#equation-eq-small > math[display=block] munderover"
    )
    links = page.select("a[href='#equation-eq-small']")
    assert [link.get_text() for link in links] == ["#", "(1)"]
    # Its class "mathjax_ignore" stays on the sections, and does nothing.
    assert not page.select("script[src*=mathjax i]")
    assert "window.MathJax" not in text


def test_a_formula_that_nobody_can_translate_stops_the_build(tmp_path):
    chapter = CHAPTER.replace("$a$", "$\\unheardof{a}$")

    done = build_book(write_small_book(tmp_path / "copy", chapter=chapter))

    assert done.returncode != 0
    assert "small.md" in done.stdout
    assert r"\\unheardof{a}' cannot be written as MathML" in done.stdout
