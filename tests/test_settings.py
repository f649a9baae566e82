import importlib

import click
import pytest

from companion.cli import COMMANDS, main
from companion.settings import SETTINGS


def walk(words, command):
    """Each command with the words that call it, those inside a group too."""
    if not isinstance(command, click.Group):
        return [words]
    inner = (walk([*words, name], each) for name, each in command.commands.items())
    return [found for several in inner for found in several]


CALLS = [
    call
    for name in COMMANDS
    for call in walk(
        [name], importlib.import_module(f"companion.commands.{name}").command
    )
]


def test_variables_are_named_after_their_settings():
    assert {setting.variable for setting in SETTINGS.values()} == {
        f"COMPANION_{name.upper().replace('-', '_')}" for name in SETTINGS
    }


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
