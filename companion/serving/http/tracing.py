"""The caller's trace: W3C's `traceparent`, read and kept.

The server makes no spans of its own, so it begins no trace where the caller has none,
and sends none back: the recommendation has a header for requests only.

References
----------
W3C, "Trace Context", Recommendation, 23 November 2021, section 3.2.
"""

import re

__all__ = ["read_trace_id"]

# Version 00 ends after the flags; a later one may go on after a dash.
_TRACEPARENT = re.compile(
    r"(?:00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}"
    r"|(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?)"
)


def read_trace_id(traceparent: str) -> str | None:
    """Read the trace id out of the header `traceparent`.

    None if the header is invalid: the standard says to ignore it then.
    """
    found = _TRACEPARENT.fullmatch(traceparent.strip(" \t"))
    if found is None:
        return None
    trace_id = found[1] or found[3]
    parent_id = found[2] or found[4]
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return trace_id
