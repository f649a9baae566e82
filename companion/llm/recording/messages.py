"""Prompts of any origin as plain messages that the log can keep.

A prompt is a text, or messages as dicts, as objects of the `openai` client or
of LangChain. None of these libraries is imported: objects are recognised by their
attributes. Any prompt gives something readable, so that no call is lost over it.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["plain_messages", "plain_text"]

# LangChain's name of a role -> the one of the OpenAI protocol.
_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
# Deeper than any message, and less than what the log refuses.
_MAX_DEPTH = 20


def plain_messages(prompt: object) -> list[dict[str, Any]]:
    """Return a prompt, a text, one message or several, as messages of plain values.

    Each has ``role`` and ``content``, and what else the message says: ``name``,
    ``tool_calls``, ``tool_call_id``. A text is one message of the user.

    Examples
    --------
    >>> plain_messages("Will it rain?")
    [{'role': 'user', 'content': 'Will it rain?'}]
    """
    if isinstance(prompt, str | Mapping) or not isinstance(prompt, Iterable):
        return [_plain_message(prompt)]
    if hasattr(prompt, "content"):
        return [_plain_message(prompt)]  # a pydantic message can be iterated over
    return [_plain_message(message) for message in prompt]


def plain_text(content: object) -> str:
    """Return the texts of a content in their order.

    It is a text, or a list of texts and parts such as ``{"type": "text", ...}``; parts
    of another kind have no text.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    return "".join(map(_part_text, content))


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and isinstance(text := part.get("text"), str):
        return text
    return ""


def _plain_message(message: object) -> dict[str, Any]:
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, Mapping):
        plain = _plain_dict(message, 0)
        return {"role": "user", "content": None, **plain}
    if isinstance(message, tuple) and len(message) == 2:  # LangChain's short form
        role, content = message
        return {"role": _role(str(role)), "content": _plain(content, 0)}
    if hasattr(message, "type") and hasattr(message, "content"):
        return _from_langchain(message)
    if hasattr(message, "model_dump"):
        return _plain_message(message.model_dump(exclude_none=True))
    return {"role": "user", "content": _plain(message, 0)}


def _from_langchain(message: Any) -> dict[str, Any]:
    # A ChatMessage has a role of its own; the type of all others gives it.
    role = getattr(message, "role", None) or _role(str(message.type))
    plain = {"role": role, "content": _plain(message.content, 0)}
    for name in ("name", "tool_calls", "tool_call_id"):
        if value := getattr(message, name, None):
            plain[name] = _plain(value, 0)
    return plain


def _role(name: str) -> str:
    return _ROLES.get(name, name)


def _plain(value: object, depth: int) -> Any:
    if isinstance(value, str | bool) or value is None:
        return value
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _plain_dict(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(exclude_none=True), depth + 1)
    return _plain_single(value)


def _plain_single(value: object) -> Any:
    if isinstance(value, float | int):
        # JSON has no NaN, and a float holds no whole number of a thousand bits.
        return value if abs(value) < math.inf else str(value)
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return str(value)


def _plain_dict(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {str(key): _plain(inner, depth + 1) for key, inner in value.items()}
