"""The pictures of MLflow's pages: of the MLflow that readers install, and dated."""

import re
import tomllib
from pathlib import Path

import pytest
from myst import directives, parse

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
TAKEN = tomllib.loads((BOOK / "_screenshots" / "taken.toml").read_text("utf-8"))
PICTURES = [Path(file) for file in TAKEN["pictures"]]
PAGES = sorted(BOOK.rglob("*.md"))


def shown(text: str, folder: str) -> dict[Path, str]:
    """Map the pictures of MLflow that a page shows to their captions.

    The page's folder counts from the book's, as the pictures do.
    """
    found = {}
    for one in directives(parse(text)):
        picture = Path(folder, one.argument)
        if one.name in {"figure", "image"} and picture in PICTURES:
            lines = one.content.splitlines()
            caption = " ".join(line for line in lines if not re.match(r":\w+:", line))
            found[picture] = caption.strip()
    return found


def undated(text: str, folder: str) -> dict[str, str]:
    """Map those of them to their captions that lack MLflow's version or the month."""
    end = f"MLflow {TAKEN['mlflow']}, {TAKEN['month']}."
    found = shown(text, folder).items()
    return {file.name: caption for file, caption in found if not caption.endswith(end)}


def test_the_pictures_show_the_minor_version_that_the_lock_has():
    lock = (ROOT / "requirements-lock.txt").read_text("utf-8")
    locked = re.search(r"^mlflow==(\d+\.\d+)\.", lock, re.MULTILINE)

    assert TAKEN["mlflow"].startswith(f"{locked[1]}."), "renew: nox -s screenshots"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_caption_ends_with_the_mlflow_it_shows_and_the_month(page):
    folder = page.parent.relative_to(BOOK).as_posix()

    assert not undated(page.read_text("utf-8"), folder), "taken.toml has both"


def test_a_caption_without_them_or_with_others_is_found():
    page = (BOOK / "module1" / "lab1.md").read_text("utf-8")
    end = f"MLflow {TAKEN['mlflow']}, {TAKEN['month']}."
    assert end in page

    without = undated(page.replace(f" {end}", ""), "module1")
    older = undated(page.replace(TAKEN["mlflow"], "3.9.0"), "module1")

    assert list(without) == list(older) == ["lab1-mlflow.png"]
    assert without["lab1-mlflow.png"].endswith("metrics and parameters.")


def test_each_picture_is_there_and_small():
    """A page has at most 400 kB before its pictures, and two pictures or three."""
    sizes = {file: (BOOK / file).stat().st_size for file in PICTURES}

    assert sizes
    assert not {file: size for file, size in sizes.items() if size > 120_000}


def test_every_screenshot_of_mlflow_is_one_of_them():
    """One taken by hand would age without anyone noticing."""
    found = {file.relative_to(BOOK) for file in BOOK.rglob("*mlflow*.png")}

    assert found == set(PICTURES)


def test_each_of_them_is_shown_once():
    everywhere = [
        picture
        for page in PAGES
        for picture in shown(
            page.read_text("utf-8"), page.parent.relative_to(BOOK).as_posix()
        )
    ]

    assert sorted(everywhere) == sorted(PICTURES)
