"""The built pages: complete, described, linked, and asking no other host."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from frame_checks import toc_pages
from page_checks import (
    alternative_text_complaints,
    foreign_host_complaints,
    link_complaints,
    output_complaints,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
ADDRESS = CONFIG["html"]["baseurl"]
REPOSITORY = CONFIG["repository"]["url"]

pytestmark = pytest.mark.built


def test_every_page_of_the_contents_is_there_with_search_and_the_page_for_no_page(
    built_pages,
):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    expected = {f"{page}.html" for page in toc_pages(toc)}

    assert expected | {"index.html", "404.html", "search.html"} <= set(built_pages)


def test_links_within_the_book_lead_somewhere(built_book, built_pages):
    prefix = urlsplit(ADDRESS).path

    assert link_complaints(built_book, built_pages, prefix=prefix) == []


def test_links_into_the_repository_name_files_that_exist(built_pages):
    start = f"{REPOSITORY}/blob/main/"
    missing = [
        f"{name}: {link['href']}"
        for name, page in built_pages.items()
        for link in page.select(f"a[href^='{start}']")
        if not (ROOT / str(link["href"]).removeprefix(start)).is_file()
    ]

    assert missing == []


def test_binder_opens_a_file_that_exists_on_every_page_that_runs(built_pages):
    launched = {}
    for name, page in built_pages.items():
        for link in page.select("a[href^='https://mybinder.org/']"):
            where = parse_qs(urlsplit(str(link["href"])).query)["urlpath"][0]
            launched[name] = unquote(where).removeprefix("lab/tree/")

    assert "book/reference/commands.html" in launched
    assert [path for path in launched.values() if not (ROOT / path).is_file()] == []


def test_no_page_asks_another_host(built_book, built_pages):
    assert foreign_host_complaints(built_book, built_pages) == []


def test_every_picture_is_described_in_words(built_pages):
    assert alternative_text_complaints(built_pages) == []


def test_no_cell_printed_a_warning_or_a_traceback(built_pages):
    assert output_complaints(built_pages) == []


def test_a_shared_link_shows_title_text_and_picture(built_book, built_pages):
    for name in ("book/index.html", "book/start/setup.html"):
        tags = {
            str(tag["property"]): str(tag["content"])
            for tag in built_pages[name].select("meta[property^='og:']")
        }

        assert tags["og:url"] == ADDRESS + name
        assert tags["og:title"]
        assert tags["og:description"]
        picture = tags["og:image"].removeprefix(ADDRESS)
        # The first eight bytes of every PNG file (PNG specification, 5.2).
        assert (built_book / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_every_page_offers_its_source_and_the_repository(built_pages):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    for name in toc_pages(toc):
        page = built_pages[f"{name}.html"]

        assert page.select(f"a[href='{REPOSITORY}']"), name
        assert page.select(".dropdown-download-buttons a[href*='_sources/']"), name
