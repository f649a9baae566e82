"""A repository that is the working folder, as it is for someone who trains a model."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def do_git() -> Callable[..., str]:
    """Run Git as somebody whose own configuration is empty."""
    environ = os.environ | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }

    def run(folder: Path, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, do_git: Callable[..., str]) -> Path:
    """A repository with one commit, on the branch `trunk`."""
    folder = tmp_path.resolve() / "code"
    folder.mkdir()
    do_git(folder, "init", "--initial-branch=trunk")
    do_git(folder, "config", "core.autocrlf", "false")
    (folder / "train.py").write_bytes(b"alpha = 1\n")
    (folder / "notes").mkdir()
    (folder / "notes" / "plan.txt").write_bytes(b"plan\n" * 20)
    (folder / ".gitignore").write_text("*.db\nmlruns\n")
    do_git(folder, "add", ".")
    do_git(folder, "commit", "--message=first")
    return folder
