"""Reads text, counts and model name from the answer of a language model.

Answers are objects of the `openai` client, the JSON of any server that speaks
its protocol, or what LangChain passes to its callbacks. A count that is not in
the answer is None: unknown is not zero. Of several choices the first is read.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from companion.llm.recording.messages import plain_text

__all__ = [
    "Answer",
    "Chunk",
    "read_chunk",
    "read_failure",
    "read_langchain",
    "read_response",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer's text and counts.

    A count that is not a valid number becomes None, and what should be text is
    turned into text: no call is lost over an odd answer.

    Attributes
    ----------
    completion : str or None
        The text; tool calls follow as one line of JSON. None if unknown.
    input_tokens, cached_tokens, output_tokens : int or None
        Counts of tokens; the cached ones are among the input.
    finish_reason : str or None
        Why the model stopped.
    model : str or None
        The name that the answer gives its model.
    """

    completion: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        for name in ("input_tokens", "cached_tokens", "output_tokens"):
            object.__setattr__(self, name, _as_count(getattr(self, name)))
        for name in ("completion", "finish_reason", "model"):
            object.__setattr__(self, name, _as_text(getattr(self, name)))

    def updated(self, later: "Answer") -> "Answer":
        """Return this answer with the values that a later one knows, those not None."""
        values = {field.name: getattr(later, field.name) for field in fields(later)}
        known = {name: value for name, value in values.items() if value is not None}
        return replace(self, **known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk of a streamed answer.

    `text` is what it adds to the text. `has_output` says whether it holds output: text,
    reasoning or a tool call. `answer` is what else the chunk says; the last chunks
    bring the counts.
    """

    text: str
    has_output: bool
    answer: Answer


def read_response(response: object) -> Answer:
    """Read an answer of the OpenAI protocol.

    It is a ``ChatCompletion`` of the `openai` client, or the server's JSON as a
    mapping.
    """
    message, text, answer = _read_choice(response, "message")
    return replace(answer, completion=_join(text, message.get("tool_calls")))


def read_chunk(chunk: object) -> Chunk:
    """Read a chunk of a stream of the OpenAI protocol.

    It is a ``ChatCompletionChunk`` of the `openai` client, the server's JSON as a
    mapping, or plain text.
    """
    if isinstance(chunk, str):
        return Chunk(text=chunk, has_output=bool(chunk), answer=Answer())
    delta, text, answer = _read_choice(chunk, "delta")
    has_output = text or delta.get("tool_calls") or delta.get("reasoning_content")
    return Chunk(text=text, has_output=bool(has_output), answer=answer)


def _read_choice(answer: object, member: str) -> tuple[Mapping[str, Any], str, Answer]:
    """Read the first choice: its message or delta, the text, and what else it says."""
    body = _as_mapping(answer)
    choice = _as_mapping((body.get("choices") or [{}])[0])
    message = _as_mapping(choice.get(member))
    rest = replace(
        _openai_counts(body.get("usage")),
        finish_reason=choice.get("finish_reason"),
        model=body.get("model"),
    )
    return (
        message,
        plain_text(message.get("content")) or message.get("refusal") or "",
        rest,
    )


def read_failure(error: BaseException) -> Answer:
    """Read the answer that an error carries, such as JSON that was cut off.

    The model produced it and its tokens are spent, though the caller never sees it. The
    error is what the `openai` client raised, or what was raised from it; all is None if
    it carries no answer.
    """
    reason: BaseException | None = error
    while reason is not None:
        answer = getattr(reason, "completion", None)
        # LangChain adds the response to what its parsing raised.
        response = getattr(reason, "response", None)
        with contextlib.suppress(Exception):  # other libraries use these names too
            if answer is None and response is not None and response.is_success:
                answer = response.json()
            if answer is not None:
                return read_response(answer)
        reason = reason.__cause__
    return Answer()


def read_langchain(result: Any) -> Answer:
    """Read the `LLMResult` of one prompt that LangChain passes to `on_llm_end`.

    An answer from LangChain's own cache repeats the counts of the call that filled it.
    Its model was not asked this time, so its counts are 0.
    """
    if result is None or not result.generations or not result.generations[0]:
        return Answer()
    generation = result.generations[0][0]
    message = getattr(generation, "message", None)
    details = {
        **(result.llm_output or {}),
        **(generation.generation_info or {}),
        **(getattr(message, "response_metadata", None) or {}),
    }
    usage = getattr(message, "usage_metadata", None)
    counts = (
        _openai_counts(details.get("token_usage"))
        if usage is None
        else _langchain_counts(usage)
    )
    text = generation.text
    if not isinstance(text, str):
        text = plain_text(getattr(message, "content", ""))
    return replace(
        counts,
        completion=_join(text, getattr(message, "tool_calls", None)),
        finish_reason=details.get("finish_reason") or details.get("stop_reason"),
        model=details.get("model_name") or details.get("model"),
    )


def _langchain_counts(usage: Mapping[str, Any]) -> Answer:
    # The mark of an answer from LangChain's cache:
    # BaseChatModel._convert_cached_generations.
    if usage.get("total_cost") == 0:
        return Answer(input_tokens=0, cached_tokens=0, output_tokens=0)
    details = usage.get("input_token_details") or {}
    return Answer(
        input_tokens=usage.get("input_tokens"),
        cached_tokens=details.get("cache_read"),
        output_tokens=usage.get("output_tokens"),
    )


def _openai_counts(usage: object) -> Answer:
    counts = _as_mapping(usage)
    details = _as_mapping(counts.get("prompt_tokens_details"))
    return Answer(
        input_tokens=counts.get("prompt_tokens"),
        cached_tokens=details.get("cached_tokens"),
        output_tokens=counts.get("completion_tokens"),
    )


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    dumped: Mapping[str, Any] = value.model_dump()
    return dumped


def _as_count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JavaScript writes all numbers as floats
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 2**63 else None


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


def _join(text: str, tool_calls: object) -> str:
    if not tool_calls:
        return text
    line = json.dumps({"tool_calls": tool_calls}, ensure_ascii=False, default=str)
    return f"{text}\n{line}" if text else line
