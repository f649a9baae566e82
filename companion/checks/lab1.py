"""Checkers of Lab 1."""

from collections.abc import Callable, Mapping
from typing import Any

from companion.checks import Verdict

__all__ = ["CHECKERS"]

CHECKERS: Mapping[str, Callable[[Any], Verdict]] = {}
