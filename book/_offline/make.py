"""Make the book that needs no network: a folder as a zip, and a PDF.

`python book/_offline/make.py HTML OUT` takes what `nox -s book` built; `nox -s
dist` calls it. No chapter runs here.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import yaml
from browsers import REMEDY, find_browser
from one_page import assemble
from playwright.sync_api import sync_playwright

__all__ = ["main", "write_pdf", "write_zip"]

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
# Asks a server or serves only one; the page for wrong addresses among them.
_NEEDS_A_SERVER = {".buildinfo", "404.html", "objects.inv"}
# Beneath each result the search shows text that it fetches, which a browser
# refuses to pages that come from a folder.
_OPTIONS = "_static/documentation_options.js"
_SUMMARY_ON, _SUMMARY_OFF = "SHOW_SEARCH_SUMMARY: true", "SHOW_SEARCH_SUMMARY: false"
_FOOTER = """
<div style="width: 100%; font: 8px sans-serif; color: #566463; text-align: center">
  <span class="title"></span> · <span class="pageNumber"></span> of
  <span class="totalPages"></span>
</div>"""
# A table that is wider than the paper is made smaller until it fits.
_FIT = """() => {
  for (const table of document.querySelectorAll("table, math, svg")) {
    const room = table.parentElement.clientWidth, width = table.scrollWidth;
    if (room > 0 && width > room) table.style.zoom = room / width;
  }
}"""
# What a line of text is wide on A4 between the margins of print.css, in CSS pixels.
_PAPER = {"width": round((210 - 36) / 25.4 * 96), "height": 1000}


def main(argv: list[str] | None = None) -> int:
    """Make both files; the exit code is 1 where one could not be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("html", type=Path, help="the built book, _build/html")
    parser.add_argument("out", type=Path, help="folder for the two files")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    write_zip(given.html, given.out / "mlops-companion-book.zip")
    try:
        write_pdf(given.html, given.out / "mlops-companion-book.pdf")
    except RuntimeError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- this is a command
        return 1
    return 0


def write_zip(html: Path, target: Path) -> None:
    """Pack a built book so that its pages open from the folder it is unpacked to.

    Parameters
    ----------
    html : Path
        The built book.
    target : Path
        The archive; `index.html` is at its top.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(html.rglob("*")):
            name = path.relative_to(html).as_posix()
            if path.is_dir() or name in _NEEDS_A_SERVER:
                continue
            if name == _OPTIONS:
                options = path.read_text(encoding="utf-8")
                archive.writestr(name, options.replace(_SUMMARY_ON, _SUMMARY_OFF))
            else:
                archive.write(path, name)


def write_pdf(html: Path, target: Path) -> None:
    """Print a built book: A4, with bookmarks, tags, page numbers and links.

    Parameters
    ----------
    html : Path
        The built book.
    target : Path
        The PDF.

    Raises
    ------
    RuntimeError
        If there is no browser to print it.
    """
    program = find_browser()
    if program is None:
        raise RuntimeError(f"The PDF is not made: {REMEDY}.")
    config = yaml.safe_load((_ROOT / "_config.yml").read_text(encoding="utf-8"))
    page = assemble(
        html,
        _ROOT / "_toc.yml",
        address=config["html"]["baseurl"],
        style=(_HERE / "print.css").read_text(encoding="utf-8"),
    )
    # In the built book for a moment: its pictures and styles are beside it.
    source = html.resolve() / "printed.html"
    source.write_text(page, encoding="utf-8")
    try:
        _print(program, source, target)
    finally:
        source.unlink()


def _print(program: str, source: Path, target: Path) -> None:
    with sync_playwright() as playwright:
        # A container's root may not make the sandbox; the only page is our own.
        safe_here = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=safe_here)
        try:
            paper = browser.new_page(viewport=_PAPER, color_scheme="light")
            paper.emulate_media(media="print")
            paper.goto(source.as_uri(), wait_until="load")
            paper.evaluate("() => document.fonts.ready")
            paper.evaluate(_FIT)
            paper.pdf(
                path=target,
                prefer_css_page_size=True,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=_FOOTER,
                outline=True,
                tagged=True,
            )
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
