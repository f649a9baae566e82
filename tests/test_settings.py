import importlib
from pathlib import Path

import click
import pytest

from companion.cli import COMMANDS, main
from companion.settings import SETTINGS, resolve_setting, resolve_store


def walk(arguments, command):
    """Each command with the arguments that call it, those inside a group too."""
    if not isinstance(command, click.Group):
        return [arguments]
    inner = (walk([*arguments, name], each) for name, each in command.commands.items())
    return [found for several in inner for found in several]


CALLS = [
    call
    for name in COMMANDS
    for call in walk(
        [name], importlib.import_module(f"companion.commands.{name}").command
    )
]


def test_a_variable_is_named_after_its_setting():
    assert SETTINGS["max-rows"].variable == "COMPANION_MAX_ROWS"


WITH_OPTION = [name for name, setting in SETTINGS.items() if setting.has_option]


@pytest.mark.parametrize("name", WITH_OPTION)
def test_every_setting_stands_in_the_help_of_a_command_with_its_default(name, capsys):
    setting = SETTINGS[name]
    helps = []
    for call in CALLS:
        assert main([*call, "--help"]) == 0
        helps.append(" ".join(capsys.readouterr().out.split()))

    showing = [text for text in helps if setting.variable in text]
    shown = f"env var: {setting.variable}"
    if setting.default is not None:
        shown += f"; default: {setting.default}"

    assert showing
    assert all(shown in text for text in showing)


def test_a_key_is_never_an_option_for_others_on_the_machine_to_read():
    assert not SETTINGS["llm-key"].has_option


@pytest.fixture
def environ(monkeypatch):
    """A setter for variables, in an environment that has none of ours."""
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize(
    ("given", "variable", "found"),
    [
        (None, None, "sqlite:///companion.db"),
        (None, "", "sqlite:///companion.db"),
        (None, "postgresql://db/log", "postgresql://db/log"),
        ("sqlite:///mine.db", "postgresql://db/log", "sqlite:///mine.db"),
    ],
)
def test_what_is_given_wins_over_the_environment_and_that_over_the_default(
    environ, given, variable, found
):
    if variable is not None:
        environ("COMPANION_STORE", variable)

    assert resolve_setting("store", given) == found
    assert resolve_store(given).url == found


@pytest.mark.usefixtures("environ")
def test_a_setting_without_a_default_may_have_no_value():
    assert resolve_setting("llm-url") is None


@pytest.mark.parametrize("store", [None, "sqlite:///mine.db"])
def test_a_given_store_leaves_the_environments_journal(environ, store):
    """Or one part of a program would write where the other never looks."""
    environ("COMPANION_JOURNAL", "waiting")

    assert resolve_store(store).journal == Path("waiting")
    assert resolve_store(store, "elsewhere").journal == Path("elsewhere")


@pytest.mark.usefixtures("environ")
def test_without_any_setting_the_journal_is_the_stores_own():
    assert resolve_store().journal is None
