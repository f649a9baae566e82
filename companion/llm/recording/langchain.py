"""Records each call of LangChain's models; a callback handler.

LangChain reports the start, the chunks and the end of a call. Three ends are
surprising: a stream that its consumer closes is reported as an error, the end
of a cancelled `ainvoke` not at all, and an answer from LangChain's cache comes
with the counts of the call that filled the cache.
"""

import asyncio
import contextlib
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from companion.llm.recording.answers import Answer, read_langchain
from companion.llm.recording.call_log import CallLog
from companion.llm.recording.messages import plain_text
from companion.llm.recording.open_call import OpenCall, outcome_of
from companion.system.extras import require_libraries

require_libraries("`Recorder`", "langchain_core", extra="llm")

from langchain_core.callbacks import BaseCallbackHandler  # noqa: E402 - only if it is there

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult

    from companion.store import LLMCall

__all__ = ["Recorder"]


class Recorder(BaseCallbackHandler):
    """Records calls of LangChain's chat models and plain language models.

    Give it to a model, ``chat_model(callbacks=[recorder])``, or to one call,
    ``chain.invoke(question, config={"callbacks": [recorder]})``. One recorder
    serves any number of models, threads and tasks. A call is in the journal
    before it returns; `ship` brings the journal into the database.

    A recorder that cannot write never breaks a call: it counts the loss, logs
    it once an outage to ``companion.llm``, and lets the answer through.

    Parameters
    ----------
    store : str, optional
        Address of the store; by default ``COMPANION_STORE``, and without that
        ``sqlite:///companion.db``.
    journal : str or Path, optional
        Folder of the journal; by default ``COMPANION_JOURNAL``, and without that
        the one that belongs to the store.
    longest_s : float, default=3600
        After this many seconds a call without an end is recorded as closed.

    Attributes
    ----------
    store : str
        Address of the store.

    Raises
    ------
    SettingError
        If the URL is not a valid store address.
    """

    # In the caller's thread and task, in order: another thread would be late, and
    # could not tell which task is cancelled.
    run_inline = True

    def __init__(
        self,
        store: str | None = None,
        journal: str | Path | None = None,
        *,
        longest_s: float = 3600.0,
    ) -> None:
        self._log = CallLog(store, journal)
        self.store = self._log.store
        self._longest_s = longest_s
        self._open: dict[UUID, _TrackedCall] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, also in another process, has a file of its own in the same journal.
        make = partial(type(self), longest_s=self._longest_s)
        return make, (self.store, self._log.folder)

    @property
    def lost(self) -> int:
        """Calls that could not be recorded."""
        return self._log.lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Record as closed what is still open, and close the journal's file.

        A recorder may be used again afterwards.
        """
        self._close_stale(started_before=float("inf"))
        self._log.close()

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list["BaseMessage"]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record the start of a call to a chat model."""
        self._start(run_id, messages[0], _model_name(serialized, metadata, kwargs))

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record the start of a call to a plain language model."""
        self._start(run_id, prompts[0], _model_name(serialized, metadata, kwargs))

    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: Any = None,
        run_id: UUID,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> None:
        """Record a chunk of a streamed answer."""
        run = self._open.get(run_id)
        if run is not None:
            text = plain_text(token)
            message = getattr(chunk, "message", None)
            calls_tool = bool(getattr(message, "tool_call_chunks", None))
            run.call.add_chunk(text, has_output=bool(text) or calls_tool)

    def on_llm_end(
        self,
        response: "LLMResult",
        *,
        run_id: UUID,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> None:
        """Record the end of an answer."""
        self._end(run_id, "ok", result=response)

    def on_llm_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        response: Any = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> None:
        """Record a failure, or the end of a stream that its consumer closed."""
        outcome = outcome_of(error)
        failure = error if outcome == "error" else None
        self._end(run_id, outcome, result=response, error=failure)

    def _start(self, run_id: UUID, prompt: object, model: str | None) -> None:
        try:
            run = _TrackedCall(OpenCall(str(run_id), model=model, prompt=prompt))
        except Exception as err:  # noqa: BLE001 - recording must not break a call
            self._log.note_loss(err)
            return
        with self._lock:
            self._open[run_id] = run
        run.watch(lambda task: self._end_with_task(task, run_id))
        self._close_stale(started_before=time.monotonic() - self._longest_s)

    def _end(
        self,
        run_id: UUID,
        outcome: str,
        *,
        result: Any = None,
        error: BaseException | None = None,
        end_seen: bool = True,
    ) -> None:
        with self._lock:
            run = self._open.pop(run_id, None)
        if run is None:
            return  # closed as stale, or its start was lost
        run.unwatch()
        latency_ms = run.call.elapsed_ms() if end_seen else None

        def make_record() -> "LLMCall":
            answer = read_langchain(result)
            if outcome == "closed" and answer.finish_reason is not None:
                ended = "ok"  # closed after the last chunk: the answer is complete
            else:
                ended = outcome
            if ended != "ok":
                answer = Answer()  # the text is in the chunks; no count is final
            return run.call.to_record(ended, answer, latency_ms=latency_ms, error=error)

        self._log.write(make_record)

    def _end_with_task(self, task: "asyncio.Task[Any]", run_id: UUID) -> None:
        run = self._open.get(run_id)
        if run is not None and run.call.has_chunks and not task.cancelled():
            return  # LangChain reads each chunk of a chain's stream in a new task
        # A task that caught its cancellation may have gone on since.
        self._end(run_id, "closed", end_seen=task.cancelled())

    def _close_stale(self, *, started_before: float) -> None:
        with self._lock:
            stale = [
                run_id
                for run_id, run in self._open.items()
                if run.call.started_at < started_before
            ]
        for run_id in stale:
            self._end(run_id, "closed", end_seen=False)


class _TrackedCall:
    """An open call and the task that waits for it, if one does."""

    def __init__(self, call: OpenCall) -> None:
        self.call = call
        self._task: asyncio.Task[Any] | None = None
        self._callback: Any = None

    def watch(self, callback: Any) -> None:
        with contextlib.suppress(RuntimeError):  # no event loop: no task to watch
            self._task, self._callback = asyncio.current_task(), callback
        if self._task is not None:
            self._task.add_done_callback(callback)

    def unwatch(self) -> None:
        if self._task is not None:
            self._task.remove_done_callback(self._callback)


def _model_name(
    serialized: dict[str, Any] | None,
    metadata: dict[str, Any] | None,
    kwargs: dict[str, Any],
) -> str | None:
    params = kwargs.get("invocation_params") or {}
    name = (
        params.get("model")
        or params.get("model_name")
        or (metadata or {}).get("ls_model_name")
        # A model without a name, such as a fake one of a test: its class.
        or ((serialized or {}).get("id") or [None])[-1]
        or params.get("_type")
    )
    return None if name is None else str(name)
