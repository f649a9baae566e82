"""Checkers of chapter 4, on APIs and prompts."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.checks import Verdict

__all__ = ["CHECKERS"]

CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {}
