"""A page that is broken on purpose is found by each check of the browser."""

import gzip
from pathlib import Path

import pytest
from browser_checks import (
    MODES,
    accessibility_complaints,
    open_everything,
    page_weight,
    sideways_complaints,
    visit,
)
from browser_figures import figure_complaints, pictures_of_figures
from browser_setup import launched_browser, served
from browsers import find_browser

pytestmark = pytest.mark.browser

LIGHT, DARK, PHONE, PHONE_IN_THE_DARK = MODES
FINE = "<p>It rains in Seattle.</p>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def home(folder):
    with served(folder, prefix="/book/") as address:
        yield address


@pytest.fixture
def write(folder, home):
    def write_page(body: str) -> str:
        head = (
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        )
        style = (
            "html { color-scheme: light dark; background: white; color: #222 }"
            "@media (prefers-color-scheme: dark) {"
            " html { background: #12191b; color: #ddd } }"
        )
        text = f'<!doctype html><html lang="en"><head>{head}<title>A page</title>'
        text += f"<style>{style}</style></head>"
        text += f"<body><main><article><h1>A page</h1>{body}</article></main></body>"
        (folder / "page.html").write_text(f"{text}</html>", encoding="utf-8")
        return f"{home}page.html"

    return write_page


@pytest.fixture(scope="module")
def windows(browser, home):
    with (
        visit(browser, PHONE, home=home) as light,
        visit(browser, PHONE_IN_THE_DARK, home=home) as dark,
    ):
        yield light, dark


def test_a_fine_page_has_nothing_to_complain_about(windows, write):
    for window in windows:
        assert window.open(write(FINE)) == []
        assert sideways_complaints(window.page) == []
        assert accessibility_complaints(window.page) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('a bad day')</script>", "console: a bad day"),
        ("<script>undefined.length</script>", "error: "),
        ("<script src='lost.js'></script>", "404: "),
        ("<img alt='' src='lost.png'>", "404: "),
        ("<script>fetch('lost.json')</script>", "404: "),
        ("<script src='/elsewhere.js'></script>", "404: "),
        (
            "<img alt='' src='http://other.example/a.png'>",
            "asks another host: http://o",
        ),
        ("<script>fetch('https://other.example/')</script>", "asks another host: http"),
        ("<script src='http://127.0.0.1:9/a.js'></script>", "asks another host: http"),
        ("<img alt='' src='dropped.png'>", "failed: "),
    ],
)
def test_trouble_of_a_page_is_found(windows, write, body, complaint):
    page = windows[0].page
    page.route("**/dropped.png", lambda route: route.abort("connectionreset"))

    trouble = windows[0].open(write(FINE + body))

    assert any(each.startswith(complaint) for each in trouble), trouble


def test_what_is_given_up_with_the_page_before_is_no_trouble_of_this_one(
    windows, write
):
    address, window = write(FINE), windows[0]
    window.open(address)
    window.page.route("**/endless.json", lambda _: None)  # never answered
    with window.page.expect_request("**/endless.json"):
        window.page.evaluate("() => { fetch('endless.json') }")

    with window.page.expect_event("requestfailed"):
        trouble = window.open(address)

    assert trouble == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<div style='width: 500px'>wide</div>", "<html> is 5"),
        ("<pre>" + "wide " * 100 + "</pre>", "<html> is"),
        (
            "<div style='overflow: hidden'><p style='width: 500px'>cut off</p></div>",
            "<p",
        ),
    ],
)
def test_what_is_too_wide_for_a_phone_is_found(windows, write, body, complaint):
    windows[0].open(write(body))

    complaints = sideways_complaints(windows[0].page)

    assert any(each.startswith(complaint) for each in complaints), complaints


def test_what_scrolls_in_a_box_of_its_own_is_left_alone(windows, write):
    body = "<div style='overflow-x: auto'><p style='width: 500px'>wide</p></div>"
    windows[0].open(write(body))

    assert sideways_complaints(windows[0].page) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<img src='page.html'>", "image-alt"),
        ("<button></button>", "button-name"),
        ("<p style='color: #999; background: #fff'>pale</p>", "color-contrast"),
        (
            "<details><summary>more</summary><img src='page.html'></details>",
            "image-alt",
        ),
        (
            "<details><summary>more</summary>"
            "<pre style='overflow: auto'>" + "wide " * 100 + "</pre></details>",
            "scrollable-region-focusable",
        ),
        (
            "<button style='width: 9px; height: 9px; padding: 0'>a</button>" * 2,
            "target-size",
        ),
    ],
)
def test_what_shuts_readers_out_is_found(windows, write, body, rule):
    windows[0].open(write(body))
    open_everything(windows[0].page)

    complaints = accessibility_complaints(windows[0].page)

    assert any(each.startswith(rule) for each in complaints), complaints


def test_text_that_is_lost_only_in_the_dark_is_found_there(windows, write):
    address = write("<p style='color: #222'>dark on whatever the page is</p>")

    found = []
    for window in windows:
        window.open(address)
        found.append(len(accessibility_complaints(window.page)))

    assert found == [0, 1]


LINE = "<path d='M0 90 90 0' stroke='{0}'/><text x='5' y='20' fill='{0}'>rain</text>"
DRAWING = f"<svg aria-label='A line' width='100' height='100'>{LINE}</svg>"
BOX = "<rect x='0' y='0' width='100' height='100' fill='#1f5f8b'/><path"
DOT = "<circle r='20' cx='45' cy='45' fill='#5f7680'/>"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (DRAWING.format("#222"), "of its lines in the dark"),
        (DRAWING.format("#ccc"), "shows nothing that stands out"),
        # The frame can still be seen in the dark, what it frames cannot.
        (
            DRAWING.format("#222").replace(
                "<path",
                "<rect x='1' y='1' width='9' height='9' fill='#0e8080'/><path",
                1,
            ),
            "of its lines in the dark",
        ),
    ],
)
def test_a_figure_that_is_lost_is_found(windows, write, body, complaint):
    assert _figures(windows, write(body))[0].endswith(complaint)


@pytest.mark.parametrize(
    "body",
    [
        DRAWING.format("currentColor"),
        # The box sinks into the dark page; what is in it can still be read.
        DRAWING.format("white").replace("<path", BOX, 1),
        # No line and no letter, only a dot.
        f"<svg aria-label='A dot' width='90' height='90'>{DOT}</svg>",
        # On a paper of its own, as a plot is.
        DRAWING.format("#222").replace("<svg ", "<svg style='background: white' "),
    ],
)
def test_a_figure_that_can_be_seen_in_both_modes_is_left_alone(windows, write, body):
    assert _figures(windows, write(body)) == []


def _figures(windows, address: str) -> list[str]:
    pictures = []
    for window in windows:
        window.open(address)
        pictures.append(pictures_of_figures(window.page))
    assert len(pictures[0]) == 1
    return figure_complaints(*pictures)


def test_the_weight_counts_text_compressed_fonts_whole_and_no_pictures(
    windows, folder, home, write
):
    noise = bytes(range(256)) * 100
    (folder / "font.woff2").write_bytes(noise)
    (folder / "picture.png").write_bytes(noise)
    (folder / "long.js").write_text("// words\n" * 10_000)
    address = write(
        "<style>@font-face { font-family: a; src: url(font.woff2) }"
        "p { font-family: a }</style><p>a</p>"
        "<script src='long.js?v=1'></script><img alt='' src='picture.png'>"
    )
    windows[0].open(address)

    weight = page_weight(folder, windows[0].loaded, home=home)

    texts = [(folder / name).read_bytes() for name in ("page.html", "long.js")]
    # Two runs of gzip may differ by the time in their headers, not in length.
    assert weight == 25_600 + sum(len(gzip.compress(text)) for text in texts)


def test_without_a_browser_the_tests_say_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("COMPANION_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("browsers._PLACES", ())

    assert find_browser() is None
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        launched_browser().__enter__()


def test_without_a_browser_the_tests_fail_on_a_ci_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("COMPANION_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("browsers._PLACES", ())

    with pytest.raises(pytest.fail.Exception, match="COMPANION_BROWSER"):
        launched_browser().__enter__()
