"""The reference pages leave out nothing that the package has."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from page_checks import Pages

from companion import errors
from companion.cli import COMMANDS
from companion.contract.columns import KINDS
from companion.serving.http.problems import PROBLEM_TYPES
from companion.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "book" / "reference"

COMMANDS_PAGE = "book/reference/commands.html"
ERRORS_PAGE = "book/reference/errors.html"
API_PAGE = "book/reference/api.html"


def _section(pages: Pages, page: str, anchor: str) -> str:
    # Where a title and its label read the same, the section itself has the id.
    place = pages[page].find(id=anchor)
    assert place is not None, f"{page} has no place #{anchor}"
    section = place if place.name == "section" else place.find_parent("section")
    assert section is not None
    return section.get_text(" ", strip=True)


def test_the_commands_are_in_the_order_of_the_command_line():
    text = (SOURCE / "commands.md").read_text("utf-8")

    assert re.findall(r"^## `companion (\w+)`$", text, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r'^show_help\("(\w+)"\)$', text, re.MULTILINE) == list(COMMANDS)


def test_each_type_of_a_signature_is_in_the_table_of_the_server():
    text = (SOURCE / "serving.md").read_text("utf-8")
    table = text.partition("(serving-types)=")[2].partition("(serving-invocations)=")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line[:1] == "|"]

    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == KINDS


def test_the_prices_that_chapter_3_computes_with_are_those_of_the_families():
    """One price list: a row of the page holds model and price of the chapter."""
    chapter = (SOURCE.parent / "module1" / "llms.md").read_text("utf-8")
    prices = re.findall(
        r'^    "([\w. -]+?)(?:, .*)?": \((\d+), (\d+)\),$', chapter, re.M
    )
    page = (SOURCE / "model-families.md").read_text("utf-8")
    table = page.partition(":name: tab-families-price")[2].partition("```")[0]
    rows = table.split("\n* - ")

    assert len(prices) >= 2
    for model, usd_in, usd_out in prices:
        (row,) = [row for row in rows if row.startswith(f"{model} ")]
        assert f"{usd_in} in, {usd_out} out" in row


@pytest.mark.built
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_its_own_help_with_an_example(built_pages, command):
    text = _section(built_pages, COMMANDS_PAGE, f"command-{command}")

    assert f"Usage: companion {command} " in text
    assert f"Example: companion {command}" in text


@pytest.mark.built
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_each_setting_is_in_the_table_with_its_default(built_pages, setting):
    rows = [
        [cell.get_text().strip() for cell in row.select("td")]
        for row in built_pages[COMMANDS_PAGE].select("table tr")
    ]
    found = [row for row in rows if row and row[0] == setting.variable]

    assert [row[1] for row in found] == [setting.default or "worked out"]
    assert len(found[0][2]) > 20


@pytest.mark.built
@pytest.mark.parametrize("name", errors.__all__)
def test_each_error_is_explained(built_pages, name):
    text = _section(built_pages, ERRORS_PAGE, f"error-{name.lower()}")

    assert text.startswith(name)
    # The base of all is never raised: there is nothing to do about it.
    assert name == "CompanionError" or "What to do" in text


@pytest.mark.built
@pytest.mark.parametrize("kind", PROBLEM_TYPES.values(), ids=PROBLEM_TYPES)
def test_the_address_of_each_problem_leads_to_its_explanation(built_pages, kind):
    page, _, anchor = kind.url.partition("#")

    assert page.endswith(f"/mlops-companion/{ERRORS_PAGE}")
    text = _section(built_pages, ERRORS_PAGE, anchor)
    assert text.startswith(kind.slug)
    assert "What to do" in text


@pytest.mark.built
def test_each_public_function_and_class_of_a_listed_module_is_described(built_pages):
    source = (SOURCE / "api.md").read_text("utf-8")
    modules = re.findall(r"automodule:: ([\w.]+)", source)
    described = {str(tag["id"]) for tag in built_pages[API_PAGE].select("dt[id]")}
    expected = {
        f"{module}.{name}"
        for module in modules
        for name in importlib.import_module(module).__all__
        if callable(getattr(importlib.import_module(module), name))
        and inspect.getdoc(getattr(importlib.import_module(module), name))
    }

    assert len(modules) >= 8
    assert expected - described == set()
