import pytest

from companion.cli import main
from companion.settings import SETTINGS, read_setting


@pytest.mark.parametrize("name", SETTINGS)
def test_a_variable_wins_over_the_default_and_an_empty_one_does_not(name):
    setting = SETTINGS[name]

    assert read_setting(name, {}) == setting.default
    assert read_setting(name, {setting.variable: "mine"}) == "mine"
    assert read_setting(name, {setting.variable: ""}) == setting.default


def test_variables_are_named_after_their_settings():
    assert {setting.variable for setting in SETTINGS.values()} == {
        f"COMPANION_{name.upper().replace('-', '_')}" for name in SETTINGS
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_stands_in_the_help_of_a_command_with_its_default(name, capsys):
    setting = SETTINGS[name]
    helps = []
    for command in ("serve", "ship", "predictions", "doctor"):
        main([command, "--help"])
        helps.append(" ".join(capsys.readouterr().out.split()))

    showing = [text for text in helps if setting.variable in text]

    assert showing
    if setting.default is not None:
        assert all(f"default: {setting.default}" in text for text in showing)
