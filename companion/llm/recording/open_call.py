"""A call to a language model in progress, until it becomes a record."""

import re
import time
from datetime import UTC, datetime

from companion.errors import CompanionError
from companion.llm.recording.answers import Answer, read_failure
from companion.llm.recording.messages import plain_messages
from companion.store import LLMCall

__all__ = ["OpenCall", "outcome_of"]

_MAX_NAME_LENGTH = 200
_MAX_ERROR_LENGTH = 2_000
# What looks like a key. Servers repeat in their errors what they were sent.
_KEY = re.compile(r"(?i)(?<=bearer )\S+|\bsk-[\w-]{8,}")


class OpenCall:
    """A call in progress; its time runs from here.

    `model` may be None, to take it from the answer. The prompt is a text or messages of
    any origin. `started_at` is in seconds of `time.monotonic`.
    """

    def __init__(self, call_id: str, *, model: str | None, prompt: object) -> None:
        self.call_id = call_id
        self.started_at = time.monotonic()
        self._created_at = datetime.now(UTC)
        self._model = model
        # A copy: the caller may change its list of messages meanwhile.
        self._prompt = plain_messages(prompt)
        self._chunks: list[str] = []
        self._first_token_ms: float | None = None
        self._start = time.perf_counter()

    @property
    def has_chunks(self) -> bool:
        """Whether a chunk of a streamed answer came, even an empty one."""
        return bool(self._chunks)

    def elapsed_ms(self) -> float:
        """Return the time since the start, in milliseconds, to the microsecond."""
        return round((time.perf_counter() - self._start) * 1000, 3)

    def add_chunk(self, text: str, *, has_output: bool = True) -> None:
        """Add a chunk of a streamed answer, which may be empty.

        `has_output` says whether it holds output of the model, even if it is not text.
        """
        if has_output and self._first_token_ms is None:
            self._first_token_ms = self.elapsed_ms()
        self._chunks.append(text)

    def to_record(
        self,
        outcome: str,
        answer: Answer,
        *,
        latency_ms: float | None,
        error: BaseException | None = None,
    ) -> LLMCall:
        """Return the call as a record.

        `outcome` is "ok", "error" or "closed". If `answer` has no text, that of the
        chunks is taken; an answer that `error` carries is kept. Raises SettingError if
        the log does not accept a value.
        """
        if error is not None:
            answer = answer.updated(read_failure(error))
        streamed = "".join(self._chunks)
        return LLMCall(
            id=self.call_id,
            created_at=self._created_at,
            model=_as_name(self._model or answer.model),
            prompt=self._prompt,
            completion=streamed if answer.completion is None else answer.completion,
            outcome=outcome,
            input_tokens=answer.input_tokens,
            cached_tokens=answer.cached_tokens,
            output_tokens=answer.output_tokens,
            latency_ms=latency_ms,
            first_token_ms=self._first_token_ms,
            finish_reason=answer.finish_reason,
            error=None if error is None else _message(error),
        )


def outcome_of(error: BaseException) -> str:
    """Tell a failure, "error", from a caller that stopped listening, "closed".

    A closed generator, a cancelled task and Ctrl-C are not failures of the model.
    """
    return "error" if isinstance(error, Exception) else "closed"


def _as_name(model: str | None) -> str:
    name = "".join(c if c.isprintable() else "?" for c in model or "")
    return name[:_MAX_NAME_LENGTH] or "unknown"


def _message(error: BaseException) -> str:
    message = _describe(error)
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    # "Connection error." alone is no help. Our own errors say their cause already.
    if cause is not error and not isinstance(error, CompanionError):
        message += f" (from {_describe(cause)})"
    return _KEY.sub("***", message)[:_MAX_ERROR_LENGTH]


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
