"""A run of MLflow's that records the code and the environment that make it.

The run is MLflow's own, and everything of MLflow's works inside: parameters, metrics,
figures, models, datasets, autologging. Where it came from is in its tags (for
searching), its metrics (duration, memory) and its artifacts below `companion/`.
Introduced in module 2.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from companion.errors import CompanionError, SettingError, TrackingError
from companion.system.mlflow import reach_mlflow
from companion.system.tracking_stores import describe_failure, public_uri
from companion.tracking.experiments import find_experiment
from companion.tracking.runs.command import PLACE_VARIABLE, read_command
from companion.tracking.runs.environment import read_environment
from companion.tracking.runs.git import GitState, read_git
from companion.tracking.runs.memory import PeakMemory
from companion.tracking.runs.record import NUMBER_TAG, PROGRAM_TAG, Record

if TYPE_CHECKING:
    from mlflow import ActiveRun

__all__ = ["run"]

_PART = "`companion.tracking.run`"
_SESSIONS = "companion.sessions"
_DIFFER = "companion.sessions_differ"
_COMPARED = ("companion.lock_file", "companion.lock_sha256")  # not each record has them
# Codes of MLflow's errors that say that the request was wrong, not the store.
_ASKED_WRONG = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}
_MAX_PARAM_LENGTH = 6_000
_MAX_SEED = 2**32 - 1


@contextmanager
def run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int | None = None,
    folder: str | Path | None = None,
    lock_file: str | Path | None = None,
    **options: Any,
) -> "Iterator[ActiveRun]":
    """Start a run of MLflow's that says which code and environment made it.

    Use it in a `with` block, and everything of MLflow's inside: `mlflow.log_metric`,
    `mlflow.log_figure`, `mlflow.log_input`, autologging. It writes to MLflow's tracking
    address, whether that is a server or an SQLite file.

    Tags name Git's commit, branch and state, the hashes of the lock file and of the
    installed packages, Python, platform, seed, and the command that started the
    program, for `companion reproduce`: a secret belongs in the environment, which is
    not kept, not among the arguments. The artifacts in
    `companion/session-1` hold the same as JSON, the list of packages, and the changes
    that were not committed; files that Git does not track are named, not kept. The
    metrics `companion.duration_s` and `companion.peak_memory_mib` follow at the end. A
    run that is resumed has a folder, and a step of these metrics, for each session; its
    tags stay those of the first, and `companion.sessions_differ` names what is
    different in a later one.

    Parameters
    ----------
    name : str, optional
        Name of the run; by default MLflow makes one up.
    experiment : str, optional
        Name of the experiment; made if there is none. By default the one that MLflow
        would take, and for a nested run that of its parent.
    params : mapping of str to object, optional
        Parameters to log at the start.
    seed : int, optional
        From 0 to 4294967295: seeds Python's `random`, NumPy's global generator and, if
        it is imported, torch. By default nothing is seeded, and the run says so.
    folder : str or Path, optional
        Folder of the code, whose Git repository is recorded; by default the working
        folder, or that of the program if the working folder is in no repository.
    lock_file : str or Path, optional
        File that pins the packages; by default one of the usual names, such as
        ``uv.lock``, in `folder` or above it in the repository.
    **options
        Further arguments of `mlflow.start_run`, such as `run_id` to resume a run,
        ``nested=True`` inside another one, `tags` and `description`.

    Yields
    ------
    mlflow.ActiveRun
        MLflow's active run. It ends with the block: as FINISHED, as FAILED if the block
        raises, as KILLED if it is interrupted.

    Raises
    ------
    MissingExtraError
        If a library of the extra `tracking` is not installed.
    SettingError
        If an argument cannot be used, there is no such run, or a run is active and
        `nested` is not given.
    TrackingError
        If the store cannot be reached or used. At the end of a block that raised, this
        becomes a note of that error.

    Examples
    --------
    >>> import mlflow
    >>> with run("baseline", experiment="rain", seed=7):  # doctest: +SKIP
    ...     mlflow.log_metric("cost_eur", 31.5)
    """
    _check(params, seed)
    place, git = _find_code(folder)
    record = Record(
        started_at=datetime.now(UTC),
        git=git,
        environment=read_environment(place, root=git.root, lock_file=lock_file),
        command=read_command(git.root),
        seed=seed,
    )
    started = time.monotonic()
    with _reach("started") as mlflow:
        _check_place(mlflow)
        outer = mlflow.active_run()
        _start(mlflow, name, experiment, outer, options)
        active: ActiveRun = mlflow.active_run()
        session = _Session(
            client=mlflow.MlflowClient(mlflow.get_tracking_uri()),
            run_id=active.info.run_id,
            outer_id=outer.info.run_id if outer else None,
            number=int(active.data.tags.get(_SESSIONS, "0")) + 1,
        )
        try:
            session.log_record(record, active.data.tags, params)
        except BaseException:
            session.end(mlflow, "FAILED")
            raise
    _seed(seed)
    memory = PeakMemory()
    memory.start()
    failure: BaseException | None = None
    try:
        yield active
    except BaseException as err:
        failure = err
        raise
    finally:
        seconds = time.monotonic() - started
        measured = {"duration_s": seconds, "peak_memory_mib": memory.stop()}
        session.finish(measured, failure)


def _find_code(given: str | Path | None) -> tuple[Path, GitState]:
    if given is not None:
        folder = Path(given).absolute()
        if not folder.is_dir():
            raise SettingError(
                f"The folder {folder} does not exist. Give that of the code, or none."
            )
        return folder, read_git(folder)
    here = Path.cwd()
    git = read_git(here)
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    if program and git.state == "no repository":
        beside = Path(program).absolute().parent
        # Programs of the environment, such as pytest, are not the code.
        if beside.is_dir() and not beside.is_relative_to(sys.prefix):
            its = read_git(beside)
            if its.state != "no repository":
                return beside, its
    return here, git


def _check(params: Mapping[str, Any] | None, seed: int | None) -> None:
    if seed is not None and (
        type(seed) is not int or not 0 <= seed <= _MAX_SEED  # True is no seed
    ):
        raise SettingError(
            f"seed is {seed!r}; expected is a whole number from 0 to {_MAX_SEED}."
        )
    for key, value in (params or {}).items():
        if len(str(value)) > _MAX_PARAM_LENGTH:
            raise SettingError(
                f"The parameter {key!r} has {len(str(value))} characters; MLflow cuts "
                f"what is longer than {_MAX_PARAM_LENGTH}. Log it as an artifact, with "
                "mlflow.log_text or mlflow.log_dict."
            )


def _seed(seed: int | None) -> None:
    if seed is None:
        return
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what libraries take that are given none
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


@contextmanager
def _reach(done: str) -> Iterator[ModuleType]:
    """Open MLflow, and make every failure of it one sentence."""
    with reach_mlflow(_PART, create=True) as mlflow:
        try:
            yield mlflow
        except (CompanionError, TypeError):  # an argument that start_run does not know
            raise
        except Exception as err:  # a database's driver may raise anything
            code = getattr(err, "error_code", None)
            if code in _ASKED_WRONG and "schema" not in str(err):
                line = str(getattr(err, "message", err)).splitlines()[0]
                line = line.removeprefix(f"{code}: ")  # as servers put it
                raise SettingError(f"The run cannot be {done}: {line}") from err
            raise TrackingError(
                f"The run cannot be {done}: {describe_failure(err)}"
            ) from err


def _check_place(mlflow: ModuleType) -> None:
    """Keep a program that `companion reproduce` runs out of the user's own store."""
    place = os.environ.get(PLACE_VARIABLE)
    for uri in (mlflow.get_tracking_uri(), mlflow.get_registry_uri()):
        if place and uri != place:
            raise SettingError(
                f"The program sets MLflow's address itself, {public_uri(uri)}, so "
                "`companion reproduce` cannot keep what it logs apart. Leave the "
                "address to MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI."
            )


def _start(
    mlflow: ModuleType,
    name: str | None,
    experiment: str | None,
    outer: Any,
    options: dict[str, Any],
) -> None:
    if outer is not None and not options.get("nested"):
        raise SettingError(
            f"The run {outer.info.run_name!r} is active. Give nested=True for a run "
            "inside it, or end it first with mlflow.end_run()."
        )
    settled = dict(options)
    if experiment is not None:
        settled["experiment_id"] = _choose_experiment(mlflow, experiment)
    elif outer is not None:
        settled.setdefault("experiment_id", outer.info.experiment_id)
    mlflow.start_run(run_name=name, **settled)


def _choose_experiment(mlflow: ModuleType, name: str) -> str:
    found = find_experiment(mlflow.MlflowClient(), name)
    if found.lifecycle_stage != "active":
        raise SettingError(
            f"The experiment {name!r} was deleted. Choose another name, or restore it: "
            f"mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """The part of a run from its start, or from where it is resumed, to its end."""

    client: Any
    run_id: str
    outer_id: str | None
    number: int

    def log_record(
        self, record: Record, known: Mapping[str, str], params: Mapping[str, Any] | None
    ) -> None:
        """Log what is known at the start; `known` are the tags that the run has."""
        from mlflow.entities import Param, RunTag

        tags = record.tags()
        if self.number > 1:
            differs = {one for one in tags if tags[one] != known.get(one)}
            differs -= {PROGRAM_TAG, NUMBER_TAG}
            differs |= {one for one in _COMPARED if one in known and one not in tags}
            differs |= set(filter(None, known.get(_DIFFER, "").split(", ")))
            tags = {_DIFFER: ", ".join(sorted(differs))} if differs else {}
        tags[_SESSIONS] = str(self.number)
        self.client.log_batch(
            self.run_id,
            params=[Param(key, str(value)) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        with tempfile.TemporaryDirectory(prefix="companion-") as folder:
            record.write(Path(folder))
            place = f"companion/session-{self.number}"
            self.client.log_artifacts(self.run_id, folder, place)

    def finish(
        self, measured: Mapping[str, float], failure: BaseException | None
    ) -> None:
        """Log what was measured, and end the run as the block has ended."""
        from mlflow.entities import Metric

        status = "FINISHED" if failure is None else "FAILED"
        if isinstance(failure, KeyboardInterrupt):
            status = "KILLED"
        now = int(time.time() * 1000)
        metrics = [
            Metric(f"companion.{name}", value, now, self.number)
            for name, value in measured.items()
        ]
        try:
            with _reach("ended") as mlflow:
                self.client.log_batch(self.run_id, metrics=metrics)
                self.end(mlflow, status)
        except (SettingError, TrackingError) as err:
            self._forget()
            err.add_note(
                "What was logged is kept, and the run stays open. To end it later: "
                f"mlflow.MlflowClient().set_terminated({self.run_id!r}, {status!r})"
            )
            if failure is None:
                raise
            failure.add_note("\n".join((str(err), *err.__notes__)))

    def end(self, mlflow: Any, status: str) -> None:
        """End the run, and what was started inside it: nothing else would."""
        while (one := mlflow.active_run()) and one.info.run_id != self.outer_id:
            mlflow.end_run(status)

    def _forget(self) -> None:
        # MLflow would try to end them when the program ends, for four minutes.
        import mlflow
        from mlflow.tracking import fluent

        stack = fluent._active_run_stack.get()
        while (one := mlflow.active_run()) and one.info.run_id != self.outer_id:
            stack.pop()
