"""What Git knows of the code that runs: its commit, branch and uncommitted changes.

`read_git` never fails: a machine without Git, a folder without a repository and a
repository that Git refuses to read are answers too.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GitState", "git_environ", "read_git", "run_git"]

_TIMEOUT_S = 10.0
_MAX_DIFF_BYTES = 10 * 2**20
_MAX_UNTRACKED = 1_000
# Set inside Git's own hooks, they would lead to the repository of the hook.
_LEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_USER = re.compile(r"(?<=://)[^/\s@]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """The state of a folder's repository.

    Attributes
    ----------
    state : str
        "clean" or "dirty": whether files that Git tracks differ from the commit. "no
        commit" before the first, "no repository", "no git" if the program is missing,
        and "unknown" if it refuses.
    reason : str or None
        What Git says if the state is "unknown".
    root : Path or None
        Folder of the working tree.
    commit, branch, remote : str or None
        The branch is None if HEAD is detached; the address of `origin` is given without
        a user and password.
    untracked : tuple of str
        Files and folders that Git neither tracks nor ignores, the first thousand.
    diff : bytes or None
        The difference to the commit, for `git apply`. None if there is none, or if it
        is larger than 10 MiB.
    """

    state: str
    reason: str | None = None
    root: Path | None = None
    commit: str | None = None
    branch: str | None = None
    remote: str | None = None
    untracked: tuple[str, ...] = ()
    diff: bytes | None = None


def read_git(folder: Path) -> GitState:
    """Read the state of the repository that a folder lies in."""
    if shutil.which("git") is None:
        return GitState(state="no git")
    try:
        return _read(folder)
    except (OSError, subprocess.SubprocessError) as err:
        said = getattr(err, "stderr", None) or b""
        text = said.decode("utf-8", "replace").strip() or str(err)
        if "not a git repository" in text:
            return GitState(state="no repository")
        return GitState(state="unknown", reason=text.splitlines()[0][:500])


def _read(folder: Path) -> GitState:
    root = Path(run_git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    heads, changed, untracked = _read_status(root)
    commit = heads.get("oid")
    branch = heads.get("head")
    known = None if commit == "(initial)" else commit
    dirty = changed and known is not None
    return GitState(
        state="no commit" if known is None else "dirty" if dirty else "clean",
        root=root,
        commit=known,
        branch=None if branch == "(detached)" else branch,
        remote=_read_remote(root),
        untracked=tuple(untracked[:_MAX_UNTRACKED]),
        diff=_read_diff(root) if dirty else None,
    )


def _read_status(root: Path) -> tuple[dict[str, str], bool, list[str]]:
    heads: dict[str, str] = {}
    changed, untracked = False, []
    lines = _split(run_git(root, "status", "--porcelain=v2", "--branch", "-z"))
    for line in lines:
        if line.startswith("# branch."):
            key, _, value = line.removeprefix("# branch.").partition(" ")
            heads[key] = value
        elif line.startswith("? "):
            untracked.append(line[2:])
        elif line[:2] in ("1 ", "2 ", "u "):
            changed = True
            if line[0] == "2":
                next(lines, None)  # the path before it was renamed
    return heads, changed, untracked


def _split(output: bytes) -> Iterator[str]:
    return iter(output.decode("utf-8", "replace").split("\0"))


def _read_remote(root: Path) -> str | None:
    try:
        address = run_git(root, "remote", "get-url", "origin").decode(
            "utf-8", "replace"
        )
    except subprocess.CalledProcessError:
        return None
    return _USER.sub("", address.strip()) or None


def _read_diff(root: Path) -> bytes | None:
    # Options of the user's configuration must not change what `git apply` reads.
    options = ("--binary", "--no-color", "--no-ext-diff", "--no-textconv")
    prefixes = ("--no-relative", "--src-prefix=a/", "--dst-prefix=b/")
    command = _command(root, "diff", *options, *prefixes, "HEAD")
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=git_environ(),
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        diff = process.stdout.read(_MAX_DIFF_BYTES + 1)
        if len(diff) > _MAX_DIFF_BYTES:
            process.kill()
            return None
    return diff


def run_git(
    folder: Path, *arguments: str, timeout_s: float | None = _TIMEOUT_S
) -> bytes:
    """Run Git in a folder; return what it prints.

    Raises OSError or subprocess.SubprocessError if that does not work.
    """
    return subprocess.run(
        _command(folder, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=git_environ(),
        timeout=timeout_s,
        check=True,
    ).stdout


def _command(folder: Path, *arguments: str) -> list[str]:
    return ["git", "-C", str(folder), *arguments]


def git_environ() -> dict[str, str]:
    """Return the environment without what would lead Git to another repository."""
    kept = {key: value for key, value in os.environ.items() if key not in _LEADING}
    # To look must not take the lock that the user's own `git commit` needs.
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
