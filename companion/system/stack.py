"""Runs several programs together until they are told to end or one of them dies.

What the programs are is not here: `companion.commands.up` says it. Each is a
`BackgroundProcess`, so that none outlives the process that runs the stack.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from companion.errors import StartError
from companion.system.background import BackgroundProcess, answers

__all__ = ["Part", "run_stack"]

_POLL_S = 0.1
_TAIL_LINES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One program of a stack.

    Attributes
    ----------
    name : str
        What messages call it, as the start of a sentence: "The model server".
    command : sequence of str
        The program and its arguments.
    url : str
        Its address.
    ready_path : str
        Path below `url` that answers once it is ready.
    environ : mapping of str to str
        Its environment.
    log : Path
        File that its output is added to.
    """

    name: str
    command: Sequence[str]
    url: str
    ready_path: str
    environ: Mapping[str, str]
    log: Path


def run_stack(
    parts: Sequence[Part],
    *,
    over: threading.Event,
    on_ready: Callable[[Part], None],
    timeout_s: float = 90.0,
) -> None:
    """Start the parts one after the other, and end them all once `over` is set.

    Parameters
    ----------
    parts : sequence of Part
        Each is started when the one before it is ready; they end in reverse order.
    over : threading.Event
        What a signal sets.
    on_ready : callable
        Is called with each part when it is ready.
    timeout_s : float, default=90
        Seconds that each part may take until it is ready.

    Raises
    ------
    StartError
        If a part cannot be started, ends by itself, or is not ready in time. The
        others have been ended.
    """
    with ExitStack() as stack:
        running: list[tuple[Part, BackgroundProcess]] = []
        for part in parts:
            process = BackgroundProcess(
                list(part.command), url=part.url, environ=part.environ, log=part.log
            )
            stack.enter_context(process)
            running.append((part, process))
            deadline = time.monotonic() + timeout_s
            while not answers(part.url + part.ready_path):
                if time.monotonic() > deadline:
                    raise StartError(
                        f"{part.name} was not ready within {timeout_s:g} seconds. "
                        f"{_describe_log(part, process)}"
                    )
                if _is_over(over, running):
                    return
            on_ready(part)
        while not _is_over(over, running):
            pass


def _is_over(
    over: threading.Event, running: Sequence[tuple[Part, BackgroundProcess]]
) -> bool:
    """Wait a moment for the end; raise StartError if a part has ended by itself."""
    if over.wait(_POLL_S):
        return True
    for part, process in running:
        if not process.running and not over.is_set():
            raise StartError(
                f"{part.name} ended by itself with exit code {process.exit_code}, so "
                f"everything was stopped. {_describe_log(part, process)}"
            )
    return False


def _describe_log(part: Part, process: BackgroundProcess) -> str:
    lines = process.output().strip().splitlines()[-_TAIL_LINES:]
    if not lines:
        return f"It printed nothing; its log is {part.log}."
    shown = "".join(f"\n  {line}" for line in lines)
    return f"The last lines of its log, {part.log}:{shown}"
