"""Describes an answer in terms that a reader knows."""

from collections.abc import Mapping
from types import CodeType

__all__ = ["kind", "shown", "unanswered"]

# By name, so that NumPy's own bool is one without importing NumPy.
_KIND_NAMES = {
    "bool": "True or False",
    "dict": "a dictionary",
    "float": "a number",
    "frozenset": "a set",
    "int": "a number",
    "list": "a list",
    "set": "a set",
    "str": "text",
    "tuple": "a tuple",
}
_MAX_LENGTH = 60


def kind(value: object) -> str:
    """Name the kind of a value in terms that a reader knows.

    Parameters
    ----------
    value : object
        What was handed in.

    Returns
    -------
    str
        The kind with its article, to follow "Your answer is".

    Examples
    --------
    >>> kind([1, 2]), kind(True), kind("0.3")
    ('a list', 'True or False', 'text')
    """
    if callable(value) and not isinstance(value, type):
        return "a function"
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return _KIND_NAMES.get(name, f"{article} {name}")


def shown(value: object) -> str:
    """Show a value within a sentence.

    Parameters
    ----------
    value : object
        What was handed in.

    Returns
    -------
    str
        Its `repr` on one line, cut where it is longer than 60 characters.

    Examples
    --------
    >>> shown("fog")
    "'fog'"
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def unanswered(value: object) -> bool:
    """Tell whether an answer still is, or still holds, the `...` of its stub.

    True for `None` and `...`, for a list, tuple or dictionary with `...` in it, and for
    a function without a body.
    """
    if value is None or value is ... or _is_empty_function(value):
        return True
    if isinstance(value, Mapping):
        return any(one is ... for one in value.values())
    if isinstance(value, list | tuple):
        return any(one is ... for one in value)
    return False


def _stub() -> None: ...


def _is_empty_function(value: object) -> bool:
    # A function whose body still is `...`, below a docstring or not.
    code = getattr(value, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    # Every other byte is an instruction; the byte after it is its argument, which
    # a docstring changes.
    body = (code.co_names, code.co_consts[-1:], code.co_code[::2])
    empty = _stub.__code__
    return body == (empty.co_names, empty.co_consts[-1:], empty.co_code[::2])
