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
    r"\bterrace\b(?::? \w+){0,2}?:? (in|inside|indoors|out|outside|outdoors)\b",
    re.IGNORECASE,
)
_FACTS = (_DAY, _PERCENT, _CELSIUS, _DECISION)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")  # with its apostrophe

# A clause ends at a mark before a blank, at the colon after a date that heads the
# line, at a dash, at the words that join two facts, and before "today's maximum".
_SENTENCE_END = re.compile(r"\.(?=\s|$)|\n")
_CLAUSE_END = re.compile(
    r"[,;]\s|(?<=\d{4}):|\s[-\u2013\u2014]\s|\b(?:and|with)\b"
    r"|(?=\btoday['\u2019]s (?:maximum|highest|temperature)\b)",
    re.IGNORECASE,
)
_DAY_WORDS = {"today": "today", "today's": "today", "tomorrow": "tomorrow"}

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
    rain and the temperature, and to say nothing else. The decision has to be
    said of tomorrow, in its own clause, and of no other day: neither of today
    nor of the date, which is that of the evening. The date and the temperature
    must not be said of tomorrow, nor the rain of today.

    The check reads numbers and words, not meaning. Right words in a senseless
    order pass, and so do labels that changed places, as in "rain 7.2 °C,
    maximum 57 %". A day carries over to no other clause: "tomorrow: rain 57 %,
    terrace in" is refused, though a person understands it.

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
    >>> good = "2 January 2014: terrace in tomorrow. Rain 57 %, maximum 7.2 °C."
    >>> check_briefing(good, facts)
    ()
    >>> check_briefing(good.replace("terrace in", "terrace out"), facts)
    ("decision: it says 'out', the fact is 'in'",)
    >>> check_briefing(good.replace("tomorrow", "today"), facts)
    ("day of the decision: it says 'today', the fact is 'tomorrow'",)
    """
    return tuple(_complaints(text.strip(), facts))


def _complaints(text: str, facts: BriefingFacts) -> Iterator[str]:
    if "\n" in text:
        yield f"form: {len(text.splitlines())} lines, one was asked for"

    said = {_in_or_out(word) for word in _DECISION.findall(text)}
    yield from _compare("decision", said, facts.terrace)
    yield from _compare("date", _dates(text), date_text(facts.evening))
    rest = _DAY.sub(" ", text)
    percents = {float(number) for number in _PERCENT.findall(rest)}
    yield from _compare("rain in %", percents, float(facts.rain_percent))
    rest = _PERCENT.sub(" ", rest)
    degrees = {float(number) for number in _CELSIUS.findall(rest)}
    yield from _compare("maximum in °C", degrees, float(facts.temp_max_c))
    rest = _CELSIUS.sub(" ", rest)

    yield from _wrong_days(text)

    numbers = _NUMBER.findall(rest)
    if numbers:
        yield f"invented: no fact has the number {numbers[0]}"
    words = [word for word in _WORD.findall(rest) if _plain(word) not in _KNOWN_WORDS]
    if words:
        yield f"invented: no fact has the word {words[0]!r}"


def _wrong_days(text: str) -> Iterator[str]:
    clauses = list(_clauses(text))
    if _DECISION.search(text):
        days = _days_beside(_DECISION, clauses)
        days |= {day for one in clauses if _DECISION.search(one) for day in _dates(one)}
        yield from _compare("day of the decision", days, "tomorrow")
    for name, fact, day, other in (
        ("date", _DAY, "today", "tomorrow"),
        ("rain", _PERCENT, "tomorrow", "today"),
        ("maximum", _CELSIUS, "today", "tomorrow"),
    ):
        if other in _days_beside(fact, clauses):
            yield f"day of the {name}: it says {other!r}, the fact is {day!r}"


def _clauses(text: str) -> Iterator[str]:
    """Split a text so that each fact stands with the day that it is said of."""
    for sentence in _SENTENCE_END.split(text):
        opening = ""
        for part in _CLAUSE_END.split(sentence):
            clause = f"{opening} {part}"
            if any(fact.search(clause) for fact in _FACTS):
                yield clause
                opening = ""
            else:  # as in "Tomorrow, the terrace ..."
                opening = clause


def _days_beside(fact: re.Pattern[str], clauses: list[str]) -> set[str]:
    words = {
        word
        for clause in clauses
        if fact.search(clause)
        for word in map(_plain, _WORD.findall(clause))
    }
    return {_DAY_WORDS[word] for word in words & _DAY_WORDS.keys()}


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


def _dates(text: str) -> set[str]:
    return {f"{int(day)} {month} {year}" for day, month, year in _DAY.findall(text)}


def _plain(word: str) -> str:
    return word.lower().replace("\u2019", "'")


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
