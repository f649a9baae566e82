"""What is read of a repository, compared with what Git itself does with it."""

import shutil

import pytest

from companion.tracking.runs import git
from companion.tracking.runs.git import read_git


def test_a_clean_tree_is_its_commit(repository, do_git):
    (repository / "mlflow.db").write_text("ignored")

    found = read_git(repository)

    assert (found.state, found.branch) == ("clean", "trunk")
    assert found.commit == do_git(repository, "rev-parse", "HEAD")
    assert found.root == repository
    assert (found.untracked, found.diff, found.remote) == ((), None, None)


def test_a_dirty_tree_is_its_commit_and_a_diff_that_git_applies(
    repository, tmp_path, do_git
):
    """A change, a staged one, a renamed file and a binary one, seen from below."""
    (repository / "train.py").write_bytes(b"alpha = 2\n")
    (repository / "model.bin").write_bytes(bytes(range(256)))
    do_git(repository, "add", "model.bin")
    do_git(repository, "mv", "notes/plan.txt", "notes/then.txt")

    found = read_git(repository / "notes")

    assert found.state == "dirty"
    clone = tmp_path / "clone"
    do_git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    (tmp_path / "changes.diff").write_bytes(found.diff)
    do_git(clone, "apply", str(tmp_path / "changes.diff"))
    assert (clone / "train.py").read_text() == "alpha = 2\n"
    assert (clone / "model.bin").read_bytes() == bytes(range(256))
    assert [one.name for one in (clone / "notes").iterdir()] == ["then.txt"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.relative", "true"),
        ("color.ui", "always"),
        ("diff.external", "false"),
    ],
)
def test_the_users_configuration_does_not_change_the_diff(
    repository, key, value, do_git
):
    (repository / "train.py").write_bytes(b"alpha = 2\n")
    plain = read_git(repository).diff

    do_git(repository, "config", key, value)

    assert read_git(repository / "notes").diff == plain
    assert b"+alpha = 2\n" in plain


def test_files_that_git_does_not_track_are_named_and_not_kept(repository):
    (repository / "new.py").write_text("password = 'secret'")
    (repository / "a new file").write_text("")

    found = read_git(repository)

    assert found.untracked == ("a new file", "new.py")
    assert (found.state, found.diff) == ("clean", None)


def test_a_detached_head_has_a_commit_and_no_branch(repository, do_git):
    do_git(repository, "checkout", "--quiet", "--detach")

    found = read_git(repository)

    assert (found.state, found.branch) == ("clean", None)
    assert found.commit == do_git(repository, "rev-parse", "HEAD")


def test_before_the_first_commit_there_is_none(tmp_path, do_git):
    do_git(tmp_path, "init", "--initial-branch=trunk")
    (tmp_path / "train.py").write_text("")
    do_git(tmp_path, "add", "train.py")

    found = read_git(tmp_path)

    assert (found.state, found.commit, found.branch) == ("no commit", None, "trunk")


def test_outside_a_repository_there_is_no_state(tmp_path):
    assert read_git(tmp_path).state == "no repository"


def test_without_git_there_is_no_state(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert read_git(repository).state == "no git"


def test_a_repository_that_git_refuses_is_unknown_with_its_reason(repository):
    (repository / ".git" / "config").write_text("[core\n")

    found = read_git(repository)

    assert (found.state, found.commit) == ("unknown", None)
    assert "bad config" in found.reason


def test_a_remote_is_recorded_without_user_and_password(repository, do_git):
    address = "https://ada:secret@git.example.org/code.git"
    do_git(repository, "remote", "add", "origin", address)

    assert read_git(repository).remote == "https://git.example.org/code.git"


def test_a_diff_beyond_the_limit_is_left_out(repository, monkeypatch):
    monkeypatch.setattr(git, "_MAX_DIFF_BYTES", 1_000)
    (repository / "train.py").write_text("beta = 3\n" * 200)

    found = read_git(repository)

    assert (found.state, found.diff) == ("dirty", None)


def test_inside_a_hook_the_folder_counts_and_not_the_hooks_repository(
    repository, tmp_path, monkeypatch, do_git
):
    other = tmp_path / "other"
    shutil.copytree(repository, other)
    do_git(other, "checkout", "--quiet", "-b", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    assert read_git(repository).branch == "trunk"


def test_looking_does_not_take_the_lock_of_the_index(repository):
    """The user's own `git commit` may run at the same time."""
    (repository / "train.py").touch()
    before = (repository / ".git" / "index").stat().st_mtime_ns

    read_git(repository)

    assert (repository / ".git" / "index").stat().st_mtime_ns == before
