"""The short way past Flask answers as Flask's own way does."""

import io
import json
import re

import flask
import pytest

from companion.serving import ServerConfig, create_app

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
GOOD = json.dumps({"rows": [ROW]}).encode()
MANY = json.dumps({"dataframe_records": [ROW] * 3}).encode()
_CHANGING = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture
def make(rain_model, tmp_path):
    def make(name="log", **options):
        store = f"sqlite:///{tmp_path / name}.db"
        return create_app(ServerConfig(model=rain_model, store=store, **options))

    return make


def ask(app, body, path="/predict", **changes):
    """Send a request as a WSGI server does; return status, headers and body."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "localhost",
        **changes,
    }
    seen = []
    chunks = app(environ, lambda status, headers: seen.append((status, headers)))
    content = _CHANGING.sub(b"ID", b"".join(chunks))
    (status, headers) = seen[0]
    named = {name: value for name, value in headers if name != "X-Request-ID"}
    return status.upper(), named, content


def without_flask(app):
    def fail(*_):
        raise AssertionError("Flask was asked")

    app.full_dispatch_request = fail
    return app


@pytest.mark.parametrize(
    ("body", "path", "changes"),
    [
        (GOOD, "/predict", {}),
        (MANY, "/invocations", {}),
        (b"{", "/predict", {}),
        (b"", "/predict", {}),
        (b'{"rows": [{"rain_mm": "x"}]}', "/predict", {}),
        (b'{"rows": [{"rain_mm": "x"}]}', "/invocations", {}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "5000"}),  # the client broke off
        (GOOD, "/predict", {"CONTENT_LENGTH": "5"}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "-5"}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "five"}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "\u0665"}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "9" * 30}),
        (GOOD, "/predict", {"CONTENT_LENGTH": "2000000"}),
        (GOOD, "/predict", {"CONTENT_TYPE": "text/plain"}),
        (GOOD, "/predict", {"CONTENT_TYPE": "application/json; charset=utf-8"}),
        (GOOD, "/predict", {"HTTP_CONTENT_ENCODING": "gzip"}),
        (GOOD, "/predict", {"REQUEST_METHOD": "PUT"}),
        (GOOD, "/predict/", {}),
        (
            b"rain_mm,temp_c,wind_ms\n1,2,3\n",
            "/invocations",
            {"CONTENT_TYPE": "text/csv"},
        ),
    ],
)
def test_both_ways_answer_alike(body, path, changes, make):
    short, long = make("short"), make("long")
    long.before_request(lambda: None)  # a hook sends every request through Flask

    assert ask(short, body, path, **changes) == ask(long, body, path, **changes)


@pytest.mark.parametrize(("body", "path"), [(GOOD, "/predict"), (MANY, "/invocations")])
def test_the_common_request_does_without_flask(body, path, make):
    status, _, _ = ask(without_flask(make()), body, path)

    assert status == "200 OK"


def test_a_refusal_is_counted_and_logged_on_the_short_way(make, tmp_path):
    app = without_flask(make())

    status, _, content = ask(app, b'{"rows": [{}]}')

    assert status.startswith("422")
    assert json.loads(content)["errors_total"] == 3
    (file,) = (tmp_path / "log.db.journal").glob("*.jsonl")
    assert '"problem":"refused-rows"' in file.read_text()
    page = make("other").test_client().get("/metrics").text
    assert "companion_refusals_total" in page


@pytest.mark.parametrize(
    "register",
    [
        lambda app, hook: app.before_request(hook),
        lambda app, hook: app.after_request(lambda answer: hook() or answer),
        lambda app, hook: app.teardown_request(lambda _: hook() and None),
        lambda app, hook: app.teardown_appcontext(lambda _: hook() and None),
        lambda app, hook: app.url_value_preprocessor(lambda *_: hook()),
    ],
    ids=["before", "after", "teardown", "teardown of the context", "preprocessor"],
)
def test_a_hook_of_flasks_is_called(register, make):
    app, called = make(), []
    register(app, lambda: called.append(1))

    status, _, _ = ask(app, GOOD)

    assert status == "200 OK"
    assert called


def test_a_hook_can_refuse(make):
    app = make()
    app.before_request(lambda: flask.abort(403))

    status, _, _ = ask(app, GOOD)

    assert status.startswith("4")


def test_a_receiver_of_flasks_signals_is_called(make):
    app, called = make(), []

    def receive(*_, **__):
        called.append(1)

    with flask.request_started.connected_to(receive, app):
        ask(app, GOOD)
    assert called


def test_the_limit_of_the_application_counts_when_it_is_changed(make):
    app = make()
    app.config["MAX_CONTENT_LENGTH"] = len(GOOD) - 1

    status, _, _ = ask(app, GOOD)

    assert status.startswith("413")
