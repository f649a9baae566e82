"""The record of one call to a language model.

What a model reads and writes may be of any length and hold any character. The
two that databases refuse, NUL and lone surrogates, are replaced by visible
ones, so that no call is lost over them.

Unknown is not zero: a count that was not reported is None, here and in the table.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from companion.errors import SettingError
from companion.store.records.fields import (
    Record,
    check_json,
    check_text,
)

__all__ = ["OUTCOMES", "LLMCall", "replace_non_text"]

# ok: the whole answer came. error: the model or the way to it failed. closed: the
# caller stopped listening before the answer was complete, which is not a failure.
OUTCOMES = ("ok", "error", "closed")

# SQLite and PostgreSQL keep whole numbers of 64 bits.
_MAX_TOKENS = 2**63 - 1
_NON_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall(Record):
    """One call to a language model; one row of the table `llm_calls`.

    Attributes
    ----------
    id : str
        Identity of the call, unique over time and machines; LangChain's run id
        where there is one.
    created_at : datetime
        When the model was asked, timezone-aware, UTC.
    model : str
        Name of the model that was asked; 1 to 200 characters.
    prompt : list of dict
        The messages, each with ``role`` and ``content``; a content is text or a
        list of parts. Messages of and for tools have further keys.
    completion : str
        What the model answered, or what had come of it when the call ended.
    outcome : {"ok", "error", "closed"}
        "ok": the whole answer came. "error": the model, or the way to it,
        failed. "closed": the caller stopped listening before it was complete.
    input_tokens : int or None
        Tokens of the prompt, the cached ones included; None if unknown.
    cached_tokens : int or None
        How many of them the model had in memory from an earlier call.
    output_tokens : int or None
        Tokens of the answer.
    latency_ms : float or None
        Time from the request to the end of the answer, in milliseconds; None
        if the end was not seen, as in a call that was cancelled.
    first_token_ms : float or None
        Time from the request to the first token of a streamed answer, in
        milliseconds; None for an answer that was not streamed.
    finish_reason : str or None
        Why the model stopped, as its server says it: ``stop``, ``length``,
        ``tool_calls``, ...
    error : str or None
        Kind and message of the failure.
    extra : dict or None
        Fields that another version of the package wrote and this one does not
        know, by name.

    Raises
    ------
    SettingError
        If a value is of another kind, or cannot be written.
    """

    table: ClassVar[str] = "llm_calls"

    id: str
    created_at: datetime
    model: str
    prompt: list[dict[str, Any]]
    completion: str
    outcome: str
    # From here on None means unknown. A field of a later version goes here too.
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None
    finish_reason: str | None = None
    error: str | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self._check_shared()
        check_text("model", self.model)
        self._clean_prompt()
        for name in ("completion", "finish_reason", "error"):
            self._clean_text(name)
        if self.outcome not in OUTCOMES:
            raise SettingError(
                f"outcome must be one of {', '.join(OUTCOMES)}, "
                f"got {self.outcome!r:.80}"
            )
        for name in ("input_tokens", "cached_tokens", "output_tokens"):
            _check_tokens(name, getattr(self, name))
        for name in ("latency_ms", "first_token_ms"):
            if getattr(self, name) is not None:
                self._keep_duration(name)

    def _clean_prompt(self) -> None:
        prompt: object = self.prompt
        if not isinstance(prompt, list) or not all(
            isinstance(message, dict) for message in prompt
        ):
            raise SettingError(
                "prompt must be a list of messages, each a dict with role and "
                f"content; got {prompt!r:.80}"
            )
        check_json("prompt", prompt)
        object.__setattr__(self, "prompt", _replace_inside(prompt))

    def _clean_text(self, name: str) -> None:
        text = getattr(self, name)
        if text is None and name != "completion":
            return
        if not isinstance(text, str):
            raise SettingError(f"{name} must be text, got {text!r:.80}")
        object.__setattr__(self, name, replace_non_text(text))


def replace_non_text(text: str) -> str:
    r"""Replace what databases refuse: NUL by ``␀``, a lone surrogate by ``�``.

    Examples
    --------
    >>> replace_non_text("rain\0")
    'rain␀'
    """
    return _NON_TEXT.sub(lambda found: "␀" if found[0] == "\0" else "�", text)


def _replace_inside(value: Any) -> Any:
    if isinstance(value, str):
        return replace_non_text(value)
    if isinstance(value, list | tuple):
        return [_replace_inside(inner) for inner in value]
    if isinstance(value, dict):
        return {
            replace_non_text(key): _replace_inside(inner)
            for key, inner in value.items()
        }
    return value


def _check_tokens(name: str, count: object) -> None:
    if count is None:
        return
    if isinstance(count, bool) or not isinstance(count, int):
        raise SettingError(f"{name} must be an integer or None, got {count!r:.80}")
    if not 0 <= count <= _MAX_TOKENS:
        raise SettingError(f"{name} must be from 0 to {_MAX_TOKENS}")
