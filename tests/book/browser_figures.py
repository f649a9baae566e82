"""Whether what a figure shows in the light can still be seen in the dark.

Compares pictures of the same figure in the two modes: wherever the light one
has a letter or a line that stands out, it must stand out in the dark too. The
edges of filled areas do not count, unless a figure has nothing else: a box may
sink into a dark page as long as the words in it are read.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from playwright.sync_api import Page
from scipy.ndimage import grey_closing, grey_opening, maximum_filter, minimum_filter

__all__ = ["figure_complaints", "pictures_of_figures", "stroke_contrast"]

Floats = NDArray[np.float64]

# WCAG 2.1, 1.4.11: what a graphic needs to be understood has a contrast of 3:1.
_NEEDED = 3.0
# Edges only just strong enough in the light may fall below in the dark, where
# pictures on white paper are dimmed a little; smoothed corners fall below as well.
_STRONG = 4.5
_SHARE = 0.85
# Pixels; thicker than the strokes of letters and lines, so that what is left after
# closing gaps of this size, or opening bars of it, is their paper.
_THICK = 9
_FIGURES = "article img, article svg:not([aria-hidden=true])"
# Without those of the other mode, which are hidden, and without icons.
_NAME_LARGE = """figures => figures
  .map((figure, number) => [figure, number])
  .filter(([figure]) => figure.checkVisibility() && figure.clientWidth >= 48)
  .map(([figure, number]) =>
    [number, figure.getAttribute("src") ?? figure.getAttribute("aria-label")])"""
# The paper around a plot, drawn in the dark only, would shift the two pictures.
_SAME_SIZE = "article img { padding: 0 !important; border-radius: 0 !important; }"


def pictures_of_figures(page: Page) -> dict[str, Image.Image]:
    """Photograph each figure of the open page, by its source or its name."""
    page.add_style_tag(content=_SAME_SIZE)
    figures = page.locator(_FIGURES)
    pictures = {}
    for number, name in figures.evaluate_all(_NAME_LARGE):
        # Without motion, so that the picture is the one that stays.
        taken = figures.nth(number).screenshot(animations="disabled")
        image = Image.open(io.BytesIO(taken)).convert("RGB")
        # A figure between two pixels has a hair of the page around it.
        pictures[f"{number} {name}"] = ImageOps.crop(image, border=2)
    return pictures


def figure_complaints(
    light: dict[str, Image.Image], dark: dict[str, Image.Image]
) -> list[str]:
    """Find figures that show nothing, or that lose what they show in the dark."""
    complaints = []
    for name in light.keys() | dark.keys():
        strokes = stroke_contrast(light.get(name) or dark[name])
        strong = strokes >= _STRONG
        if not strong.any():
            complaints.append(f"{name} shows nothing that stands out")
        elif name in light and name in dark:
            height, width = np.minimum(light[name].size, dark[name].size)[::-1]
            kept = stroke_contrast(dark[name])[:height, :width] >= _NEEDED
            share = kept[strong[:height, :width]].mean()
            if share < _SHARE:
                complaints.append(f"{name} keeps {share:.0%} of its lines in the dark")
    return sorted(complaints)


def stroke_contrast(image: Image.Image) -> Floats:
    """Give the contrast ratio of each pixel with the paper around it.

    Parameters
    ----------
    image : Image
        A picture in RGB.

    Returns
    -------
    ndarray of shape (height, width)
        At least 1 (WCAG 2.1); high on letters and lines. Where a picture has
        neither, the contrast between neighbouring pixels instead.
    """
    light = _luminance(np.asarray(image, dtype=np.float64) / 255.0)
    strokes = _strokes(light)
    return strokes if (strokes >= _STRONG).any() else _edges(light)


def _strokes(light: Floats) -> Floats:
    paper_of_dark = grey_closing(light, size=(_THICK, _THICK))
    paper_of_bright = grey_opening(light, size=(_THICK, _THICK))
    dark_strokes = (paper_of_dark + 0.05) / (light + 0.05)
    bright_strokes = (light + 0.05) / (paper_of_bright + 0.05)
    strokes: Floats = np.maximum(dark_strokes, bright_strokes)
    return strokes


def _edges(light: Floats) -> Floats:
    highest, lowest = maximum_filter(light, size=5), minimum_filter(light, size=5)
    edges: Floats = (highest + 0.05) / (lowest + 0.05)
    return edges


def _luminance(colours: NDArray[Any]) -> Floats:
    # Relative luminance of sRGB, WCAG 2.1.
    linear = np.where(
        colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4
    )
    return linear @ np.array([0.2126, 0.7152, 0.0722])
