"""Checkers of chapter 2, on CI/CD for machine learning."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.checks import Verdict

__all__ = ["CHECKERS"]

CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {}
