"""Sphinx extension that shows an exercise by the number that its checker knows.

`{exercise-start} 1.2 Find the leak` is shown, and linked to, as "Exercise 1.2";
sphinx-exercise would count through the book and show a second number. Its
directives are taken over with the title made here, and each solution says
whose it is.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx_exercise.directive import (
    ExerciseDirective,
    ExerciseStartDirective,
    SolutionDirective,
    SolutionStartDirective,
)

__all__ = ["setup"]

# The chapter, or the lab, and the exercise in it: 1.2, lab1.3, lab1b.1.
_TITLE = re.compile(r"((?:lab)?\d+[a-z]?\.\d+)\s+(\S.*)")

_logger = logging.getLogger(__name__)


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
    for directive in (_Exercise, _ExerciseStart, _Solution, _SolutionStart):
        app.add_directive(directive.name, directive, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


class _Numbered(ExerciseDirective):
    def run(self) -> list[nodes.Node]:
        title = " ".join(self.arguments)
        match = _TITLE.fullmatch(title)
        if not match:
            # A warning, for without its start sphinx-exercise gives up altogether.
            _logger.warning(
                "the exercise %r has no number; its title begins with the one that "
                "its check has, as in `1.2 Find the leak`.",
                title,
                location=self.get_location(),
            )
            return super().run()
        number, text = match.groups()
        self.arguments = [text]
        self.options["nonumber"] = None  # a flag: that it is there counts
        found: list[nodes.Node] = super().run()
        for node in found:
            shown = nodes.inline("", f"Exercise {number}: ")
            shown += node[0][1].children
            node[0].children = []
            node[0] += shown
            # What a reference to it says, and its solution.
            node["title"] = f"Exercise {number}"
            self.env.sphinx_exercise_registry[node["label"]]["number"] = number
        return found


class _Exercise(_Numbered):
    pass


class _ExerciseStart(_Numbered, ExerciseStartDirective):
    pass


class _Named(SolutionDirective):
    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = super().run()
        for node in found:
            exercise = self.env.sphinx_exercise_registry.get(node["target_label"], {})
            if "number" in exercise:
                node["title"] = f"Solution of exercise {exercise['number']}"
        return found


class _Solution(_Named):
    pass


class _SolutionStart(_Named, SolutionStartDirective):
    pass
