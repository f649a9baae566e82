"""A book of two pages with the real configuration: quick to build, easy to break."""

import shutil
from pathlib import Path

__all__ = ["CHAPTER", "QUIZ", "write_small_book"]

_ROOT = Path(__file__).resolve().parents[2]

QUIZ = """\
```{quiz} quiz-small-1
question: What *must* a line through two points do?
answers:
  - text: "Pass both: `y = a x`, see {ref}`ch-small`"
    correct: true
    why: "Two points fix its slope and its height."
  - text: "Rise"
    why: "It falls where the *second* point lies lower."
  - text: "Start at zero"
    why: "Only if one of the two points is the origin."
```

```{quiz} quiz-small-2
question: What has a setting?
answers:
  - text: "A variable"
    correct: true
    why: "Its name begins with `COMPANION_`."
  - text: "A licence"
    why: "The whole package has one."
  - text: "A default, or a way to work one out"
    correct: true
    why: "So that nothing has to be set."
  - text: "An owner"
    why: "Anybody may set it."
```
"""
_SAME_AGAIN = "".join(
    QUIZ.partition("\n\n")[0].replace("small-1", f"small-{number}") + "\n\n"
    for number in (3, 4)
)

CHAPTER = """\
---
file_format: mystnb
kernelspec: {display_name: Python 3, language: python, name: python3}
---

(ch-small)=
# 9. A small chapter

## Overview

One page with one of everything that a check looks at.

## Objectives

After this chapter you can

- draw a line;
- name a setting.

## Prerequisites

None. It takes about 5 minutes.

## A body

The slope is $a$ in $y = a x$, and {ref}`ch-small` is this page {cite:p}`small2026`.

```{code-cell} ipython3
---
mystnb:
  image:
    alt: A line that rises from the lower left to the upper right
  figure:
    caption: A line.
    name: fig-small-line
---
import matplotlib.pyplot as plt

plt.plot([0, 1], [0, 1]);
```

```{figure} drawing.svg
:alt: One dot in the middle of an empty square
:name: fig-small-dot

A dot, drawn beforehand.
```

## Quiz

QUIZ
## Exercises

{ref}`ex-small-setting` asks for a port.

```{exercise-start} 9.1 A *setting*
:label: ex-small-setting
```
Which port does the model server listen on?
```{exercise-end}
```

```{solution-start} ex-small-setting
:class: dropdown
```
```{code-cell} ipython3
from companion.settings import SETTINGS

SETTINGS["port"].default
```
```{solution-end}
```

## Summary

- A line needs two points.
- A setting has a variable and a default.

## Take it to work

```{admonition} Take it to work
:class: tip
- Look at the settings of your own service.
```

## Further reading

- {cite:t}`small2026`
""".replace("QUIZ\n", f"{QUIZ}\n{_SAME_AGAIN}")

_INDEX = """\
# A small book

It has one chapter, {ref}`ch-small`.

```{bibliography}
```
"""

_TOC = """\
format: jb-book
root: book/index
chapters:
  - file: book/module1/small
"""

_BIBLIOGRAPHY = """\
@book{small2026,
  author = {Small, Ann}, title = {Lines}, publisher = {Own}, year = {2026},
}
"""

_DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="90" height="90">
  <circle cx="4.5" cy="4.5" r="2" fill="#0e6b6d"/>
</svg>
"""


def write_small_book(folder: Path, *, chapter: str = CHAPTER) -> Path:
    """Write the small book into a new folder, perhaps with a broken chapter.

    Configuration, extension and style sheet are the real book's own.
    """
    module = folder / "book" / "module1"
    module.mkdir(parents=True)
    for name in ("_ext", "_static"):
        shutil.copytree(_ROOT / "book" / name, folder / "book" / name)
    shutil.copy(_ROOT / "_config.yml", folder)
    for path, text in {
        folder / "_toc.yml": _TOC,
        folder / "book" / "index.md": _INDEX,
        folder / "book" / "references.bib": _BIBLIOGRAPHY,
        module / "small.md": chapter,
        module / "drawing.svg": _DRAWING,
    }.items():
        path.write_text(text, encoding="utf-8")
    return folder
