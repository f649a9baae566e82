"""What every answer carries, who may ask, and what the access log says."""

import json
import re
import sqlite3
import uuid

import pytest

from companion.errors import SettingError
from companion.serving import ServerConfig, create_app
from companion.store import ship

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
BODY = {"rows": [ROW]}
TOKEN = "a-token-for-tests-0123"  # noqa: S105 - it opens nothing
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
HEALTH = ("/health", "/health/live", "/health/ready", "/ping")
GUARDED = ("/version", "/openapi.json", "/metrics", "/nowhere", "//health/live")


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path / 'log.db'}"


@pytest.fixture
def make_client(rain_model, store):
    def make(**options):
        options = {"model": rain_model, "store": store} | options
        return create_app(ServerConfig(**options)).test_client()

    return make


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def guarded(make_client):
    return make_client(token=TOKEN)


def test_every_answer_carries_the_security_headers_and_its_own_id(client):
    answers = [client.get(path) for path in (*HEALTH, *GUARDED)]
    answers += [client.post(path, json=BODY) for path in ("/predict", "/invocations")]
    answers += [client.post("/predict", data=b"{"), client.get("/predict")]
    answers += [client.options("/predict"), client.head("/version")]

    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert len(answer.headers.getlist("X-Request-ID")) == 1
    ids = [uuid.UUID(answer.headers["X-Request-ID"]) for answer in answers]
    assert len(set(ids)) == len(answers)


def test_the_id_in_the_header_is_that_of_body_and_log(client, tmp_path, store):
    answer = client.post("/predict", json=BODY, headers=TRACEPARENT)
    ship(store)

    database = sqlite3.connect(tmp_path / "log.db")
    (row,) = database.execute("SELECT request_id, trace_id FROM predictions")
    database.close()

    assert answer.headers["X-Request-ID"] == answer.json["request_id"] == row[0]
    assert row[1] == TRACE


def test_an_invalid_traceparent_does_not_matter(client):
    answer = client.post("/predict", json=BODY, headers={"traceparent": "00-me-too"})

    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}x"}])
def test_without_the_token_only_the_health_pages_answer(guarded, headers):
    for path in HEALTH:
        assert guarded.get(path, headers=headers).status_code == 200

    refused = [guarded.get(path, headers=headers) for path in GUARDED]
    refused += [
        guarded.post(path, json=BODY, headers=headers)
        for path in ("/predict", "/invocations")
    ]
    for answer in refused:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.mimetype == "application/problem+json"
        assert answer.json["type"].endswith("#problem-unauthorized")
        assert answer.json["instance"] == f"urn:uuid:{answer.headers['X-Request-ID']}"
        assert TOKEN not in answer.text
    assert refused[-1].json["error_code"] == "UNAUTHENTICATED"


def test_with_the_token_all_is_as_ever(guarded):
    assert guarded.post("/predict", json=BODY, headers=RIGHT).status_code == 200
    assert guarded.get("/nowhere", headers=RIGHT).status_code == 404
    assert guarded.get("/health/ready", headers=RIGHT).json["reasons"] == []


def test_a_stranger_is_not_told_why_the_server_is_not_ready(make_client, tmp_path):
    client = make_client(token=TOKEN, model=tmp_path / "gone")

    assert client.get("/health/ready").json == {"ready": False}
    assert client.get("/health/ready").status_code == 503
    assert "gone" in client.get("/health/ready", headers=RIGHT).json["reasons"][0]


def test_a_refused_stranger_is_counted(guarded):
    guarded.post("/predict", json=BODY)

    page = guarded.get("/metrics", headers=RIGHT).text

    assert 'companion_refusals_total{reason="unauthorized"} 1.0' in page
    line = 'companion_requests_total{method="POST",path="/predict",status="401"} 1.0'
    assert line in page


def test_a_token_and_no_auth_contradict_each_other(rain_model):
    with pytest.raises(SettingError, match="Both a token and no_auth"):
        ServerConfig(model=rain_model, token=TOKEN, no_auth=True)


def test_a_token_is_not_shown(rain_model):
    assert TOKEN not in repr(ServerConfig(model=rain_model, token=TOKEN))


# CORS


PAGE = "https://app.example.org"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_page_of_an_allowed_origin_may_ask_and_read(make_client, token):
    client = make_client(cors_origin=(PAGE, "http://localhost:3000"), token=token)

    before = client.options("/predict", headers=PREFLIGHT)
    answer = client.post("/predict", json=BODY, headers={"Origin": PAGE} | RIGHT)

    assert before.status_code == 204
    assert before.data == b""
    assert "POST" in before.headers["Access-Control-Allow-Methods"]
    assert "content-type" in before.headers["Access-Control-Allow-Headers"].lower()
    assert answer.status_code == 200
    for one in (before, answer):
        assert one.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Origin" in one.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in one.headers


def test_a_page_of_another_origin_may_not(make_client):
    client = make_client(cors_origin=(PAGE,))
    other = {"Origin": "https://evil.example.org"}

    before = client.options("/predict", headers=PREFLIGHT | other)
    answer = client.post("/predict", json=BODY, headers=other)

    for one in (before, answer):
        assert "Access-Control-Allow-Origin" not in one.headers
        assert "Origin" in one.headers["Vary"]  # no cache may mix them up
    assert "Access-Control-Allow-Methods" not in before.headers


def test_an_error_can_be_read_by_the_page_too(make_client):
    client = make_client(cors_origin=(PAGE,), token=TOKEN)

    answer = client.post("/predict", json=BODY, headers={"Origin": PAGE})

    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


def test_every_page_may_ask_where_no_token_is_needed(make_client):
    client = make_client(cors_origin=("*",))

    answer = client.post("/predict", json=BODY, headers={"Origin": "null"})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    with pytest.raises(SettingError, match="'\\*' and a token is set"):
        make_client(cors_origin=("*",), token=TOKEN)


@pytest.mark.parametrize(
    "origin",
    [
        *("app.example.org", "https://app.example.org/", "https://", "null", ""),
        *("https://App.example.org", "https://a.org:port", "https://a.org, http://b"),
    ],
)
def test_what_is_not_an_origin_is_refused(rain_model, origin):
    with pytest.raises(SettingError, match="cors_origin is"):
        ServerConfig(model=rain_model, cors_origin=(origin,))


@pytest.mark.parametrize("origin", ["http://[::1]:3000", "http://127.0.0.1:8000"])
def test_addresses_are_origins_too(rain_model, origin):
    ServerConfig(model=rain_model, cors_origin=(origin,))


# Access log


@pytest.fixture
def lines(capfd):
    def read():
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return read


def test_the_access_log_has_one_line_of_json_for_each_request(make_client, lines):
    client = make_client(access_log=True)

    given = client.post("/predict?key=hunter2", json=BODY, headers=TRACEPARENT)
    client.get("/nowhere", headers={"X-Key": "hunter2"})
    client.post("/invocations", data=b'{"hunter2":', content_type="application/json")

    first, second, third = lines()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert 0 < first.pop("duration_ms") < 60_000
    assert first == {
        "request_id": given.json["request_id"],
        "trace_id": TRACE,
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "bytes": len(given.data),
        "model": "rain",
        "model_version": "3",
        "remote_addr": "127.0.0.1",
    }
    assert (second["path"], second["status"]) == ("/nowhere", 404)
    assert (third["path"], third["status"]) == ("/invocations", 400)
    assert second["model"] is second["trace_id"] is None
    assert "hunter2" not in json.dumps([first, second, third])


def test_a_path_cannot_forge_a_line_or_fill_the_log(make_client, lines):
    client = make_client(access_log=True)

    client.get('/a%0A{"status":200}')
    client.get("/m%C3%BCde%FF")
    client.get("/" + "x" * 8000)

    forged, odd, long = lines()
    assert forged["path"] == '/a\n{"status":200}'
    assert odd["path"] == "/müde\N{REPLACEMENT CHARACTER}"
    assert len(long["path"]) == 500


def test_without_the_option_nothing_is_printed(client, lines):
    client.post("/predict", json=BODY)

    assert lines() == []


def test_a_refused_stranger_is_in_the_access_log_without_the_token(make_client, capfd):
    client = make_client(access_log=True, token=TOKEN)

    client.post("/predict", json=BODY, headers={"Authorization": "Bearer hunter2"})
    client.post("/predict", json=BODY, headers=RIGHT)

    out = capfd.readouterr().out
    refused, answered = map(json.loads, out.splitlines())
    assert (refused["status"], answered["status"]) == (401, 200)
    assert refused["model"] is None
    assert "hunter2" not in out
    assert TOKEN not in out
