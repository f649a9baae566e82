"""gunicorn's arbiter, which changes a running server's model without a failed request.

At SIGHUP plain gunicorn starts new workers and ends the old ones in the same moment,
whether or not the new ones can load their model. This arbiter starts one worker with
the new model. Only when that one has loaded it and answered its example do the others
follow, one after the other, and an old worker retires when a new one is ready. If it
fails, the old ones go on, and log and `/health/ready` say why.

A worker that takes a dead one's place loads the model that was proven last, not what
has come to lie at its address since.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gunicorn.arbiter import Arbiter

from companion.serving.models.source import ProvenModel
from companion.serving.reloads import Reloads, write_reloads
from companion.serving.run.reports import Report
from companion.serving.run.worker import BOOT_SIGNALS
from companion.system.terminals import Terminal

__all__ = ["RETIRE", "Assignment", "RollingArbiter"]

RETIRE = signal.SIGUSR2
# A worker that could not load its model is followed by another one after this, while
# others serve.
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a new worker is to do.

    Attributes
    ----------
    generation : int
        How many reloads were tried before it; 0 for the first workers.
    proven : ProvenModel or None
        The model to load; None: whatever the address leads to now.
    must_load : bool
        Whether it ends if it cannot load; else it answers 503 until it can.
    slot : int or None
        Where its metrics go; None: it counts by itself.
    """

    generation: int
    proven: ProvenModel | None
    must_load: bool
    slot: int | None = None


class RollingArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Keeps the workers of one server, and its shipper."""

    def __init__(self, app: Any) -> None:
        self._terminal = Terminal()
        # As under nohup.
        self._outlives_terminal = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        self._generation = 0
        self._proven: ProvenModel | None = None
        self._candidate: Any = None  # the worker that tries a new model
        self._must_reload = False
        self._reloads = Reloads()
        self._complaint: str | None = None
        self._next_spawn = float("-inf")
        self._assignment = Assignment(generation=0, proven=None, must_load=True)
        super().__init__(app)

    def handle_hup(self) -> None:
        """Load the model anew; or end, if it is the terminal that has closed."""
        if not self._terminal.has_just_closed():
            self._must_reload = True
        elif not self._outlives_terminal:
            self.handle_term()

    def handle_int(self) -> None:
        """Let running requests finish, as after SIGTERM."""
        self.handle_term()

    def handle_usr2(self) -> None:
        """Refuse; gunicorn would run our command line again, which takes the port."""
        self.log.warning("SIGUSR2 is not supported; start a new server instead.")

    def spawn_worker(self) -> Any:
        """Start a worker; what it is told before it can listen waits for it.

        A fork begins with the arbiter's own handlers, which would swallow it.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, BOOT_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, BOOT_SIGNALS)

    def stop(self, graceful: bool = True) -> None:
        """End all workers; those that still load have nothing to finish."""
        self._read_reports()
        self._candidate = None
        for worker in list(self.WORKERS.values()):
            if not worker.ready and not worker.has_no_model:
                worker.retiring = True
                self.kill_worker(worker.pid, signal.SIGQUIT)
        # gunicorn would delete the file of a Unix socket, which is not its own, and
        # end without its workers if somebody else has deleted it.
        self.systemd = True
        super().stop(graceful)

    def prepare(self, worker: Any) -> None:
        """Tell a worker what to do before it is forked; gunicorn's `pre_fork`."""
        slot = None
        try:
            slot = self.app.shared.take_slot()
        except OSError as err:
            self.log.error(  # noqa: TRY400 - a full disk needs no traceback
                "There is no room for the metrics of a worker in %s (%s); /metrics "
                "leaves it out. Make room, or set TMPDIR.",
                self.app.shared.path,
                err.strerror,
            )
        worker.assignment = replace(self._assignment, slot=slot)
        worker.ready = worker.retiring = worker.has_no_model = False

    def note_end(self, worker: Any) -> None:
        """Note that a worker has ended; gunicorn's `child_exit`."""
        self._read_reports(worker)
        if worker.assignment.slot is not None:
            self.app.shared.free_slot(worker.assignment.slot)
        if worker is self._candidate:
            self._note_failed_reload("Its worker died; the log says how.")
        elif not (worker.ready or worker.retiring or worker.has_no_model):
            self._next_spawn = time.monotonic() + _PAUSE_S

    def manage_workers(self) -> None:
        """Keep as many workers as wanted, all of the proven model in the end."""
        self._terminal.look()
        self._read_reports()
        # The first workers finish first: they may have loaded what was there before.
        if self._must_reload and self._proven is not None:
            self._reload()
        staff = self._staff()
        is_old = [w for w in staff if w.assignment.generation < self._generation]
        # One more than wanted while old ones are to be replaced.
        for _ in range(self.num_workers + bool(is_old) - len(staff)):
            someone_serves = any(worker.ready for worker in staff)
            if someone_serves and time.monotonic() < self._next_spawn:
                break
            self._spawn(proven=self._proven, must_load=someone_serves)
        ready = sorted((w for w in staff if w.ready), key=lambda worker: worker.age)
        surplus = ready[: max(0, len(ready) - self.num_workers)]
        if ready:
            surplus += [worker for worker in staff if worker.has_no_model]
        for worker in surplus:
            worker.retiring = True
            self.kill_worker(worker.pid, RETIRE)
        self.app.shipper.keep_running()

    def _reload(self) -> None:
        self._must_reload = False
        if self._candidate is not None:  # the folder may have changed again
            self._candidate.retiring = True
            self.kill_worker(self._candidate.pid, signal.SIGQUIT)
        self._spawn(proven=None, generation=self._generation + 1)
        self._candidate = max(self.WORKERS.values(), key=lambda worker: worker.age)

    def _staff(self) -> list[Any]:
        """List the workers that serve, or will as soon as they have loaded."""
        return [
            worker
            for worker in self.WORKERS.values()
            if not worker.retiring and worker is not self._candidate
        ]

    def _spawn(
        self,
        *,
        proven: ProvenModel | None,
        generation: int | None = None,
        must_load: bool = True,
    ) -> None:
        self._assignment = Assignment(
            generation=self._generation if generation is None else generation,
            proven=proven,
            # At the start of the server a model that cannot be loaded is its end.
            must_load=must_load or self._proven is None,
        )
        self.spawn_worker()

    def _read_reports(self, ended: Any = None) -> None:
        workers = {worker.pid: worker for worker in self.WORKERS.values()}
        if ended is not None:
            workers[ended.pid] = ended
        for report in self.app.reports.read():
            worker = workers.get(report.pid)
            if worker is None or worker.retiring:
                continue
            if report.failure is None:
                self._note_ready(worker, report)
            else:
                self._note_failure(worker, report.failure)

    def _note_ready(self, worker: Any, report: Report) -> None:
        if report.model is None:
            worker.has_no_model = True
            return
        worker.ready = True
        self._complaint = None
        self._proven = report.model
        if worker is self._candidate:
            self._candidate = None
            self._generation = worker.assignment.generation
            self._tell(
                Reloads(
                    succeeded=self._reloads.succeeded + 1, failed=self._reloads.failed
                )
            )

    def _note_failure(self, worker: Any, reason: str) -> None:
        if worker is self._candidate:
            self._note_failed_reload(reason)
        elif self._proven is None:
            self.app.failure = self.app.failure or reason
            os.kill(self.pid, signal.SIGTERM)
        elif reason != self._complaint:
            self._complaint = reason
            self.log.error(
                "A new worker cannot load the model, so there is one less: %s", reason
            )

    def _note_failed_reload(self, reason: str) -> None:
        self._candidate.retiring = True
        self._candidate = None
        self.log.error("The reload failed, and the old model goes on: %s", reason)
        self._tell(
            replace(
                self._reloads,
                failed=self._reloads.failed + 1,
                failure=reason,
                failed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )

    def _tell(self, reloads: Reloads) -> None:
        self._reloads = reloads
        with contextlib.suppress(OSError):  # the log has it
            write_reloads(self.app.shared.path, reloads)
