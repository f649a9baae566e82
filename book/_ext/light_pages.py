"""Sphinx extension that leaves out of the pages what they load and never show.

The theme draws some twenty icons and sends for them a script of 1.5 MB and two
fonts of 270 kB. The icons' classes and characters are in its style sheet, so the
script is not needed, and of the fonts only the characters that occur. Works on
the written HTML; a second run changes nothing. `tests/book/test_light_pages.py`
holds the proofs.
"""

import re
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx

__all__ = ["lighten_folder", "setup", "used_characters"]

_SHEETS = "_static/styles"
_FONTS = "_static/vendor/fontawesome/webfonts"
_SCRIPT = "_static/scripts/fontawesome.js"
# The files that a page asks for, with what Sphinx appends to their names.
_SCRIPT_TAGS = re.compile(
    r"\n?<(?:script|link)\b[^>]*/fontawesome\.js[^>]*>(?:</script>)?"
)
_FONT_PRELOADS = re.compile(r"\n?<link\b[^>]*/fontawesome/webfonts/[^>]*>")
_FONT_SOURCE = re.compile(
    r"src:url\(([^)]*/fontawesome/webfonts/[\w-]+)\.woff2\)[^;}]*"
)
# `.fa-bars:before,.fa-navicon:before{content:"\f0c9"}`
_ICON_RULE = re.compile(
    r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)(?:\\[0-9a-f]+)?"\}'
)
_CONTENT = re.compile(r'content:\s*"\\([ef][0-9a-f]{3})"')
_CLASS = re.compile(r"\bfa-[\w-]+")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict
        What Sphinx wants to know of an extension.
    """
    app.connect("build-finished", _on_build_finished, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _on_build_finished(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        lighten_folder(Path(app.outdir))


def lighten_folder(folder: Path) -> None:
    """Take the script of the icons out of a built book, and shrink their fonts.

    Parameters
    ----------
    folder : Path
        Folder of a built book.
    """
    pages = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    texts = {path: path.read_text(encoding="utf-8") for path in pages}
    for path, before in texts.items():
        after = _FONT_PRELOADS.sub("", _SCRIPT_TAGS.sub("", before))
        if after != before:
            path.write_text(after, encoding="utf-8")
    (folder / _SCRIPT).unlink(missing_ok=True)

    sheets = {
        path: path.read_text(encoding="utf-8")
        for path in sorted((folder / _SHEETS).glob("*.css"))
    }
    scripts = [
        path.read_text(encoding="utf-8")
        for path in sorted((folder / "_static").rglob("*theme*.js"))
    ]
    # Those of extensions, such as the sign before an exercise, name icons as well.
    others = [
        path.read_text(encoding="utf-8")
        for path in sorted((folder / "_static").glob("*.css"))
    ]
    wanted = used_characters([*texts.values(), *scripts], [*sheets.values(), *others])
    for path, before in sheets.items():
        after = _FONT_SOURCE.sub(r'src:url(\1.woff) format("woff")', before)
        if after != before:
            path.write_text(after, encoding="utf-8")
    for font in sorted((folder / _FONTS).glob("*.woff2")):
        _write_subset(font.with_suffix(".ttf"), wanted)
        font.unlink()
        font.with_suffix(".ttf").unlink()


def used_characters(pages: list[str], sheets: list[str]) -> set[int]:
    """Find the characters of the icon fonts that a book shows.

    Parameters
    ----------
    pages : list of str
        The pages, and the scripts that add icons to them.
    sheets : list of str
        The style sheets.

    Returns
    -------
    set of int
        Code points: of the icons whose class occurs in a page, and of what the
        style sheets write before or after other elements.
    """
    classes = {name for page in pages for name in _CLASS.findall(page)}
    found: set[int] = set()
    for sheet in sheets:
        for selectors, code in _ICON_RULE.findall(sheet):
            if classes.intersection(_CLASS.findall(selectors)):
                found.add(int(code, 16))
        others = _ICON_RULE.sub("", sheet)
        found.update(int(code, 16) for code in _CONTENT.findall(others))
    return found


def _write_subset(font: Path, characters: set[int]) -> None:
    # WOFF, not WOFF2: that one would need a compressor more, for one kilobyte.
    options = subset.Options(flavor="woff", notdef_outline=True)
    # The licence of the fonts reserves their name for the whole of them.
    options.name_IDs = [0, 13, 14]
    with subset.load_font(str(font), options) as loaded:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=characters)
        subsetter.subset(loaded)
        subset.save_font(loaded, str(font.with_suffix(".woff")), options)
