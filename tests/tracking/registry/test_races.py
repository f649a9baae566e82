"""Programs that promote at the same moment, and programs that are killed midway."""

import json
import subprocess
import sys
from dataclasses import dataclass

import mlflow
import pytest

from companion.tracking import history, promote, rollback
from companion.tracking.registry import moving

N_ROUNDS = 50
# Promotes once for each line on its standard input; prints what came of it.
PROMOTER = """
import json
import sys
from companion.errors import ConflictError
from companion.tracking import history, promote

name, actor = sys.argv[1:]
history(name)  # MLflow is loaded
print("ready", flush=True)
for line in sys.stdin:
    try:
        entry = promote(name, reason="a race", actor=actor, **json.loads(line))
        print(json.dumps({"number": entry.number}), flush=True)
    except ConflictError as err:
        print(json.dumps({"lost": str(err)}), flush=True)
"""
# Promotes and is killed before the given method of the given class has done its work.
KILLED = """
import os
import signal
import sys
from companion.tracking.registry import journal, registered

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

name, method = sys.argv[1:]
owner = journal.Journal if method == "close" else registered.RegisteredModel
setattr(owner, method, die)
from companion.tracking import delete_version, promote
if method == "delete":
    delete_version(name, 2, reason="cheaper", actor="killed")
promote(name, 2, reason="cheaper", actor="killed")
"""


@dataclass
class Promoter:
    actor: str
    process: subprocess.Popen

    def start(self, **arguments):
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()

    def read(self):
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def start_promoter():
    """Start a program that promotes when it is told to; both begin at once."""
    started = []

    def start(name, actor):
        process = subprocess.Popen(
            [sys.executable, "-c", PROMOTER, name, actor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Promoter(actor, process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def champion_of(name):
    return str(mlflow.MlflowClient().get_registered_model(name).aliases["champion"])


@pytest.mark.usefixtures("tracking_uri")
def test_of_two_promotions_at_once_one_wins_and_the_other_is_told_who(
    register_model, start_promoter
):
    """Both expect what the round before left: two winners would be a lost update."""
    name = register_model(4)
    promote(name, 1, reason="the first")
    both = (start_promoter(name, "ada"), start_promoter(name, "bob"))
    for one in both:
        assert one.process.stdout.readline() == "ready\n"
    winners = []

    for number in range(2, N_ROUNDS + 2):
        # None is the one of the round before, which both expect.
        versions = {"ada": "1", "bob": "2"} if number % 2 else {"ada": "3", "bob": "4"}
        expected = champion_of(name)
        for one in both:
            one.start(version=versions[one.actor], expect=expected)
        answers = {one.actor: one.read() for one in both}
        (winner,) = [one for one in answers if "number" in answers[one]]
        (lost,) = [one["lost"] for one in answers.values() if "lost" in one]
        assert answers[winner]["number"] == number
        assert f" {winner} pointed 'champion'" in lost or f"since {winner}'s" in lost
        assert champion_of(name) == versions[winner]
        winners.append(winner)

    found = history(name)
    assert [one.actor for one in found.entries[1:]] == winners
    assert [one.number for one in found.entries] == list(range(1, N_ROUNDS + 2))
    assert {one.state for one in found.entries} == {"done"}
    assert not found.changed_past_journal


@pytest.mark.usefixtures("mlflow_file")
def test_without_an_expectation_no_promotion_is_lost_without_a_word(
    register_model, start_promoter
):
    """Either both are in the journal, one after the other, or one is told."""
    name = register_model(4)
    both = (start_promoter(name, "ada"), start_promoter(name, "bob"))
    for one in both:
        assert one.process.stdout.readline() == "ready\n"
    numbers = []

    for number in range(10):
        # None is one of the round before: each promotion has something to do.
        for version, one in enumerate(both, start=3 if number % 2 else 1):
            one.start(version=version)
        answers = [one.read() for one in both]
        numbers += [one["number"] for one in answers if "number" in one]
        last = history(name).entries[-1]
        assert last.new.version == champion_of(name)

    found = history(name)
    assert sorted(numbers) == [one.number for one in found.entries]
    assert not found.changed_past_journal


def run_and_be_killed(name, method):
    result = subprocess.run(
        [sys.executable, "-c", KILLED, name, method], check=False, timeout=120
    )
    assert result.returncode == -9


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.usefixtures("mlflow_file")
@pytest.mark.parametrize(
    ("method", "command", "left"),
    [
        # Between the entry and the alias.
        ("point", history, ["promote"]),
        ("point", rollback, ["promote", "rollback"]),
        # Between the alias and the end of the entry.
        ("close", rollback, ["promote", "rollback"]),
        # Between the entry and the deletion of version 2.
        ("delete", history, ["delete"]),
    ],
)
def test_what_a_killed_program_left_is_finished_by_the_next_command(
    method, command, left, register_model, monkeypatch
):
    # So long it waits for the other to go on, if it knows no better.
    monkeypatch.setattr(moving, "_PATIENCE_S", 0.2)
    name = register_model(2)
    promote(name, 1, reason="the first")
    run_and_be_killed(name, method)

    command(name)

    found = history(name)
    versions = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    assert [one.action for one in found.entries[1:]] == left
    assert {one.state for one in found.entries} == {"done"}
    assert found.entries[1].actor == "killed"
    assert champion_of(name) == ("2" if left == ["promote"] else "1")
    assert len(versions) == (1 if left == ["delete"] else 2)
    assert not found.changed_past_journal


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.usefixtures("mlflow_file")
def test_what_was_changed_past_the_journal_after_a_kill_is_not_undone(
    register_model, monkeypatch
):
    monkeypatch.setattr(moving, "_PATIENCE_S", 0.2)
    name = register_model(3)
    promote(name, 1, reason="the first")
    run_and_be_killed(name, "point")
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "3")

    changed = history(name).changed_past_journal["champion"]

    assert "points to version 3, but by its journal to version 2" in changed
    assert champion_of(name) == "3"
