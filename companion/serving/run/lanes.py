"""Threads for requests: one while they are quick, all as soon as one takes long.

Python runs one thread at a time. Where a model takes a tenth of a millisecond, threads
that answer side by side only take the processor from each other: with four of them a
worker answers a fifth fewer requests than with one. So requests wait for the first
thread; when it has been busy with one for some milliseconds, which a slow model or a
slow client is, all that wait go to the others. While these run, Python divides its time
among them, so the first thread may take as many times longer: else requests that are
not quite quick would keep all threads busy for ever.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["QUICK_S", "Lanes"]

# Longer than nearly every answer of a small model, shorter than anybody notices.
QUICK_S = 0.005

_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]
_Queue = SimpleQueue[_Task | None]


class Lanes:
    """What gunicorn's worker needs of an executor; `rescue` is called by its loop."""

    def __init__(
        self, n_threads: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._began: float | None = None
        self._quick: _Queue = SimpleQueue()
        self._slow: _Queue = SimpleQueue()
        self._helping: set[int] = set()  # the other threads that run a task
        self._threads = [threading.Thread(target=self._run_quick, daemon=True)]
        self._threads += [
            threading.Thread(target=self._run_slow, daemon=True)
            for _ in range(n_threads - 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> bool:
        """Whether a task waits for the first thread, and another could take it."""
        return len(self._threads) > 1 and not self._quick.empty()

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run a call in one of the threads."""
        future: Future[Any] = Future()
        is_slow = len(self._threads) > 1 and self._is_stuck()
        (self._slow if is_slow else self._quick).put((future, call, arguments))
        return future

    def rescue(self) -> None:
        """Give what waits to the other threads, if the first one takes long."""
        if not self.waiting or not self._is_stuck():
            return
        while True:
            try:
                self._slow.put(self._quick.get_nowait())
            except Empty:
                return

    def shutdown(self, wait: bool = True) -> None:
        """End the threads once they have done what waits."""
        self._quick.put(None)
        for _ in self._threads[1:]:
            self._slow.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _is_stuck(self) -> bool:
        began = self._began
        if began is None:
            return False
        return self._clock() - began > QUICK_S * (1 + len(self._helping))

    def _run_quick(self) -> None:
        while True:
            try:
                task = self._quick.get_nowait()
            except Empty:
                # What was given away, if the others have not come to it.
                task = self._take_back() or self._quick.get()
            if task is None:
                return
            self._began = self._clock()
            _run(task)
            self._began = None

    def _take_back(self) -> _Task | None:
        try:
            task = self._slow.get_nowait()
        except Empty:
            return None
        if task is None:  # the end of another thread, which must see it
            self._slow.put(None)
        return task

    def _run_slow(self) -> None:
        me = threading.get_ident()
        while (task := self._slow.get()) is not None:
            self._helping.add(me)
            _run(task)
            self._helping.discard(me)


def _run(task: _Task) -> None:
    future, call, arguments = task
    try:
        future.set_result(call(*arguments))
    except BaseException as err:  # noqa: BLE001 - raised where the future is asked
        future.set_exception(err)
