"""The versions of the prompt that asks a language model for the briefing."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from companion.errors import SettingError
from companion.terrace.briefing.facts import BriefingFacts, date_text

__all__ = ["BRIEFING_SCHEMA", "BRIEFING_VERSIONS", "briefing_prompt", "facts_text"]

_TASK = "Write the briefing for the staff."
_ROLE = "You are the assistant of a café in Seattle."
_CONTEXT = (
    "The staff read the briefing in the evening, on a phone, "
    "to know whether to set up the terrace tomorrow."
)
_FORMAT = (
    "Write one line: the date, whether the terrace goes out or stays in tomorrow, "
    "the probability of rain and today's maximum temperature. "
    "Use only the facts given."
)

# What each version adds to the one before it.
BRIEFING_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "briefing-v1": "task",
        "briefing-v2": "role and context",
        "briefing-v3": "format",
        "briefing-v4": "examples",
        "briefing-v5": "facts in the words of the answer",
    }
)

# What `briefing_prompt` is asked for when a program must read the answer.
BRIEFING_SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "date": {"type": "string"},
            "terrace": {"enum": ["in", "out"]},
            "rain_percent": {"type": "integer"},
            "temp_max_c": {"type": "number"},
        },
        "required": ["date", "terrace", "rain_percent", "temp_max_c"],
        "additionalProperties": False,
    }
)

# Real evenings of 2013 with the probabilities of Lab 1's model. The lab judges
# on 2014: an example from there could be the answer that is asked for.
_EXAMPLES = (
    BriefingFacts(
        evening=dt.date(2013, 3, 4),
        rain_probability=0.25,
        temp_max_c=13.3,
        terrace="out",
    ),
    BriefingFacts(
        evening=dt.date(2013, 9, 27),
        rain_probability=0.56,
        temp_max_c=13.9,
        terrace="in",
    ),
    BriefingFacts(
        evening=dt.date(2013, 6, 15),
        rain_probability=0.09,
        temp_max_c=25.6,
        terrace="out",
    ),
)

_IN_WORDS = {"in": "stays in", "out": "goes out"}


def facts_text(facts: BriefingFacts, *, in_words: bool = False) -> str:
    """Write the facts as lines for a prompt.

    Parameters
    ----------
    facts : BriefingFacts
        The facts of one evening.
    in_words : bool, default=False
        Give the decision as the briefing has to say it, "goes out" or "stays
        in", instead of "out" or "in".

    Returns
    -------
    str
        Four lines without a newline at the end.

    Examples
    --------
    >>> facts = BriefingFacts(
    ...     evening=dt.date(2014, 1, 2),
    ...     rain_probability=0.57,
    ...     temp_max_c=7.2,
    ...     terrace="in",
    ... )
    >>> print(facts_text(facts))
    Date: 2 January 2014
    Terrace tomorrow: in
    Probability of rain tomorrow: 57 %
    Maximum temperature today: 7.2 °C
    """
    decision = _IN_WORDS[facts.terrace] if in_words else facts.terrace
    return (
        f"Date: {date_text(facts.evening)}\n"
        f"Terrace tomorrow: {decision}\n"
        f"Probability of rain tomorrow: {facts.rain_percent} %\n"
        f"Maximum temperature today: {facts.temp_max_c} °C"
    )


def briefing_prompt(
    facts: BriefingFacts,
    *,
    version: str = "briefing-v5",
    n_examples: int | None = None,
) -> list[dict[str, str]]:
    """Make the messages that ask for one evening's briefing.

    Parameters
    ----------
    facts : BriefingFacts
        What the briefing has to say.
    version : str, default="briefing-v5"
        One of `BRIEFING_VERSIONS`, which says what each adds to the one before.
    n_examples : int, optional
        How many of the three examples are shown, from 0 to 3. By default none
        up to "briefing-v3" and all three from "briefing-v4" on.

    Returns
    -------
    list of dict
        Messages with `role` and `content`, as chat models take them.

    Raises
    ------
    SettingError
        If there is no such version, or not that many examples.

    Examples
    --------
    >>> facts = BriefingFacts(
    ...     evening=dt.date(2014, 1, 2),
    ...     rain_probability=0.57,
    ...     temp_max_c=7.2,
    ...     terrace="in",
    ... )
    >>> [message["role"] for message in briefing_prompt(facts, version="briefing-v2")]
    ['system', 'user']
    >>> len(briefing_prompt(facts))
    8
    """
    if version not in BRIEFING_VERSIONS:
        raise SettingError(
            f"there is no prompt version {version!r}; "
            f"there are {', '.join(BRIEFING_VERSIONS)}."
        )
    step = list(BRIEFING_VERSIONS).index(version) + 1
    if n_examples is None:
        n_examples = len(_EXAMPLES) if step >= 4 else 0
    if not 0 <= n_examples <= len(_EXAMPLES):
        raise SettingError(
            f"n_examples is {n_examples!r}; expected 0 to {len(_EXAMPLES)}."
        )

    in_words = step >= 5
    question = facts_text(facts, in_words=in_words)
    if step == 1:
        return [_message("user", f"{_TASK}\n\n{question}")]
    if step == 2:
        return [
            _message("system", f"{_ROLE} {_CONTEXT}"),
            _message("user", f"{_TASK}\n\n{question}"),
        ]
    messages = [_message("system", f"{_ROLE} {_TASK} {_CONTEXT} {_FORMAT}")]
    for example in _EXAMPLES[:n_examples]:
        messages.append(_message("user", facts_text(example, in_words=in_words)))
        messages.append(_message("assistant", _briefing(example)))
    return [*messages, _message("user", question)]


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _briefing(facts: BriefingFacts) -> str:
    return (
        f"{date_text(facts.evening)}: tomorrow the terrace {_IN_WORDS[facts.terrace]}. "
        f"Rain {facts.rain_percent} %, today's maximum {facts.temp_max_c} °C."
    )
