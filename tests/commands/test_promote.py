"""`companion promote`, `companion rollback` and `companion history`."""

import json
import secrets

import mlflow
import pytest

from companion.cli import main


@pytest.fixture
def model(mlflow_file):  # noqa: ARG001 - it is where the registry is
    """A registered model with three versions, without files."""
    client = mlflow.MlflowClient()
    experiment = client.create_experiment(secrets.token_hex(4))
    client.create_registered_model("terrace")
    for _ in range(3):
        logged = client.create_logged_model(experiment, name="model")
        client.create_model_version("terrace", f"models:/{logged.model_id}")
    return "terrace"


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command as ada; returns its exit code, output and errors."""
    monkeypatch.setenv("COMPANION_ACTOR", "ada")
    # A pipe has 120 columns; so have the tables of these tests.
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments):
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_promotion_and_a_rollback_are_told_and_listed(model, run):
    first = run("promote", model, "1", "--reason", "the first")
    second = run("promote", model, "2", "--reason", "cheaper", "--expect", "1")
    back = run("rollback", model, "--reason", "fails on snow", "--actor", "eve")
    code, listing, _ = run("history", model)

    assert first[0] == 0
    assert first[1] == (
        "champion of terrace now points to version 1; before, to nothing. "
        "Entry 1 of the journal: promote by ada.\n"
    )
    assert second[1].startswith("champion of terrace now points to version 2; before, ")
    assert back[1].endswith("Entry 3 of the journal: rollback by eve.\n")
    assert code == 0
    lines = listing.splitlines()
    assert lines[0].split() == [
        *("entry", "time", "(UTC)", "action", "alias", "version", "by", "reason")
    ]
    assert " ".join(lines[1].split()[3:]) == "rollback champion 2 → 1 eve fails on snow"
    assert " ".join(lines[2].split()[3:]) == "promote champion 1 → 2 ada cheaper"
    assert " ".join(lines[3].split()[3:]) == "promote champion none → 1 ada the first"
    assert lines[4:] == ["", "champion points to version 1."]


def test_a_promotion_to_the_same_version_changes_nothing_and_says_so(model, run):
    run("promote", model, "1", "--reason", "the first")
    before = run("history", model)

    again = run("promote", model, "1", "--reason", "again", "--require-gate")
    refused = run("promote", model, "1", "--reason", "again", "--expect", "2")

    assert again == (
        0,
        "champion of terrace points to version 1 already; nothing was changed.\n",
        "",
    )
    assert refused[0] == 1
    assert (
        "points to version 1, since ada's promote (entry 1); expected was 2"
        in (refused[2])
    )
    assert run("history", model) == before


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        ({}, "has been through no gate"),
        (
            {"companion.gate": "fail", "companion.gate.against": "terrace, version 1"},
            "did not pass its last gate (outcome: fail, against terrace, version 1)",
        ),
        (
            {"companion.gate": "pass", "companion.gate.against": "terrace, version 3"},
            "against terrace, version 3, not against terrace, version 1",
        ),
    ],
)
def test_a_version_without_the_verdict_that_is_required_stays_where_it_is(
    model, run, verdict, why
):
    client = mlflow.MlflowClient()
    run("promote", model, "1", "--reason", "the first")
    for tag, value in verdict.items():
        client.set_model_version_tag(model, "2", tag, value)

    code, out, err = run("promote", model, "2", "--reason", "new", "--require-gate")

    assert (code, out) == (1, "")
    assert why in err
    assert "companion gate models:/terrace/2 --against models:/terrace@champion" in err
    assert client.get_registered_model(model).aliases == {"champion": 1}
    assert run("promote", model, "2", "--reason", "new")[0] == 0


def test_a_passed_gate_opens_the_way_once(model, run):
    """After a promotion its verdict is one on a champion of the past."""
    client = mlflow.MlflowClient()
    for version, against in (("1", "3 EUR rule"), ("2", "terrace, version 1")):
        client.set_model_version_tag(model, version, "companion.gate", "pass")
        client.set_model_version_tag(model, version, "companion.gate.against", against)
    client.set_model_version_tag(model, "3", "companion.gate", "pass")
    client.set_model_version_tag(
        model, "3", "companion.gate.against", "terrace, version 1"
    )
    required = ("--reason", "new", "--require-gate")

    codes = [
        run("promote", model, version, *required)[0] for version in ("1", "2", "2", "3")
    ]

    assert codes == [0, 0, 0, 1]
    assert client.get_registered_model(model).aliases == {"champion": 2}


def test_a_change_past_the_journal_does_not_lead_around_the_gate(model, run):
    run("promote", model, "1", "--reason", "the first")
    mlflow.MlflowClient().set_registered_model_alias(model, "champion", "2")

    code, _, err = run(
        *("promote", model, "2", "--reason", "new", "--take-in", "--require-gate")
    )

    assert code == 1
    assert "it has been through no gate" in err


def test_a_long_reason_is_there_to_its_last_word_in_a_narrow_terminal(
    model, run, monkeypatch
):
    reason = "it costs three EUR a day less, and no slice is worse than before"
    run("promote", model, "1", "--reason", reason)
    monkeypatch.setenv("COLUMNS", "84")

    _, listing, _ = run("history", model)

    table, _ = listing.split("\n\n")
    header, *lines = table.splitlines()
    place = header.index("reason")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 84
    assert [line[:place].strip() for line in lines[1:]] == [""] * (len(lines) - 1)
    assert " ".join(line[place:] for line in lines) == reason


def test_the_history_says_what_was_changed_past_the_journal(model, run):
    run("promote", model, "1", "--reason", "the first")
    run("promote", model, "2", "--reason", "to be tried", "--alias", "challenger")
    mlflow.MlflowClient().set_registered_model_alias(model, "champion", "3")

    _, listing, _ = run("history", model)
    _, of_challenger, _ = run("history", model, "--alias", "challenger")
    _, of_nobody, _ = run("history", model, "--alias", "nobody")
    refused = run("promote", model, "2", "--reason", "next")
    taken = run("promote", model, "2", "--reason", "next", "--take-in")

    assert "Note: 'champion' of the model 'terrace' points to version 3, but" in listing
    assert "--take-in" in listing.splitlines()[-1]
    assert "Note" not in of_challenger
    assert "champion" not in of_challenger
    assert of_nobody == (
        "The journal of terrace has no entry of nobody yet.\n\n"
        "No alias points to a version.\n"
    )
    assert (refused[0], refused[1]) == (1, "")
    assert refused[2].startswith("Error: 'champion' of the model 'terrace' points to ")
    assert refused[2].count("\n") == 1
    assert taken[0] == 0


def test_the_history_as_json_has_all_of_it(model, run):
    run("promote", model, "1", "--reason", "größer ist besser")
    mlflow.MlflowClient().set_registered_model_alias(model, "champion", "2")

    _, text, _ = run("history", model, "--json")

    found = json.loads(text)
    assert found["aliases"] == {"champion": "2"}
    assert list(found["changed_past_journal"]) == ["champion"]
    (entry,) = found["entries"]
    assert entry["new"]["version"] == "1"
    assert entry["old"] is None
    assert (entry["actor"], entry["reason"]) == ("ada", "größer ist besser")


def test_a_model_that_nobody_promoted_has_an_empty_history(model, run):
    assert run("history", model) == (
        0,
        "The journal of terrace has no entry yet.\n\nNo alias points to a version.\n",
        "",
    )


def test_a_deletion_and_a_void_entry_can_be_told_in_the_history(model, run):
    from companion.tracking import delete_version
    from companion.tracking.registry.registered import RegisteredModel

    delete_version(model, 3, reason="never used", actor="ada")
    with pytest.MonkeyPatch.context() as patch:
        real = RegisteredModel.point

        def point_too_late(self, alias, served):
            self.client.delete_model_version(self.name, served.version)
            real(self, alias, served)

        patch.setattr(RegisteredModel, "point", point_too_late)
        code, _, err = run("promote", model, "2", "--reason", "next")

    _, listing, _ = run("history", model)

    assert code == 1
    assert "Entry 2 of the journal of the model 'terrace' was not carried out" in err
    lines = listing.splitlines()
    assert " ".join(lines[1].split()[3:]) == "promote (void) champion none → 2 ada next"
    assert " ".join(lines[2].split()[3:]) == "delete 3 ada never used"


@pytest.mark.parametrize("arguments", [["promote", "terrace", "1"], ["promote"]])
def test_a_promotion_needs_version_and_reason(arguments, run):
    code, _, err = run(*arguments)

    assert code == 2
    assert "Missing" in err
