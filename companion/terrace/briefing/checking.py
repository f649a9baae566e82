"""Checks that a briefing gives all its facts, gives them right and adds none."""

import json
import re
from collections.abc import Iterator, Set

from companion.terrace.briefing.facts import MONTHS, BriefingFacts, date_text

__all__ = ["check_briefing", "check_briefing_json"]

_DAY = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})\b")
_PERCENT = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:%|percent\b)")
_CELSIUS = re.compile(r"(-?\d+(?:\.\d+)?)\s*°\s*C\b")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_DECISION = re.compile(
    r"\bterrace\b(?: \w+){0,2}?:? (in|inside|indoors|out|outside|outdoors)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")  # with its apostrophe

# Words that state the facts or join them; any other word is an invention. A false
# alarm costs a look at one line, a missed invention costs trust, so the list is
# short. Without "not", or "the terrace does not go out" would pass for "out".
_KNOWN_WORDS = frozenset(
    """
    a and at be c chance date for going goes highest in indoors inside is it maximum
    of on out outdoors outside percent probability rain raining reached stay staying
    stays temperature terrace that the there today today's tomorrow was will with
    """.split()  # noqa: SIM905 - forty words are easier to read as text
)


def check_briefing(text: str, facts: BriefingFacts) -> tuple[str, ...]:
    """List what is wrong with a briefing in words.

    It has to be one line, to give the date, the decision, the probability of
    rain and the temperature, and to say nothing else. The check reads numbers
    and words, not meaning: a sentence that puts the right words in a senseless
    order passes.

    Parameters
    ----------
    text : str
        What the language model wrote.
    facts : BriefingFacts
        What it was given.

    Returns
    -------
    tuple of str
        One sentence for each complaint; empty if the briefing is right.

    Examples
    --------
    >>> import datetime as dt
    >>> facts = BriefingFacts(
    ...     evening=dt.date(2014, 1, 2),
    ...     rain_probability=0.57,
    ...     temp_max_c=7.2,
    ...     terrace="in",
    ... )
    >>> good = "2 January 2014: the terrace stays in. Rain 57 %, maximum 7.2 °C."
    >>> check_briefing(good, facts)
    ()
    >>> check_briefing(good.replace("stays in", "goes out"), facts)
    ("decision: it says 'out', the fact is 'in'",)
    """
    return tuple(_complaints(text.strip(), facts))


def _complaints(text: str, facts: BriefingFacts) -> Iterator[str]:
    if "\n" in text:
        yield f"form: {len(text.splitlines())} lines, one was asked for"

    said = {_in_or_out(word) for word in _DECISION.findall(text)}
    yield from _compare("decision", said, facts.terrace)
    days = {f"{int(day)} {month} {year}" for day, month, year in _DAY.findall(text)}
    yield from _compare("date", days, date_text(facts.evening))
    rest = _DAY.sub(" ", text)
    percents = {float(number) for number in _PERCENT.findall(rest)}
    yield from _compare("rain in %", percents, float(facts.rain_percent))
    rest = _PERCENT.sub(" ", rest)
    degrees = {float(number) for number in _CELSIUS.findall(rest)}
    yield from _compare("maximum in °C", degrees, float(facts.temp_max_c))
    rest = _CELSIUS.sub(" ", rest)

    numbers = _NUMBER.findall(rest)
    if numbers:
        yield f"invented: no fact has the number {numbers[0]}"
    words = [word for word in _WORD.findall(rest) if not _is_known(word)]
    if words:
        yield f"invented: no fact has the word {words[0]!r}"


def _compare(name: str, said: Set[object], fact: object) -> Iterator[str]:
    if not said:
        yield f"{name}: not said"
    elif said != {fact}:
        wrong = " and ".join(_shown(value) for value in sorted(said, key=str))
        yield f"{name}: it says {wrong}, the fact is {_shown(fact)}"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _in_or_out(word: str) -> str:
    return "in" if word.lower().startswith("in") else "out"


def _is_known(word: str) -> bool:
    return word.lower().replace("\u2019", "'") in _KNOWN_WORDS


def check_briefing_json(text: str, facts: BriefingFacts) -> tuple[str, ...]:
    """List what is wrong with a briefing in JSON.

    Parameters
    ----------
    text : str
        What the language model wrote, asked for `BRIEFING_SCHEMA`.
    facts : BriefingFacts
        What it was given.

    Returns
    -------
    tuple of str
        One sentence for each complaint; empty if the briefing is right.

    Examples
    --------
    >>> import datetime as dt
    >>> facts = BriefingFacts(
    ...     evening=dt.date(2014, 1, 2),
    ...     rain_probability=0.57,
    ...     temp_max_c=7.2,
    ...     terrace="in",
    ... )
    >>> check_briefing_json('{"date": "2 January 2014", "terrace": "in"', facts)
    ('form: not JSON',)
    """
    try:
        said = json.loads(text)
    except ValueError:
        return ("form: not JSON",)
    expected = {
        "date": date_text(facts.evening),
        "terrace": facts.terrace,
        "rain_percent": facts.rain_percent,
        "temp_max_c": float(facts.temp_max_c),
    }
    if not isinstance(said, dict) or said.keys() != expected.keys():
        return (f"form: expected an object with {', '.join(expected)}",)
    return tuple(
        f"{name}: it says {said[name]!r}, the fact is {fact!r}"
        for name, fact in expected.items()
        if said[name] != fact
    )
