"""Records a call to a language model from code without LangChain.

Put `with record_call(...) as call:` around the call.
LangChain's models are recorded by `companion.llm.Recorder`.
"""

import contextlib
import threading
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from companion.llm.recording.answers import Answer, read_chunk, read_response
from companion.llm.recording.call_log import CallLog
from companion.llm.recording.open_call import OpenCall, outcome_of

if TYPE_CHECKING:
    from companion.store import LLMCall

__all__ = ["RecordedCall", "record_call"]

# One open journal per store and folder, not one per call.
_logs: dict[tuple[str, str], CallLog] = {}
_logs_lock = threading.Lock()


def record_call(
    *,
    model: str,
    prompt: object,
    store: str | None = None,
    journal: str | Path | None = None,
) -> "RecordedCall":
    """Record the call that the `with` block makes.

    The call's time runs from the start of the block to its end. An exception
    that leaves the block is recorded as the call's failure, and goes on
    unchanged. The record is in the journal when the block is over; `ship`
    brings it into the database.

    Parameters
    ----------
    model : str
        Name of the model that is asked.
    prompt : str or list
        A text, or messages as the `openai` client takes them.
    store : str, optional
        Address of the store; by default ``COMPANION_STORE``, and without that
        ``sqlite:///companion.db``.
    journal : str or Path, optional
        Folder of the journal; by default ``COMPANION_JOURNAL``, and without that
        the one that belongs to the store.

    Returns
    -------
    RecordedCall
        Give it the answer: `response()` for a whole one, `chunk()` for each
        chunk of a stream, `finish()` for what you know yourself.

    Raises
    ------
    SettingError
        If the URL is not a valid store address. Nothing later raises: a call
        that cannot be recorded is answered all the same.

    Examples
    --------
    >>> import tempfile
    >>> from companion.store import read_calls, ship
    >>> with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    ...     store = f"sqlite:///{folder}/log.db"
    ...     with record_call(store=store, model="parrot", prompt="Rain?") as call:
    ...         call.finish(completion="Rain!", output_tokens=2)
    ...     shipped = ship(store)
    ...     calls = read_calls(store)
    >>> [(one.completion, one.outcome) for one in calls]
    [('Rain!', 'ok')]
    """
    return RecordedCall(_find_log(store, journal), model=model, prompt=prompt)


class RecordedCall:
    """A call that is being recorded; `record_call` makes one.

    Attributes
    ----------
    record : LLMCall or None
        After the block: what was written. None before, and if it was lost.
    """

    def __init__(self, log: CallLog, *, model: str, prompt: object) -> None:
        self.record: LLMCall | None = None
        self._log = log
        self._model = model
        self._prompt = prompt
        self._open: OpenCall | None = None
        self._answer = Answer()
        self._is_complete = False

    def __enter__(self) -> Self:
        try:
            self._open = OpenCall(
                str(uuid.uuid4()), model=self._model, prompt=self._prompt
            )
        except Exception as err:  # noqa: BLE001 - recording must not break a call
            self._log.note_loss(err)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        call, self._open = self._open, None
        if call is None:
            return
        latency_ms = call.elapsed_ms()
        outcome = "ok" if self._is_complete else "closed"
        if error is not None and outcome_of(error) == "error":
            outcome = "error"
        failure = error if outcome == "error" else None
        self.record = self._log.write(
            lambda: call.to_record(
                outcome, self._answer, latency_ms=latency_ms, error=failure
            )
        )

    def chunk(self, chunk: object) -> None:
        """Take a chunk of a streamed answer.

        The first chunk with output gives the time to the first token. The last
        chunks of the `openai` client bring the finish reason and,
        with ``stream_options={"include_usage": True}``, the counts. After plain
        text call `finish()`: without it the call counts as closed early.

        Parameters
        ----------
        chunk : str or openai.types.chat.ChatCompletionChunk
            The chunk; its JSON as a mapping will do.
        """
        with contextlib.suppress(Exception):  # recording must not break a call
            read = read_chunk(chunk)
            if self._open is not None:
                self._open.add_chunk(read.text, has_output=read.has_output)
            self._update(read.answer)
            if read.answer.finish_reason is not None:
                self._is_complete = True

    def response(self, response: object) -> None:
        """Take a whole answer.

        Parameters
        ----------
        response : openai.types.chat.ChatCompletion
            What the client returned; its JSON as a mapping will do.
        """
        self._is_complete = True
        with contextlib.suppress(Exception):  # recording must not break a call
            self._update(read_response(response))

    def finish(
        self,
        *,
        completion: str | None = None,
        input_tokens: int | None = None,
        cached_tokens: int | None = None,
        output_tokens: int | None = None,
        finish_reason: str | None = None,
    ) -> None:
        """Mark the answer as complete, with what is known of it.

        Parameters
        ----------
        completion : str, optional
            The text; by default that of the chunks.
        input_tokens, cached_tokens, output_tokens : int, optional
            Counts of tokens, where they are known; the cached ones are among
            the input.
        finish_reason : str, optional
            Why the model stopped: ``stop``, ``length``, ...
        """
        self._is_complete = True
        self._update(
            Answer(
                completion=completion,
                input_tokens=input_tokens,
                cached_tokens=cached_tokens,
                output_tokens=output_tokens,
                finish_reason=finish_reason,
            )
        )

    def _update(self, later: Answer) -> None:
        self._answer = self._answer.updated(later)


def _find_log(store: str | None, journal: str | Path | None) -> CallLog:
    log = CallLog(store, journal)
    with _logs_lock:
        return _logs.setdefault((log.store, str(log.folder)), log)
