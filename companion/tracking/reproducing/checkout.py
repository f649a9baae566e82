"""A clean checkout of a recorded commit, in a temporary folder."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from companion.errors import ReproduceError
from companion.tracking.runs.git import run_git

__all__ = ["check_out"]

# The user's hooks are for the user's own checkouts.
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


@contextmanager
def check_out(
    repository: Path, commit: str, *, diff: Path | None, remote: str | None
) -> Iterator[Path]:
    """Check a commit out, with a recorded diff if there was one; remove it at the end.

    It is a worktree of the repository, which stays as it is. Raises ReproduceError if
    the repository does not have the commit, or the diff does not fit.
    """
    try:
        run_git(repository, "rev-parse", "--git-dir")
    except (OSError, subprocess.SubprocessError) as err:
        raise ReproduceError(
            f"{repository} cannot be used as a repository of Git: {_said(err)}. Run "
            f"the command in a clone of {remote or 'the code'}, or give one with "
            "--repo."
        ) from err
    try:
        run_git(repository, "cat-file", "-e", f"{commit}^{{commit}}")
    except (OSError, subprocess.SubprocessError) as err:
        raise ReproduceError(
            f"The commit {commit} is not in the repository {repository}. Fetch it "
            f"with `git fetch origin {commit}`, or give a clone of "
            f"{remote or 'the code'} with --repo."
        ) from err
    with tempfile.TemporaryDirectory(
        prefix="companion-", ignore_cleanup_errors=True
    ) as folder:
        tree = Path(folder).resolve() / "code"
        try:
            _make_tree(repository, tree, commit, diff)
            yield tree
        finally:
            with suppress(OSError, subprocess.SubprocessError):
                remove = ("worktree", "remove", "--force", str(tree))
                run_git(repository, *remove, timeout_s=None)


def _make_tree(repository: Path, tree: Path, commit: str, diff: Path | None) -> None:
    try:
        add = (*_NO_HOOKS, "worktree", "add", "--detach", str(tree), commit)
        run_git(repository, *add, timeout_s=None)
        if diff is not None:
            run_git(tree, "apply", "--whitespace=nowarn", str(diff.absolute()))
    except (OSError, subprocess.SubprocessError) as err:
        raise ReproduceError(
            f"The commit {commit} cannot be checked out with the changes that the run "
            f"recorded: {_said(err)}."
        ) from err


def _said(err: Exception) -> str:
    said = getattr(err, "stderr", None) or b""
    lines = said.decode("utf-8", "replace").strip().splitlines() or [str(err)]
    return lines[-1].rstrip(".")
