"""Whether what a figure shows in the light can still be seen in the dark.

Compares pictures of the same figure in the two modes: wherever the light one
has an edge that stands out, the dark one needs an edge that stands out too.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page
from scipy.ndimage import maximum_filter, minimum_filter

__all__ = ["figure_complaints", "local_contrast", "pictures_of_figures"]

Floats = NDArray[np.float64]

# WCAG 2.1, 1.4.11: what a graphic needs to be understood has a contrast of 3:1.
_NEEDED = 3.0
# Edges only just strong enough in the light may fall below in the dark, where
# pictures on white paper are dimmed a little; smoothed corners fall below as well.
_STRONG = 4.5
_SHARE = 0.9
# Two pixels each side: as far as the edge of a letter is smoothed.
_WINDOW = 5
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
        pictures[f"{number} {name}"] = Image.open(io.BytesIO(taken)).convert("RGB")
    return pictures


def figure_complaints(
    light: dict[str, Image.Image], dark: dict[str, Image.Image]
) -> list[str]:
    """Find figures that show nothing, or that lose what they show in the dark."""
    complaints = []
    for name in light.keys() | dark.keys():
        shown = local_contrast(light.get(name, dark.get(name)))
        strong = shown >= _STRONG
        if not strong.any():
            complaints.append(f"{name} shows nothing that stands out")
        elif name in light and name in dark:
            height, width = np.minimum(light[name].size, dark[name].size)[::-1]
            kept = local_contrast(dark[name])[:height, :width] >= _NEEDED
            share = kept[strong[:height, :width]].mean()
            if share < _SHARE:
                complaints.append(f"{name} keeps {share:.0%} of its edges in the dark")
    return sorted(complaints)


def local_contrast(image: Image.Image | None) -> Floats:
    """The contrast ratio (WCAG 2.1) around each pixel, of shape (height, width)."""
    assert image is not None
    light = _luminance(np.asarray(image, dtype=np.float64) / 255.0)
    lightest = maximum_filter(light, size=_WINDOW)
    darkest = minimum_filter(light, size=_WINDOW)
    contrast: Floats = (lightest + 0.05) / (darkest + 0.05)
    return contrast


def _luminance(colours: NDArray[Any]) -> Floats:
    # Relative luminance of sRGB, WCAG 2.1.
    linear = np.where(
        colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4
    )
    return linear @ np.array([0.2126, 0.7152, 0.0722])
