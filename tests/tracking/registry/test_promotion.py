"""Promotion, rollback, deletion and history, on a file and on real servers."""

import mlflow
import pytest

from companion.errors import (
    ConflictError,
    RegistryError,
    SettingError,
    TrackingError,
)
from companion.system import free_port
from companion.tracking import delete_version, history, promote, rollback
from companion.tracking.registry import moving
from companion.tracking.registry.journal import Journal
from companion.tracking.registry.registered import RegisteredModel

pytestmark = [
    # MLflow's SQL is deprecated, its server's answers too.
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


def champion_of(name):
    """What MLflow's own client says."""
    found = mlflow.MlflowClient().get_registered_model(name)
    return str(found.aliases.get("champion"))


def versions(entry):
    return tuple(one and one.version for one in (entry.old, entry.new))


@pytest.mark.usefixtures("tracking_uri")
def test_promotions_and_rollbacks_are_kept_and_mlflow_sees_the_alias(register_model):
    name = register_model(3)
    seen = []
    for step in (
        lambda: promote(name, 1, reason="the first", actor="ada"),
        lambda: promote(name, "2", reason="cheaper", actor="bob", expect=1),
        lambda: promote(name, 3, reason="cheaper still", actor="ada"),
        lambda: rollback(name, reason="fails on snow", actor="eve"),
        lambda: rollback(name, actor="eve", expect="2"),
    ):
        entry = step()
        seen.append((entry.number, entry.action, *versions(entry), champion_of(name)))
    found = history(name)

    assert seen == [
        (1, "promote", None, "1", "1"),
        (2, "promote", "1", "2", "2"),
        (3, "promote", "2", "3", "3"),
        (4, "rollback", "3", "2", "2"),
        (5, "rollback", "2", "1", "1"),
    ]
    assert [(one.actor, one.reason, one.state) for one in found.entries] == [
        ("ada", "the first", "done"),
        ("bob", "cheaper", "done"),
        ("ada", "cheaper still", "done"),
        ("eve", "fails on snow", "done"),
        ("eve", "", "done"),
    ]
    assert found.aliases == {"champion": "1"}
    assert not found.changed_past_journal
    with pytest.raises(RegistryError, match="knows no version that 'champion' pointed"):
        rollback(name)


@pytest.mark.usefixtures("mlflow_file")
def test_an_alias_from_before_the_journal_is_where_a_rollback_leads(register_model):
    name = register_model(2)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")

    promoted = promote(name, 2, reason="cheaper")
    rollback(name)

    assert versions(promoted) == ("1", "2")
    assert champion_of(name) == "1"


@pytest.mark.usefixtures("tracking_uri")
def test_another_version_than_the_expected_one_is_told_with_who_promoted_it(
    register_model,
):
    name = register_model(3)
    with pytest.raises(ConflictError, match="points to nothing; expected was 1"):
        promote(name, 2, reason="cheaper", expect=1)
    promote(name, 1, reason="the first", actor="ada", expect="none")

    with pytest.raises(
        ConflictError,
        match=r"version 1, since ada's promote .entry 1.; expected was no",
    ):
        promote(name, 2, reason="cheaper", expect="none")
    with pytest.raises(ConflictError, match="expected was 2"):
        rollback(name, expect=2)

    assert champion_of(name) == "1"
    assert len(history(name).entries) == 1


@pytest.mark.usefixtures("tracking_uri")
def test_a_version_that_the_alias_points_to_already_gets_no_entry(register_model):
    """An entry would replace who promoted it, when and why."""
    name = register_model(2)
    promote(name, 1, reason="the first", actor="ada")

    again = promote(name, 1, reason="once more", actor="bob", require_gate=True)
    with pytest.raises(ConflictError, match=r"points to version 1.*expected was 2"):
        promote(name, 1, reason="once more", expect=2)

    assert again is None
    assert promote(name, 1, reason="once more", expect=1, take_in=True) is None
    (entry,) = history(name).entries
    assert (entry.actor, entry.reason) == ("ada", "the first")


@pytest.mark.usefixtures("mlflow_file")
def test_an_alias_that_was_moved_there_past_the_journal_must_be_taken_in(
    register_model,
):
    name = register_model(2)
    promote(name, 1, reason="the first")
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "2")

    with pytest.raises(ConflictError, match=r"past the journal. Add --take-in"):
        promote(name, 2, reason="cheaper")

    assert len(history(name).entries) == 1


@pytest.mark.usefixtures("tracking_uri")
def test_a_change_past_the_journal_is_named_and_can_be_taken_in(register_model):
    name = register_model(4)
    promote(name, 1, reason="the first", actor="ada")
    promote(name, 2, reason="cheaper", actor="ada")
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "champion", "3")

    found = history(name)
    changed = found.changed_past_journal["champion"]
    for change in (
        lambda: promote(name, 4, reason="next"),
        lambda: rollback(name),
    ):
        with pytest.raises(
            ConflictError, match=r"changed past the journal. Add --take"
        ):
            change()

    assert "points to version 3, but by its journal to version 2 (entry 2, by ada)" in (
        changed
    )
    assert champion_of(name) == "3"

    entry = promote(name, 4, reason="next", take_in=True, actor="bob")
    kept = history(name)

    assert versions(entry) == ("3", "4")
    assert [(one.action, *versions(one)) for one in kept.entries[2:]] == [
        ("take-in", "2", "3"),
        ("promote", "3", "4"),
    ]
    assert not kept.changed_past_journal
    assert versions(rollback(name)) == ("4", "3")


@pytest.mark.usefixtures("mlflow_file")
def test_taking_in_the_version_itself_is_one_entry(register_model):
    name = register_model(2)
    promote(name, 1, reason="the first")
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "2")

    entry = promote(name, 2, reason="at night, by hand", take_in=True)

    assert (entry.action, versions(entry)) == ("take-in", ("1", "2"))
    assert len(history(name).entries) == 2


@pytest.mark.usefixtures("mlflow_file")
def test_an_alias_and_a_version_that_mlflow_deleted_are_named(register_model):
    """MLflow deletes the alias of a version with it, without a word."""
    name = register_model(3)
    promote(name, 1, reason="the first")
    promote(name, 2, reason="cheaper")
    mlflow.MlflowClient().delete_model_version(name, "2")

    changed = history(name).changed_past_journal["champion"]
    entry = promote(name, 3, reason="next", take_in=True)

    assert "points to nothing, but by its journal to version 2" in changed
    assert versions(entry) == (None, "3")
    with pytest.raises(RegistryError, match=r"Version 2 .* has been deleted"):
        rollback(name)
    assert champion_of(name) == "3"


@pytest.mark.usefixtures("mlflow_file")
def test_a_model_that_was_made_anew_is_not_taken_for_the_old_one(register_model):
    """Its versions begin at 1 again; the journal outlives the model."""
    name = register_model(2)
    promote(name, 1, reason="the first")
    promote(name, 2, reason="cheaper")
    client = mlflow.MlflowClient()
    client.delete_registered_model(name)

    gone = history(name)
    register_model(2, name)
    client.set_registered_model_alias(name, "champion", "2")
    anew = history(name)

    assert (len(gone.entries), gone.aliases) == (2, {})
    assert (
        "leads to another model that was given the number 2"
        in (anew.changed_past_journal["champion"])
    )
    promote(name, 2, reason="a new start", take_in=True)
    promote(name, 1, reason="cheaper")
    assert versions(rollback(name)) == ("1", "2")
    with pytest.raises(RegistryError, match=r"Version 2 .* has been deleted"):
        rollback(name)


@pytest.mark.usefixtures("tracking_uri")
def test_a_version_that_an_alias_points_to_is_not_deleted(register_model):
    name = register_model(2)
    promote(name, 1, reason="the first")
    promote(name, 1, reason="to be tried", alias="challenger")

    with pytest.raises(
        RegistryError, match=r"'challenger' and 'champion' point to it. Promote another"
    ):
        delete_version(name, 1, reason="old")
    entry = delete_version(name, 2, reason="never used", actor="ada")

    assert (entry.action, versions(entry)) == ("delete", ("2", None))
    assert [
        str(one.version)
        for one in mlflow.MlflowClient().search_model_versions()
        if one.name == name
    ] == ["1"]
    with pytest.raises(RegistryError, match="has no version 2; the newest are 1"):
        delete_version(name, 2, reason="again")
    with pytest.raises(RegistryError, match="has no version 2; the newest are 1"):
        promote(name, 2, reason="again")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "latest"}, "'latest' is not a version"),
        ({"version": 0}, "0 is not a version"),
        ({"version": "²"}, "'²' is not a version"),
        ({"reason": " "}, "The reason is empty"),
        ({"alias": "v1"}, "'v1' cannot be an alias"),
        ({"alias": "Latest"}, "'Latest' cannot be an alias"),
        ({"alias": "to day"}, "'to day' cannot be an alias"),
        ({"expect": "old"}, "'old' is not a version"),
        ({"reason": "x" * 6000}, "The reason has 6,000 characters"),
    ],
)
@pytest.mark.usefixtures("mlflow_file")
def test_what_mlflow_would_not_take_is_refused_before_anything_is_written(
    arguments, message, register_model
):
    name = register_model(1)

    with pytest.raises(SettingError, match=message):
        promote(name, **{"version": 1, "reason": "the first"} | arguments)

    assert history(name).entries == ()


@pytest.mark.usefixtures("tracking_uri")
def test_a_model_that_is_not_there_is_told_with_those_that_are(register_model):
    name = register_model(1)

    for call in (
        lambda: promote("nobody", 1, reason="x"),
        lambda: history("nobody"),
    ):
        with pytest.raises(RegistryError, match="has no model 'nobody'; it has"):
            call()
    with pytest.raises(RegistryError, match="is not the name of a registered model"):
        promote(f"models:/{name}@champion", 1, reason="x")


def test_a_server_that_is_down_is_one_sentence(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(TrackingError, match="No MLflow server answers at"):
        history("terrace")


@pytest.mark.usefixtures("mlflow_file")
def test_a_journal_that_was_deleted_is_told_with_the_remedy(register_model):
    name = register_model(2)
    promote(name, 1, reason="the first")
    client = mlflow.MlflowClient()
    run_id = Journal.find(client, name).run_id

    client.delete_run(run_id)
    with pytest.raises(TrackingError, match=f"mlflow runs restore --run-id {run_id}"):
        promote(name, 2, reason="cheaper")
    client.restore_run(run_id)
    experiment = client.get_experiment_by_name(f"companion.journal/{name}")
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(TrackingError, match="restore --experiment-id"):
        history(name)
    client.restore_experiment(experiment.experiment_id)

    assert len(history(name).entries) == 1


@pytest.mark.usefixtures("mlflow_file")
def test_a_journal_that_somebody_wrote_into_is_named(register_model):
    name = register_model(1)
    promote(name, 1, reason="the first")
    client = mlflow.MlflowClient()
    client.log_param(Journal.find(client, name).run_id, "000002", "hello")

    with pytest.raises(TrackingError, match="holds what this version of companion can"):
        history(name)


@pytest.mark.usefixtures("mlflow_file")
def test_an_entry_that_can_never_be_carried_out_is_void(monkeypatch, register_model):
    """The version is deleted by MLflow between the entry and the alias."""
    name = register_model(3)
    promote(name, 1, reason="the first")
    real = RegisteredModel.point

    def point_too_late(self, alias, served):
        self.client.delete_model_version(self.name, served.version)
        real(self, alias, served)

    with monkeypatch.context() as patch:
        patch.setattr(RegisteredModel, "point", point_too_late)
        with pytest.raises(RegistryError, match=r"Entry 2 .* was not carried out"):
            promote(name, 2, reason="cheaper")
    promote(name, 3, reason="next")

    assert [one.state for one in history(name).entries] == ["done", "void", "done"]
    assert versions(rollback(name)) == ("3", "1")


@pytest.mark.usefixtures("mlflow_file")
def test_a_program_that_slept_does_not_undo_what_came_after(
    monkeypatch, register_model
):
    """It wakes up when its entry was carried out for it, and another one promoted."""
    name = register_model(3)
    promote(name, 1, reason="the first")
    monkeypatch.setattr(moving, "_PATIENCE_S", 0.1)
    real = RegisteredModel.point
    others = []

    def point_after_a_sleep(self, alias, served):
        if not others:
            others.append("awake")
            others.append(promote(name, 3, reason="while it slept", actor="bob"))
        real(self, alias, served)

    monkeypatch.setattr(RegisteredModel, "point", point_after_a_sleep)
    entry = promote(name, 2, reason="cheaper", actor="ada")
    found = history(name)

    assert entry.state == "done"
    assert [one.actor for one in found.entries[1:]] == ["ada", "bob"]
    assert versions(others[1]) == ("2", "3")
    assert champion_of(name) == "3"
    assert not found.changed_past_journal


@pytest.mark.usefixtures("mlflow_file")
def test_two_aliases_do_not_get_in_each_other_s_way(monkeypatch, register_model):
    """Another alias takes the entry's number: the promotion takes the next."""
    name = register_model(2)
    promote(name, 1, reason="the first")
    real = Journal.write
    others = []

    def write_second(self, entry):
        if not others:
            others.append("first")
            others.append(promote(name, 1, reason="to try", alias="challenger"))
        return real(self, entry)

    monkeypatch.setattr(Journal, "write", write_second)
    entry = promote(name, 2, reason="cheaper")

    assert (others[1].number, entry.number) == (2, 3)
    assert history(name).aliases == {"challenger": "1", "champion": "2"}


@pytest.mark.usefixtures("mlflow_file")
def test_who_did_it_is_what_is_set_or_else_the_user(monkeypatch, register_model):
    name = register_model(2)
    monkeypatch.delenv("COMPANION_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")

    actors = [promote(name, 1, reason="x").actor]
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada@example.org")
    actors.append(promote(name, 2, reason="x").actor)
    monkeypatch.setenv("COMPANION_ACTOR", "pipeline 7")
    actors.append(promote(name, 1, reason="x").actor)
    actors.append(promote(name, 2, reason="x", actor="eve").actor)

    assert actors == ["ada@laptop", "ada@example.org", "pipeline 7", "eve"]
