import dataclasses

import pytest

from companion.commands.serve import command
from companion.errors import SettingError
from companion.serving import ServerConfig, create_app
from companion.settings import SETTINGS

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}


@pytest.fixture
def environ(monkeypatch):
    """A setter for variables, in an environment that has none of ours."""
    for setting in SETTINGS.values():
        monkeypatch.delenv(setting.variable, raising=False)
    return monkeypatch.setenv


@pytest.mark.usefixtures("environ")
def test_what_is_not_given_is_the_default_of_its_setting():
    config = ServerConfig(model="m")

    assert (config.host, config.port) == ("127.0.0.1", 8000)
    assert (config.unix_socket, config.keep_alive) == (None, 15)
    assert (config.workers, config.threads) == (1, 4)
    assert (config.max_rows, config.max_body_bytes) == (1000, 1024 * 1024)
    assert (config.store, config.journal) == ("sqlite:///companion.db", None)
    assert config.log_failure == "refuse"


def test_what_is_given_wins_over_the_environment_and_that_over_the_default(environ):
    environ("COMPANION_MAX_ROWS", "7")
    environ("COMPANION_STORE", "sqlite:///other.db")

    config = ServerConfig(model="m", max_rows=5)

    assert (config.max_rows, config.store) == (5, "sqlite:///other.db")
    assert ServerConfig(model="m").max_rows == 7


@pytest.mark.parametrize(
    "options",
    [
        {"log_failure": "ignore"},
        {"max_rows": 0},
        {"max_body_bytes": 0},
        {"port": 70000},
        {"workers": 0},
        {"keep_alive": 0},
        {"threads": -1},
        {"max_concurrent": 0},
        {"request_timeout": 0},
        {"max_header_bytes": 0},
        {"root_path": "rain"},
        {"cors_origin": ["example.org"]},
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options):
    with pytest.raises(SettingError, match=next(iter(options))):
        ServerConfig(model="m", **options)


def test_a_variable_that_is_not_a_number_is_named(environ):
    environ("COMPANION_THREADS", "many")

    with pytest.raises(SettingError, match="COMPANION_THREADS is 'many'"):
        ServerConfig(model="m")


@pytest.mark.usefixtures("environ")
def test_sixteen_requests_a_thread_are_let_in_unless_told_otherwise():
    assert ServerConfig(model="m", threads=3).concurrent_limit == 48
    assert ServerConfig(model="m", threads=3, max_concurrent=2).concurrent_limit == 2


def test_a_token_and_several_origins_come_from_the_environment(environ):
    environ("COMPANION_TOKEN", "0123456789abcdef")
    environ("COMPANION_CORS_ORIGIN", "https://a.example.org, http://localhost:3000")
    environ("COMPANION_MAX_CONCURRENT", "7")

    config = ServerConfig(model="m")

    assert config.token == "0123456789abcdef"  # noqa: S105 - it opens nothing
    assert config.cors_origin == ("https://a.example.org", "http://localhost:3000")
    assert config.concurrent_limit == 7


def test_an_empty_token_is_none(environ):
    environ("COMPANION_TOKEN", "")

    assert ServerConfig(model="m").token is None


def test_a_password_is_not_shown():
    config = ServerConfig(model="m", store="postgresql://cafe:hunter2@host/log")

    assert "hunter2" not in repr(config)


def test_each_option_of_the_command_is_a_field():
    options = {parameter.name for parameter in command.params}
    options = options - {"max_body"} | {"max_body_bytes"}

    fields = {field.name for field in dataclasses.fields(ServerConfig)}
    assert fields - {"token"} == options  # others on the machine could read it


def test_an_application_of_a_folder_alone_logs_where_the_environment_says(
    environ, rain_model, tmp_path
):
    environ("COMPANION_STORE", f"sqlite:///{tmp_path / 'log.db'}")
    first = create_app(rain_model).test_client()
    environ("COMPANION_JOURNAL", str(tmp_path / "waiting"))
    second = create_app(str(rain_model)).test_client()

    for client in (first, second):
        assert client.post("/predict", json={"rows": [ROW]}).status_code == 200

    assert len(list((tmp_path / "log.db.journal").glob("*.jsonl"))) == 1
    assert len(list((tmp_path / "waiting").glob("*.jsonl"))) == 1
