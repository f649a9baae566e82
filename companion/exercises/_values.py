"""Checks an answer that is a number, a choice or a set of names."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real

from companion.exercises._kinds import kind, shown
from companion.exercises._verdict import Verdict, not_yet, right

__all__ = ["check_choice", "check_names", "check_number"]


def check_number(
    answer: object,
    expected: float,
    *,
    hint: str,
    tolerance: float = 0.01,
    unit: str = "",
    slips: Iterable[tuple[float, str]] = (),
    remark: str = "",
) -> Verdict:
    """Check a number, and recognise the usual ways to miss it.

    Text, lists, tables and gaps get a hint of their own; so do percent in place
    of a share, and a wrong sign.

    Parameters
    ----------
    answer : object
        What the reader found: any number, NumPy's and pandas' scalars included.
    expected : float
        The right value, finite.
    hint : str
        What to look at when nothing better is known, in whole sentences.
    tolerance : float, default=0.01
        How far off a right answer may be, as a share of `expected`; where
        `expected` is 0, in its own unit. 0 asks for the exact number.
    unit : str, default=""
        What the number counts, such as "EUR a day".
    slips : iterable of (float, str), optional
        Wrong values that a known mistake leads to, each with its hint. They
        are tried first to last, after the right value.
    remark : str, default=""
        What to notice about the right answer.

    Returns
    -------
    Verdict
        Whether the number is right, or the hint that fits.

    Examples
    --------
    >>> check_number(42, 0.42, hint="Count again.")
    Not yet. 42 is a hundred times too large. Give a share between 0 and 1, not percent.
    """
    in_unit = f" in {unit}" if unit else ""
    value = _as_number(answer)
    if value is None:
        return not_yet(_not_a_number(answer, in_unit))
    if not math.isfinite(value):
        return not_yet(
            f"Your answer is {value}, which is not a finite number. "
            "Look for a gap in the data, or a division by zero."
        )
    if _close(value, expected, tolerance):
        return right(remark)
    known = [why for wrong, why in slips if _close(value, wrong, tolerance)]
    if known:
        return not_yet(known[0])
    return not_yet(_why_wrong(value, expected, tolerance, hint))


def _why_wrong(value: float, expected: float, tolerance: float, hint: str) -> str:
    if expected and _close(value, 100 * expected, tolerance):
        ask = "Give a share between 0 and 1, not percent."
        ask = ask if abs(expected) <= 1 else f"Which unit is it in? {hint}"
        return f"{value:g} is a hundred times too large. {ask}"
    if expected and _close(value, expected / 100, tolerance):
        ask = f"Is it a share where percent is asked for? {hint}"
        return f"{value:g} is a hundred times too small. {ask}"
    if expected and _close(value, -expected, tolerance):
        ask = "Which of the two is taken away from the other?"
        return f"{value:g} has the right size and the wrong sign. {ask}"
    return f"{value:g} is too {'low' if value < expected else 'high'}. {hint}"


def _as_number(answer: object) -> float | None:
    if kind(answer) == "True or False":
        return None  # a bool would pass for 0 or 1
    if getattr(answer, "shape", None) == () and hasattr(answer, "item"):
        answer = answer.item()  # NumPy's scalars and arrays without dimension
    return float(answer) if isinstance(answer, Real) else None


def _not_a_number(answer: object, in_unit: str) -> str:
    expected = f"a number{in_unit} is expected"
    if isinstance(answer, str):
        return f"Your answer is text, {shown(answer)}; {expected}, without quotes."
    if getattr(answer, "ndim", 0) and getattr(answer, "size", 0) == 1:
        return (
            f"Your answer is {kind(answer)} with one value in it; {expected}. "
            "Take the value out with `.item()`."
        )
    if callable(answer):
        return f"Your answer is {kind(answer)}; {expected}. Call it, with ()."
    return (
        f"Your answer is {kind(answer)}; {expected}. "
        "Which one value of it answers the question?"
    )


def _close(value: float, target: float, tolerance: float) -> bool:
    scale = abs(target) or 1.0
    # The smallest margin is for sums that add up in another order.
    return abs(value - target) <= max(tolerance, 1e-9) * scale


def check_choice(
    answer: object,
    expected: str,
    *,
    hints: Mapping[str, str],
    remark: str = "",
) -> Verdict:
    """Check a choice among several words.

    Parameters
    ----------
    answer : object
        What the reader chose; case and spaces around it do not count.
    expected : str
        The right word.
    hints : mapping of str to str
        Every other word that can be chosen, with what to look at if it is.
    remark : str, default=""
        What to notice about the right answer.

    Returns
    -------
    Verdict
        Whether the choice is right, or the hint that belongs to it.

    Examples
    --------
    >>> check_choice("day", "month", hints={"day": "Are there 30 groups, or 12?"})
    Not yet. Are there 30 groups, or 12?
    """
    choices = ", ".join(f'"{word}"' for word in sorted([expected, *hints]))
    if not isinstance(answer, str):
        return not_yet(f"Your answer is {kind(answer)}; choose one of {choices}.")
    word = _folded(answer)
    if word == _folded(expected):
        return right(remark)
    for other, hint in hints.items():
        if word == _folded(other):
            return not_yet(hint)
    return not_yet(f"{shown(answer)} is none of the choices: {choices}.")


def check_names(
    answer: object,
    expected: Iterable[str],
    *,
    hint: str,
    extra: Mapping[str, str] | None = None,
    remark: str = "",
) -> Verdict:
    """Check a set of names; order, case and repetition do not count.

    Parameters
    ----------
    answer : object
        A list, set, Series or Index of text; a single name may stand alone.
    expected : iterable of str
        All the right names.
    hint : str
        What to look at when names are missing, in whole sentences.
    extra : mapping of str to str, optional
        Names that are likely to be given by mistake, each with its reason why
        it does not belong.
    remark : str, default=""
        What to notice about the right answer.

    Returns
    -------
    Verdict
        Whether the names are right; otherwise the first that does not belong,
        or how many are missing.

    Examples
    --------
    >>> check_names(["fog"], ["fog", "sun"], hint="Which class grows with it?")
    Not yet. So far so good, but 1 name is missing. Which class grows with it?
    """
    names = _as_names(answer)
    if names is None:
        return not_yet(
            f"Your answer is {kind(answer)}; a list of names is expected, "
            'such as ["one", "another"].'
        )
    wanted = {_folded(name) for name in expected}
    reasons = {_folded(name): why for name, why in (extra or {}).items()}
    for name in names:
        if _folded(name) not in wanted:
            why = reasons.get(_folded(name), hint)
            return not_yet(f"{shown(name)} does not belong. {why}")
    missing = len(wanted - {_folded(name) for name in names})
    if missing:
        start = "So far so good, but" if names else "Your list is empty:"
        count = "1 name is" if missing == 1 else f"{missing} names are"
        return not_yet(f"{start} {count} missing. {hint}")
    return right(remark)


def _as_names(answer: object) -> Sequence[str] | None:
    if isinstance(answer, str):
        return [answer]
    # Not a mapping and not a table: iterating those gives keys and columns.
    if isinstance(answer, Mapping) or getattr(answer, "ndim", 1) != 1:
        return None
    if not isinstance(answer, Iterable):
        return None
    names = list(answer)
    return names if all(isinstance(name, str) for name in names) else None


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
