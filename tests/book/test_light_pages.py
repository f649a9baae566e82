"""What the pages load and never show is left out, and the icons shown stay."""

import pytest
from extensions import load_extension
from fontTools.ttLib import TTFont

LIGHT_PAGES = load_extension("light_pages")

SHEET = (
    '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}'
    '.fa-beer:before{content:"\\f0fc"}'
    '.fa-coins:before{content:"\\f51e"}'
    '.admonition:after{content:"\\f05a"}'
    '.quote:before{content:"\\201c"}'
)


@pytest.mark.parametrize(
    ("page", "icons"),
    [
        ('<i class="fa-solid fa-bars fa-lg"></i>', {0xF0C9}),
        ('<i class="fa-solid fa-navicon"></i>', {0xF0C9}),
        ('<i class="fa-beer"></i><i class="fa-coins"></i>', {0xF0FC, 0xF51E}),
        ("<p>no icon</p>", set()),
    ],
)
def test_icons_of_the_pages_and_of_the_style_sheet_are_used(page, icons):
    always = {0xF05A}  # the sheet writes it behind an element

    assert LIGHT_PAGES.used_characters([page], [SHEET]) == icons | always


@pytest.mark.built
def test_the_built_book_has_every_icon_it_shows_and_few_more(built_book, built_pages):
    names = {
        name
        for page in built_pages.values()
        for icon in page.select("i[class*='fa-'], span[class*='fa-']")
        for name in icon["class"]
    }
    assert {"fa-bars", "fa-github", "fa-magnifying-glass"} <= names
    fonts = built_book / "_static" / "vendor" / "fontawesome" / "webfonts"
    characters: set[int] = set()
    for path in sorted(fonts.iterdir()):
        assert path.suffix == ".woff"
        assert path.stat().st_size < 10_000, path
        with TTFont(path) as font:
            characters.update(font.getBestCmap())

    # Font Awesome's own list of its characters: of these three icons, and of the
    # pencil that sphinx-exercise's style sheet writes before a title.
    assert {0xF0C9, 0xF09B, 0xF002, 0xF303} <= characters
    assert len(characters) < 100


@pytest.mark.built
def test_no_built_page_asks_for_the_script_of_the_icons(built_book):
    texts = [path.read_text("utf-8") for path in built_book.glob("book/**/*.html")]

    assert texts
    assert not [text for text in texts if "fontawesome.js" in text]
    assert not (built_book / "_static" / "scripts" / "fontawesome.js").exists()
