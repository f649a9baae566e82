"""What a run records of the code and the environment: as tags and as files."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from companion.tracking.runs.command import Command
from companion.tracking.runs.environment import Environment
from companion.tracking.runs.git import GitState

__all__ = ["MEASURED", "NUMBER_TAG", "PROGRAM_TAG", "Record"]

# Tell which runs one program has started, and in which order.
PROGRAM_TAG = "companion.program"
NUMBER_TAG = "companion.number"
# Metrics that begin so are of the run itself, such as its duration, not of a model;
# the second are those that MLflow takes of the machine.
MEASURED = ("companion.", "system/")

_MAX_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known before the run starts.

    Attributes
    ----------
    started_at : datetime
        In UTC.
    git : GitState
        State of the code.
    environment : Environment
        What the program runs in.
    command : Command
        How the program was started.
    seed : int or None
        What the generators of random numbers were seeded with.
    """

    started_at: datetime
    git: GitState
    environment: Environment
    command: Command
    seed: int | None

    def tags(self) -> dict[str, str]:
        """Return what is to be searched for, under MLflow's names where it has one."""
        git, environment = self.git, self.environment
        changed = {"clean": "false", "dirty": "true"}.get(git.state)  # else unknown
        known = {
            "mlflow.source.git.commit": git.commit,
            "mlflow.source.git.branch": git.branch,
            "mlflow.source.git.repoURL": git.remote,
            "mlflow.source.git.dirty": changed,
            "companion.git_state": git.state,
            "companion.git_untracked": git.root and str(len(git.untracked)),
            "companion.lock_file": environment.lock_file and environment.lock_file.name,
            "companion.lock_sha256": environment.lock_sha256,
            "companion.packages_sha256": environment.packages_sha256,
            "companion.python": environment.python,
            "companion.platform": environment.platform,
            "companion.command": self.command.line[:_MAX_LINE],
            PROGRAM_TAG: self.command.program,
            NUMBER_TAG: str(self.command.number),
            "companion.seed": "not set" if self.seed is None else str(self.seed),
        }
        return {name: value for name, value in known.items() if value}

    def facts(self) -> dict[str, Any]:
        """Return all of it but the list of packages and the diff, for JSON."""
        git, environment = self.git, self.environment
        return {
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "git": {
                "state": git.state,
                "reason": git.reason,
                "commit": git.commit,
                "branch": git.branch,
                "remote": git.remote,
                "untracked": git.untracked,
                "diff": _describe_diff(git),
            },
            "environment": {
                "python": environment.python,
                "implementation": environment.implementation,
                "platform": environment.platform,
                "packages_sha256": environment.packages_sha256,
                "lock_file": environment.lock_file and environment.lock_file.name,
                "lock_sha256": environment.lock_sha256,
            },
            "command": asdict(self.command),
            "seed": self.seed,
        }

    def write(self, folder: Path) -> None:
        """Write `run.json`, `packages.txt` and, if there is one, `changes.diff`."""
        text = json.dumps(self.facts(), indent=2)
        (folder / "run.json").write_text(f"{text}\n", encoding="utf-8")
        packages = self.environment.packages
        (folder / "packages.txt").write_text(packages, encoding="utf-8")
        if self.git.diff is not None:
            (folder / "changes.diff").write_bytes(self.git.diff)


def _describe_diff(git: GitState) -> str | None:
    if git.diff is not None:
        return "changes.diff"
    return "left out, for it is larger than 10 MiB" if git.state == "dirty" else None
