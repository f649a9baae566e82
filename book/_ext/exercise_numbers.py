"""Sphinx extension that shows an exercise by the number that its checker knows.

`{exercise-start} 1.2 Find the leak` is shown, and linked to, as "Exercise 1.2";
sphinx-exercise would count through the book and show a second number. Its
directives are taken over with the title made here.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.directive import ExerciseDirective, ExerciseStartDirective

__all__ = ["NUMBERED_TITLE", "setup"]

# The chapter, or the lab, and the exercise in it: 1.2, lab1.3, lab1b.1.
NUMBERED_TITLE = re.compile(r"((?:lab)?\d+[a-z]?\.\d+)\s+(\S.*)")


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
    app.setup_extension("sphinx_exercise")  # or it would take the names back
    app.add_directive("exercise", _Exercise, override=True)
    app.add_directive("exercise-start", _ExerciseStart, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class _Numbered(ExerciseDirective):
    def run(self) -> list[nodes.Node]:
        title = " ".join(self.arguments)
        match = NUMBERED_TITLE.fullmatch(title)
        if not match:
            raise self.error(
                f"the exercise {title!r} has no number; its title begins with the "
                "one that its check has, as in `1.2 Find the leak`."
            )
        number, text = match.groups()
        self.arguments = [text]
        self.options["nonumber"] = None  # a flag: that it is there counts
        found: list[nodes.Node] = super().run()
        for node in found:
            shown = nodes.inline("", f"Exercise {number}: ")
            shown += node[0][1].children
            node[0].children = []
            node[0] += shown
            # What a reference to it says.
            node["title"] = f"Exercise {number}"
        return found


class _Exercise(_Numbered):
    pass


class _ExerciseStart(_Numbered, ExerciseStartDirective):
    pass
