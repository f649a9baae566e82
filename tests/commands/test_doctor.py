import json
import os
import socket
import subprocess
import sys

import pytest

from companion.cli import main
from companion.commands import doctor
from companion.system import free_port
from companion.system.doctor import Check

FINE = Check(name="Git", status="ok", required=True, found="2.47", remedy="")
GONE = Check(
    name="Extra serving",
    status="missing",
    required=True,
    purposes=("learning", "serving"),
    found="without flask",
    remedy="Run: python -m pip install flask",
)
SPARE = Check(
    name="Extra llm", status="missing", required=False, found="without x", remedy="Run"
)


@pytest.fixture
def pretend(monkeypatch):
    """Replace the checks of each purpose, those that are not named by the same."""

    def set_checks(*checks: Check, **by_purpose: list[Check]) -> None:
        def run_checks(*, purpose: str, **_: object) -> list[Check]:
            return by_purpose.get(purpose, list(checks))

        monkeypatch.setattr(doctor, "run_checks", run_checks)

    return set_checks


@pytest.mark.parametrize(
    ("checks", "code"),
    [([FINE], 0), ([FINE, SPARE], 0), ([FINE, GONE], 1), ([GONE, SPARE], 1)],
)
def test_the_exit_code_says_whether_everything_required_is_there(
    pretend, capsys, checks, code
):
    pretend(*checks)

    assert main(["doctor"]) == code
    assert main(["doctor", "--json"]) == code

    assert "Traceback" not in capsys.readouterr().err


def test_each_check_is_a_line_and_each_remedy_stands_below(pretend, capsys):
    pretend(FINE, GONE, SPARE)

    main(["doctor"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "✓ ok       Git            2.47",
        "✗ missing  Extra serving  without flask (needed for learning, serving)",
        "             Run: python -m pip install flask",
        "✗ missing  Extra llm      without x (optional)",
        "             Run",
        "1 thing needs your attention. Run `companion doctor` again after each fix.",
    ]


def test_a_purpose_is_named_and_only_its_own_checks_count(pretend, capsys):
    pretend(learning=[FINE, GONE], serving=[FINE])

    assert main(["doctor", "--for", "serving"]) == 0
    assert json.loads(_output(capsys, "doctor", "--for", "serving", "--json"))["ok"]
    assert main(["doctor"]) == 1


def _output(capsys, *arguments: str) -> str:
    capsys.readouterr()
    main(list(arguments))
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("purposes", "arguments", "last"),
    [
        ({}, [], "Everything that is required is there."),
        ({}, ["llm"], "Everything that is required for llm is there."),
        (
            {"learning": [GONE], "llm": [GONE]},
            [],
            (
                "1 thing needs your attention. Run `companion doctor` again after each "
                "fix. What serving needs is there."
            ),
        ),
        (
            {"serving": [GONE, GONE]},
            ["serving"],
            (
                "2 things need your attention. Run `companion doctor --for serving` "
                "again after each fix. What learning and llm need is there."
            ),
        ),
    ],
)
def test_the_last_line_says_for_which_purposes_all_is_there(
    pretend, capsys, purposes, arguments, last
):
    """Whoever installed a part of the package must not take it for broken."""
    pretend(FINE, **purposes)

    options = [word for one in arguments for word in ("--for", one)]
    lines = _output(capsys, "doctor", *options).splitlines()

    assert lines[0].endswith(f", checked for {(*arguments, 'learning')[0]}")
    assert lines[-1] == last


def test_json_holds_every_field(pretend, capsys):
    pretend(FINE, GONE)

    main(["doctor", "--json"])

    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is False
    assert result["for"] == "learning"
    assert result["checks"][1] == {
        "name": "Extra serving",
        "status": "missing",
        "required": True,
        "purposes": ["learning", "serving"],
        "found": "without flask",
        "remedy": "Run: python -m pip install flask",
    }


def test_a_taken_port_is_found_on_the_port_that_was_asked_for(capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        code = main(["doctor", "--json", "--port", str(port)])

    (check,) = [
        check
        for check in json.loads(capsys.readouterr().out)["checks"]
        if check["name"] == f"Port {port}"
    ]
    assert (code, check["status"]) == (1, "problem")


def test_the_port_comes_from_the_environment_unless_an_option_says_otherwise(
    capsys, monkeypatch
):
    by_variable, by_option = free_port(), free_port()
    monkeypatch.setenv("COMPANION_PORT", str(by_variable))

    main(["doctor"])
    main(["doctor", "--port", str(by_option)])

    first, second = capsys.readouterr().out.split("companion 0", 2)[1:]
    assert f"Port {by_variable}" in first
    assert f"Port {by_option}" in second


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_check_marks_gets_plain_ones(encoding, tmp_path):
    """And a folder whose name it cannot print does not break it."""
    folder = tmp_path / "téstø-テラス"
    folder.mkdir()
    environ = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    result = subprocess.run(
        [sys.executable, "-m", "companion", "doctor", "--port", str(free_port())],
        cwd=folder,
        env=environ,
        capture_output=True,
        timeout=60,
        check=False,
    )

    lines = result.stdout.decode(encoding).splitlines()
    assert result.stderr == b""
    assert lines[1].startswith("+ ok       Python")
    assert any("\\u30c6" in line for line in lines if "Folder" in line)
