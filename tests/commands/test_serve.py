import pytest

from companion.cli import main
from companion.settings import SETTINGS
from companion.system import free_port
from companion.system.ports import take_port

OPTIONS = ("host", "port", "workers", "threads", "store", "journal")
OPTIONS += ("cors-origin", "root-path", "max-concurrent", "request-timeout")
OPTIONS += ("max-header-bytes", "max-rows", "max-body", "log-failure")


def test_help_names_each_option_with_its_variable_and_default(capsys):
    assert main(["serve", "--help"]) == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "Example: companion serve" in shown
    assert all(f"--{name}" in shown for name in ("name", "model-version", "example"))
    for name in OPTIONS:
        setting = SETTINGS[name]
        assert f"--{name}" in shown
        assert setting.variable in shown
        if setting.default is not None:
            assert f"default: {setting.default}" in shown


def test_a_folder_that_is_missing_is_one_sentence(capsys, tmp_path):
    assert main(["serve", str(tmp_path / "nowhere")]) == 1

    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert sentence.startswith(f"Error: There is no model folder {tmp_path}")
    assert "companion train" in sentence


def test_an_example_that_is_missing_is_one_sentence(capsys, rain_model):
    arguments = ["serve", str(rain_model), "--port", "0", "--example", "nowhere.json"]

    assert main(arguments) == 1

    (sentence,) = capsys.readouterr().err.strip().splitlines()
    assert "there is no file nowhere.json" in sentence


@pytest.mark.parametrize("option", ["--name", "--model-version"])
@pytest.mark.parametrize("text", ["", "x" * 201, "a\0b"])
def test_a_name_that_no_log_can_keep_is_refused(capsys, rain_model, option, text):
    assert main(["serve", str(rain_model), "--port", "0", option, text]) == 1

    assert "must be text of 1 to 200" in capsys.readouterr().err or "\0" in text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m", "--port", "70000"],
        ["m", "--workers", "0"],
        ["m", "--threads", "0"],
        ["m", "--max-rows", "0"],
        ["m", "--log-failure", "shrug"],
        ["m", "--example", "."],
        ["m", "--max-concurrent", "0"],
        ["m", "--request-timeout", "0"],
        ["m", "--max-header-bytes", "0"],
        ["m", "--token", "0123456789abcdef"],  # others on the machine could read it
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(capsys, arguments):
    assert main(["serve", *arguments]) == 2

    assert "Usage: companion serve" in capsys.readouterr().err


def test_an_address_that_others_reach_needs_a_token(capsys, monkeypatch, rain_model):
    monkeypatch.delenv("COMPANION_TOKEN", raising=False)

    assert main(["serve", str(rain_model), "--host", "0.0.0.0", "--port", "0"]) == 1  # noqa: S104 - refused

    said = capsys.readouterr()
    (sentence,) = said.err.strip().splitlines()
    assert sentence.startswith("Error: The server would answer everyone")
    assert "COMPANION_TOKEN" in sentence
    assert "--no-auth" in sentence
    assert said.out == ""


def test_a_bad_token_is_refused_without_repeating_it(capsys, monkeypatch, rain_model):
    monkeypatch.setenv("COMPANION_TOKEN", "hunter2")

    assert main(["serve", str(rain_model), "--port", "0"]) == 1

    said = capsys.readouterr()
    assert "COMPANION_TOKEN has 7 characters" in said.err
    assert "hunter2" not in said.err + said.out


def test_several_origins_are_options_or_have_commas_in_the_variable(
    capsys, monkeypatch, rain_model
):
    arguments = ["serve", str(rain_model), "--port", "0"]
    assert main([*arguments, "--cors-origin", "http://a", "--cors-origin", "b"]) == 1
    assert "cors_origin is 'b'" in capsys.readouterr().err

    monkeypatch.setenv("COMPANION_CORS_ORIGIN", "http://a, http://b,c")
    assert main(arguments) == 1
    assert "cors_origin is 'c'" in capsys.readouterr().err


def test_a_store_that_is_no_database_is_refused_before_anything_starts(
    capsys, rain_model
):
    arguments = ["serve", str(rain_model), "--store", "mysql://u:secret@host/x"]

    assert main([*arguments, "--port", str(free_port())]) == 1

    said = capsys.readouterr()
    assert "SQLite or PostgreSQL" in said.err
    assert "secret" not in said.err + said.out


def test_a_missing_folder_of_the_store_is_said_before_anything_starts(
    capsys, rain_model, tmp_path
):
    store = f"sqlite:///{tmp_path / 'nowhere' / 'log.db'}"

    with take_port("127.0.0.1", 0) as taken:  # what goes on too far ends there
        port = str(taken.getsockname()[1])
        code = main(["serve", str(rain_model), "--store", store, "--port", port])

    assert code == 1
    said = capsys.readouterr()
    (sentence,) = said.err.strip().splitlines()
    assert str(tmp_path / "nowhere") in sentence
    assert said.out == ""


def test_a_missing_driver_of_the_store_is_said_before_anything_starts(
    capsys, rain_model, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)  # cannot be imported
    store = "postgresql://u:secret@host/x"

    with take_port("127.0.0.1", 0) as taken:  # what goes on too far ends there
        port = str(taken.getsockname()[1])
        code = main(["serve", str(rain_model), "--store", store, "--port", port])

    assert code == 1
    said = capsys.readouterr()
    (sentence,) = said.err.strip().splitlines()
    assert "psycopg" in sentence
    assert "secret" not in said.err + said.out


def test_a_missing_library_is_named_with_its_extra(capsys, monkeypatch, rain_model):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "gunicorn" else find(name, *rest),
    )

    assert main(["serve", str(rain_model), "--port", str(free_port())]) == 1

    assert "mlops-companion[serving]" in capsys.readouterr().err
