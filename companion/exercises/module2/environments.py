"""Checkers of chapter 6, on reproducible environments."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.exercises import Example, Verdict, check_function, check_names

__all__ = ["CHECKERS"]

# The file of exercise 6.1.
_REQUIREMENTS = (
    "pandas==3.1.1",
    "numpy>=2.3",
    "scikit-learn~=1.9.0",
    "mlflow==3.17.*",
    "requests",
    "pytz==2026.6",
)


def _may_differ(answer: object) -> Verdict:
    from packaging.requirements import Requirement

    asked = [Requirement(line) for line in _REQUIREMENTS]
    fixed = {one.name for one in asked if _is_exact(str(one.specifier))}
    return check_names(
        answer,
        {one.name for one in asked} - fixed,
        hint=(
            "Ask of each line: next year, could another version be installed that "
            "still fits it? Look at the operator, and for a star."
        ),
        extra=dict.fromkeys(
            fixed, "`==` with a whole version allows this one version only."
        ),
        remark="What these packages need in turn is not in the file, so it may differ.",
    )


def _is_exact(specifier: str) -> bool:
    return specifier.startswith("==") and not specifier.endswith(".*")


def _differences(answer: object) -> Verdict:
    return check_function(
        answer,
        [
            Example(
                args=({"astral": "2.2"}, {"astral": "3.2"}),
                returns=_pairs({"astral": ("2.2", "3.2")}),
                hint=(
                    "A dictionary is expected with the entry 'astral': mine first, "
                    "then theirs, as a pair."
                ),
            ),
            Example(
                args=(
                    {"pip": "25.3", "astral": "2.2"},
                    {"astral": "2.2", "pip": "25.3"},
                ),
                returns=_pairs({}),
                hint="Packages that are the same are left out, in whatever order.",
            ),
            Example(
                args=({"astral": "2.2", "pytz": "2026.6"}, {"astral": "3.2"}),
                returns=_pairs({"astral": ("2.2", "3.2"), "pytz": ("2026.6", None)}),
                hint="pytz is missing in theirs, so its pair ends with None.",
            ),
            Example(
                args=({}, {"tzdata": "2026.2"}),
                returns=_pairs({"tzdata": (None, "2026.2")}),
                hint="A package that only they have differs too: go through both.",
            ),
        ],
        remark="Run it on training and service before you look for a bug in the model.",
    )


def _pairs(expected: Mapping[str, tuple[str | None, str | None]]) -> object:
    """Return a test of a result, in which a list is as good as a tuple."""

    def fits(result: object) -> bool:
        if not isinstance(result, Mapping):
            return False
        found = {
            name: tuple(pair) if isinstance(pair, list) else pair
            for name, pair in result.items()
        }
        return found == expected

    return fits


CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {
    "6.1": _may_differ,
    "6.2": _differences,
}
