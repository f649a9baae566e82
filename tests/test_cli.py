import importlib
import pkgutil
import subprocess
import sys

import click
import pytest

from companion import __version__, commands
from companion.cli import COMMANDS, main
from companion.errors import DataError


@pytest.fixture
def failing_command(monkeypatch):
    """Make `companion doctor` raise a given error."""

    def set_error(error: BaseException) -> None:
        @click.command()
        def command() -> None:
            raise error

        module = importlib.import_module("companion.commands.doctor")
        monkeypatch.setattr(module, "command", command)

    return set_error


def test_commands_are_the_modules_that_hold_them():
    modules = {
        module.name
        for module in pkgutil.iter_modules(commands.__path__)
        if not module.name.startswith("_")
    }

    assert set(COMMANDS) == modules


def walk(arguments, command):
    """Each command with the arguments that call it, groups and those inside them."""
    yield arguments, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk([*arguments, name], inner)


CALLS = [
    call
    for name in COMMANDS
    for call in walk(
        [name], importlib.import_module(f"companion.commands.{name}").command
    )
]


@pytest.mark.parametrize(
    ("arguments", "command"),
    CALLS,
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_each_command_has_help_with_an_example(arguments, command, capsys):
    code = main([*arguments, "--help"])

    text = capsys.readouterr().out
    name = " ".join(arguments)
    assert code == 0
    assert text.startswith(f"Usage: companion {name} ")
    assert f"Example: companion {name}" in text
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert all(option.help for option in options)


def test_the_list_of_commands_says_what_each_does(capsys):
    code = main(["--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert code == 0
    for name, meaning in COMMANDS.items():
        assert f"{name} {meaning}" in text


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0

    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tarin"], "No such command 'tarin'"),
        (["doctor", "--prot", "1"], "No such option"),
        (["doctor", "--port", "0"], "0 is not in the range"),
        (["doctor", "--port", "http"], "'http' is not a valid integer"),
    ],
)
def test_wrong_arguments_end_with_2_and_say_which(arguments, expected, capsys):
    code = main(arguments)

    captured = capsys.readouterr()
    assert code == 2
    assert expected in captured.err
    assert "Traceback" not in captured.err


def test_an_error_of_ours_is_one_sentence_and_ends_with_1(failing_command, capsys):
    failing_command(DataError("line 3 is broken; expected a number."))

    code = main(["doctor"])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.err == "Error: line 3 is broken; expected a number.\n"
    assert captured.out == ""


def test_a_bug_is_one_sentence_and_ends_with_70(failing_command, capsys):
    failing_command(ZeroDivisionError("division by zero"))

    code = main(["doctor"])

    lines = capsys.readouterr().err.splitlines()
    assert code == 70
    assert len(lines) == 1
    assert "ZeroDivisionError: division by zero" in lines[0]
    assert "companion --debug" in lines[0]


@pytest.mark.parametrize("error", [DataError("broken"), ZeroDivisionError("nought")])
def test_debug_adds_the_traceback(failing_command, capsys, error):
    failing_command(error)

    main(["--debug", "doctor"])

    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert str(error) in err.splitlines()[-1]


def test_the_variable_adds_the_traceback_as_well(failing_command, capsys, monkeypatch):
    failing_command(DataError("broken"))
    monkeypatch.setenv("COMPANION_DEBUG", "1")

    main(["doctor"])

    assert "Traceback" in capsys.readouterr().err


def test_a_variable_set_to_0_adds_none(failing_command, capsys, monkeypatch):
    monkeypatch.setenv("COMPANION_DEBUG", "0")
    failing_command(DataError("the file is empty"))

    assert main(["doctor"]) == 1

    assert "Traceback" not in capsys.readouterr().err


def test_a_closed_pipe_is_not_an_error():
    """As in `companion --help | head -1`; click ends the command with 1."""
    process = subprocess.Popen(
        [sys.executable, "-m", "companion", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()

    complaints = process.stderr.read()
    process.stderr.close()

    process.wait()
    assert complaints == b""


def test_an_interrupt_ends_with_130(failing_command, capsys):
    failing_command(KeyboardInterrupt())

    assert main(["doctor"]) == 130

    assert capsys.readouterr().err.split() == ["Interrupted."]


def test_what_a_command_returns_is_the_exit_code(monkeypatch):
    @click.command()
    def command() -> int:
        return 1

    module = importlib.import_module("companion.commands.doctor")
    monkeypatch.setattr(module, "command", command)

    assert main(["doctor"]) == 1


def test_the_installed_command_and_the_module_are_the_same():
    by_module = subprocess.run(
        [sys.executable, "-m", "companion", "nope"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert by_module.returncode == 2
    assert "Try 'companion --help' for help." in by_module.stderr
