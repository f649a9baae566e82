"""A call to a language model that is going on, until it becomes a record."""

import re
import time
from datetime import UTC, datetime

from companion.errors import CompanionError
from companion.llm.recording.answers import Answer, read_failure
from companion.llm.recording.messages import plain_messages
from companion.store import LLMCall

__all__ = ["OpenCall", "outcome_of"]

_LONGEST_NAME = 200
_LONGEST_ERROR = 2_000
# What looks like a key. Servers repeat in their refusals what they were sent.
_KEY = re.compile(r"(?i)(?<=bearer )\S+|\bsk-[\w-]{8,}")


class OpenCall:
    """A call from its question on.

    Parameters
    ----------
    call_id : str
        Identity of the call.
    model : str or None
        Name of the model that is asked; None if only the answer will tell.
    prompt : object
        A text or messages of any origin.

    Attributes
    ----------
    call_id : str
        Identity of the call.
    begun_at : float
        When it began, in seconds of `time.monotonic`.
    """

    def __init__(self, call_id: str, *, model: str | None, prompt: object) -> None:
        self.call_id = call_id
        self.begun_at = time.monotonic()
        self._created_at = datetime.now(UTC)
        self._model = model
        # Now, for the caller may change its list of messages meanwhile.
        self._prompt = plain_messages(prompt)
        self._pieces: list[str] = []
        self._first_token_ms: float | None = None
        self._begin = time.perf_counter()

    @property
    def was_heard(self) -> bool:
        """Whether a piece of a streamed answer came, be it an empty one."""
        return bool(self._pieces)

    def elapsed_ms(self) -> float:
        """Return the time since the question, in milliseconds, to the microsecond."""
        return round((time.perf_counter() - self._begin) * 1000, 3)

    def hear(self, text: str, *, speaks: bool = True) -> None:
        """Take a piece of a streamed answer.

        Parameters
        ----------
        text : str
            What it adds; may be empty.
        speaks : bool, default=True
            Whether the model said anything, be it no text.
        """
        if speaks and self._first_token_ms is None:
            self._first_token_ms = self.elapsed_ms()
        self._pieces.append(text)

    def to_record(
        self,
        outcome: str,
        answer: Answer,
        *,
        latency_ms: float | None,
        error: BaseException | None = None,
    ) -> LLMCall:
        """Return the call as a record.

        Parameters
        ----------
        outcome : {"ok", "error", "closed"}
            How it ended.
        answer : Answer
            What is known of the answer; without a text that of the pieces is
            taken.
        latency_ms : float or None
            Time from the question to the end, in milliseconds.
        error : BaseException, optional
            What went wrong. An answer that it refuses is kept.

        Returns
        -------
        LLMCall
            The record.

        Raises
        ------
        SettingError
            If something is of a kind that the log does not take.
        """
        if error is not None:
            answer = answer.updated(read_failure(error))
        heard = "".join(self._pieces)
        return LLMCall(
            id=self.call_id,
            created_at=self._created_at,
            model=_as_name(self._model or answer.model),
            prompt=self._prompt,
            completion=heard if answer.completion is None else answer.completion,
            outcome=outcome,
            input_tokens=answer.input_tokens,
            cached_tokens=answer.cached_tokens,
            output_tokens=answer.output_tokens,
            latency_ms=latency_ms,
            first_token_ms=self._first_token_ms,
            finish_reason=answer.finish_reason,
            error=None if error is None else _as_text(error),
        )


def outcome_of(error: BaseException) -> str:
    """Tell a failure from somebody who stopped listening.

    A generator that is closed, a task that is cancelled and Ctrl-C are no
    failures of the model.

    Parameters
    ----------
    error : BaseException
        What ended the call.

    Returns
    -------
    {"error", "closed"}
        The outcome.
    """
    return "error" if isinstance(error, Exception) else "closed"


def _as_name(model: str | None) -> str:
    name = "".join(c if c.isprintable() else "?" for c in model or "")
    return name[:_LONGEST_NAME] or "unknown"


def _as_text(error: BaseException) -> str:
    words = _name(error)
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    # "Connection error." alone is no help. Our own errors say their cause already.
    if first is not error and not isinstance(error, CompanionError):
        words += f" (from {_name(first)})"
    return _KEY.sub("***", words)[:_LONGEST_ERROR]


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
