"""Checkers of chapter 5, on observability."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.checks import Verdict

__all__ = ["CHECKERS"]

CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {}
