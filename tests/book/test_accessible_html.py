"""The extension that mends the theme's pages mends each defect, and only once."""

import pytest
from bs4 import BeautifulSoup
from extensions import load_extension


@pytest.fixture(scope="module")
def accessible_html():
    return load_extension("accessible_html")


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        pytest.param(
            '<button aria-label="Search" class="search-button-field">Search</button>',
            '<button class="search-button-field">Search</button>',
            id="search button",
        ),
        pytest.param(
            '<summary aria-label="Toggle hidden content">Show code</summary>',
            "<summary>Show code</summary>",
            id="hidden cell",
        ),
        pytest.param(
            '<i class="theme-switch fa-sun" title="Light"></i>',
            '<i aria-hidden="true" class="theme-switch fa-sun"></i>',
            id="theme switch",
        ),
        pytest.param(
            '<div id="pst-header"><button class="sidebar-toggle primary-toggle">'
            '</button></div><button class="sidebar-toggle primary-toggle"></button>',
            '<div id="pst-header"></div>'
            '<button class="sidebar-toggle primary-toggle"></button>',
            id="drawer",
        ),
        pytest.param(
            '<div id="pst-primary-sidebar"></div>',
            '<div aria-label="Book navigation" id="pst-primary-sidebar" '
            'role="region"></div>',
            id="sidebar",
        ),
        pytest.param(
            '<li class="has-children"><a href="#">Reference</a>'
            "<details><summary><i></i></summary></details></li>",
            '<li class="has-children"><a href="#">Reference</a>'
            '<details><summary aria-label="Pages below Reference"><i></i></summary>'
            "</details></li>",
            id="page toggle",
        ),
        pytest.param(
            '<div role="list"><div role="doc-biblioentry">A</div></div>',
            '<div role="list"><div role="listitem">A</div></div>',
            id="bibliography",
        ),
        pytest.param(
            '<section id="exercise-content">A</section>'
            '<section id="exercise-content">B</section>',
            "<section>A</section><section>B</section>",
            id="id twice",
        ),
        pytest.param(
            "<table><tr><th></th><th>rain</th></tr></table>",
            "<table><tr><td></td><th>rain</th></tr></table>",
            id="table",
        ),
        pytest.param(
            '<script src="a.js?v=1"></script><script src="a.js?v=2"></script>',
            '<script src="a.js?v=1"></script>',
            id="script twice",
        ),
        pytest.param(
            "<script>let a = 1;</script><script>let a = 1;</script>",
            "<script>let a = 1;</script>",
            id="inline script twice",
        ),
        pytest.param(
            '<script>const THEBE_JS_URL = "https://unpkg.com/thebe";</script>'
            '<link href="_static/sphinx-thebe.css" rel="stylesheet"/>'
            '<script src="_static/sphinx-thebe.js"></script>',
            "",
            id="thebe",
        ),
        pytest.param(
            '<meta content="a" name="viewport"/><meta content="a" name="viewport"/>',
            '<meta content="a" name="viewport"/>',
            id="viewport twice",
        ),
    ],
)
def test_a_defect_is_mended(accessible_html, broken, mended):
    assert _same(accessible_html.mend(broken), mended)


def _same(left: str, right: str) -> bool:
    # The order of attributes says nothing.
    return BeautifulSoup(left, "html.parser") == BeautifulSoup(right, "html.parser")


def test_the_page_that_forwards_gets_a_title_a_language_and_a_link(accessible_html):
    forward = '<meta http-equiv="Refresh" content="0; url=book/index.html" />'

    page = BeautifulSoup(accessible_html.mend(forward), "html.parser")

    assert page.select_one("html[lang=en] > head > title") is not None
    assert page.select_one("head > meta[http-equiv=Refresh]") is not None
    assert page.select_one("body a[href='book/index.html']") is not None


@pytest.mark.parametrize(
    "fine",
    [
        '<script src="a.js"></script><script src="b.js"></script>',
        '<script type="application/json">1</script>' * 2,
        "<pre>  a &lt; b &amp;&amp; c\n</pre>",
        "<table><tr><th>day</th></tr></table>",
    ],
)
def test_what_is_fine_stays_as_it_is(accessible_html, fine):
    assert accessible_html.mend(fine) == fine


@pytest.mark.built
def test_no_built_page_needs_mending_any_more(accessible_html, built_book):
    for path in built_book.glob("book/**/*.html"):
        text = path.read_text("utf-8")

        assert accessible_html.mend(text) == text, path


@pytest.mark.built
def test_no_built_page_has_two_elements_with_one_id(built_pages):
    for name, page in built_pages.items():
        ids = [str(tag["id"]) for tag in page.select("[id]")]

        assert sorted(ids) == sorted(set(ids)), name
