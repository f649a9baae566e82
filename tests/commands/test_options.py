import click
import pytest
from click.testing import CliRunner

from companion.commands._options import setting_option
from companion.settings import SETTINGS


def run(name, *arguments, variable=None, option=None):
    """What a command gets for a setting: None, or text as nothing converts it."""
    got = []

    @click.command()
    @setting_option(name, option=option)
    def command(**values):
        got.extend(values.items())

    environment = {} if variable is None else {SETTINGS[name].variable: variable}
    result = CliRunner().invoke(command, arguments, env=environment)
    assert result.exit_code == 0, result.output
    return got


@pytest.mark.parametrize("name", SETTINGS)
def test_an_option_wins_over_its_variable_and_that_over_the_default(name, monkeypatch):
    monkeypatch.delenv(SETTINGS[name].variable, raising=False)
    key, default = name.replace("-", "_"), SETTINGS[name].default

    assert run(name) == [(key, default)]
    assert run(name, variable="") == [(key, default)]
    assert run(name, variable="1") == [(key, "1")]
    assert run(name, f"--{name}", "2", variable="1") == [(key, "2")]


def test_an_option_may_have_another_name_than_its_setting():
    assert run("max-rows", option="port") == [("port", "1000")]
    assert run("max-rows", variable="7", option="port") == [("port", "7")]
    assert run("max-rows", "--port", "8", option="port") == [("port", "8")]
