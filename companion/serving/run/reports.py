"""What workers report to their arbiter: that they are ready, or why they are not."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from companion.serving.models.source import ProvenModel

__all__ = ["Report", "Reports"]

_READ_BYTES = 65536
_LONGEST_REASON = 2000  # bytes; a pipe takes 4096 in one piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of a worker.

    A worker that is ready has proven `model`, or serves without one; one with a
    `failure` ends.
    """

    pid: int
    model: ProvenModel | None = None
    failure: str | None = None


class Reports:
    """A pipe from the workers to their arbiter, which makes it before it forks."""

    def __init__(self) -> None:
        self._arbiter = os.getpid()
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)

    def send(
        self, *, model: ProvenModel | None = None, failure: str | None = None
    ) -> None:
        """Report from this process, a worker."""
        if failure is not None:
            failure = failure.encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
        report = Report(pid=os.getpid(), model=model, failure=failure)
        line = json.dumps(asdict(report), ensure_ascii=False)
        os.write(self._write_end, f"{line}\n".encode())
        if os.getppid() == self._arbiter:  # else it has died, and that is init
            os.kill(self._arbiter, signal.SIGCHLD)  # wakes it up

    def read(self) -> Iterator[Report]:
        """Return what has come since the last time."""
        content = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read_end, _READ_BYTES):
                content += chunk
        for line in content.splitlines():
            values = json.loads(line)
            if values["model"] is not None:
                values["model"] = ProvenModel(**values["model"])
            yield Report(**values)
