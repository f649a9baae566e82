"""Conditions that find a text in columns of the log, alike in SQLite and PostgreSQL.

Both take a regular expression, and one that is made of single characters means the
same to both. A condition with LIKE would not do: SQLite folds the case of ASCII only,
and a column of JSON holds characters beyond ASCII, quotes and line feeds escaped.
"""

import itertools
import json
import string
from collections.abc import Collection, Iterator

from sqlalchemy import Column, ColumnElement, String, cast, or_

from companion.errors import SettingError

__all__ = ["check_wanted", "holds_text", "starts_with"]

_SPACE = r"(?:\s|\\[nrt])+"
# A listing shows an input as name=value, where JSON has "name": "value".
_EQUALS = r'(?:=|": "?)'


def check_wanted(name: str, text: str) -> None:
    """Refuse a text that cannot be looked for."""
    if not text.strip() or "\0" in text:
        raise SettingError(f"{name} must be text to look for, got {text!r:.80}")


def starts_with(column: Column[str], start: str) -> ColumnElement[bool]:
    """Find what starts with a text, whatever its case."""
    return column.istartswith(start, autoescape=True)


def holds_text(columns: Collection[Column[str]], text: str) -> ColumnElement[bool]:
    """Find rows of which one column holds a text, whatever its case and spaces."""
    pattern = _pattern(text)
    return or_(*(cast(one, String).regexp_match(pattern) for one in columns))


def _pattern(text: str) -> str:
    """Write a text as a regular expression of Python and PostgreSQL."""
    return "(?i)" + "".join(_parts(text.strip()))


def _parts(text: str) -> Iterator[str]:
    for is_space, group in itertools.groupby(text, str.isspace):
        if is_space:
            yield _SPACE
            continue
        for character in group:
            yield _EQUALS if character == "=" else _one_of(_forms(character))


def _forms(character: str) -> Iterator[str]:
    """Give the forms of a character: each case, as it is and as JSON escapes it."""
    cases = {character: None}
    if not character.isascii():  # a database may fold the case of ASCII only
        cases |= {character.lower(): None, character.upper(): None}
    for one in cases:
        yield one
        yield json.dumps(one)[1:-1]


def _one_of(forms: Iterator[str]) -> str:
    escaped = [_escape(form) for form in dict.fromkeys(forms)]
    return escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"


def _escape(text: str) -> str:
    # Beyond ASCII nothing has a meaning, and PostgreSQL allows no backslash there.
    return "".join(f"\\{c}" if c in string.punctuation else c for c in text)
