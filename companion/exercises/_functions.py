"""Checks an answer that is a function, by running it on examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from companion.exercises._kinds import kind, shown
from companion.exercises._values import check_number
from companion.exercises._verdict import Verdict, not_yet, right

__all__ = ["Example", "check_function"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One call of a reader's function, and its expected result.

    Attributes
    ----------
    args : tuple
        Positional arguments of the call.
    options : mapping of str to object
        Keyword arguments of the call.
    returns : object
        What it should return. A float may be off by a thousandth of itself. A
        function gets the result and returns whether it is right.
    raises : type of Exception, optional
        What it should raise instead of returning.
    hint : str
        What to look at when it does not.
    """

    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    returns: object = None
    raises: type[Exception] | None = None
    hint: str


def check_function(
    answer: object, examples: Sequence[Example], *, remark: str = ""
) -> Verdict:
    """Check a function by calling it.

    Parameters
    ----------
    answer : object
        The reader's function, not its result.
    examples : sequence of Example
        The calls, simplest first; the first that fails is reported.
    remark : str, default=""
        What to notice about a right answer.

    Returns
    -------
    Verdict
        Whether all examples come out right, or the call that did not and what
        to look at.

    Examples
    --------
    >>> def double(number):
    ...     return number + 2
    >>> check_function(double, [Example(args=(3,), returns=6, hint="Try 3.")])
    Not yet. double(3) returned 5. Try 3.
    """
    if not callable(answer):
        return not_yet(
            f"Your answer is {kind(answer)}; a function is expected. "
            "Hand it over by its name, without ()."
        )
    for example in examples:
        complaint = _complaint(answer, example)
        if complaint:
            return not_yet(complaint)
    return right(remark)


def _complaint(function: Callable[..., Any], example: Example) -> str:
    call = _call_text(function, example)
    try:
        result = function(*example.args, **example.options)
    except Exception as err:  # noqa: BLE001 - the reader's function may raise anything
        if example.raises and isinstance(err, example.raises):
            return ""
        return f"{call} raised {type(err).__name__}: {err}. {example.hint}"
    if example.raises:
        wanted = example.raises.__name__
        return f"{call} returned {shown(result)}, but should raise {wanted}. " + (
            example.hint
        )
    if _as_expected(result, example.returns):
        return ""
    if result is None:
        return (
            f"{call} returned None. Is there a `return`, also at the end? "
            f"{example.hint}"
        )
    return f"{call} returned {shown(result)}. {example.hint}"


def _as_expected(result: object, expected: object) -> bool:
    if callable(expected):
        return bool(expected(result))
    if isinstance(expected, float):
        return check_number(result, expected, hint="-", tolerance=0.001).passed
    return type(result) is type(expected) and result == expected


def _call_text(function: Callable[..., Any], example: Example) -> str:
    arguments = [shown(value) for value in example.args]
    arguments += [f"{name}={shown(value)}" for name, value in example.options.items()]
    return f"{getattr(function, '__name__', 'your function')}({', '.join(arguments)})"
