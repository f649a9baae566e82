"""The staff briefing: its facts, the versions of its prompt and a check.

The classic model decides whether the terrace goes out; the language model only
puts that decision into words. Pure functions: nothing here calls a model.
Introduced in chapter 4 and used again wherever prompts are compared.

::

    facts = BriefingFacts(
        evening=dt.date(2014, 1, 2), rain_probability=0.57,
        temp_max_c=7.2, terrace="in",
    )
    briefing_prompt(facts, version="briefing-v5")  # messages for any chat model
    check_briefing(answer, facts)  # () if all is right, else complaints
"""

from companion.terrace.briefing.checking import check_briefing, check_briefing_json
from companion.terrace.briefing.facts import BriefingFacts, date_text
from companion.terrace.briefing.prompts import (
    BRIEFING_SCHEMA,
    BRIEFING_VERSIONS,
    briefing_prompt,
    facts_text,
)

__all__ = [
    "BRIEFING_SCHEMA",
    "BRIEFING_VERSIONS",
    "BriefingFacts",
    "briefing_prompt",
    "check_briefing",
    "check_briefing_json",
    "date_text",
    "facts_text",
]
