import io
import json
import logging
import re
import shutil
import sqlite3
import time
import uuid
from collections import Counter

import pytest

from companion import __version__
from companion.serving import ServerConfig, create_app
from companion.serving.http.problems import PROBLEM_TYPES
from companion.serving.models.routing import SingleModel
from companion.serving.models.source import ModelSource
from companion.store import read_failures, read_rollups, ship

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path / 'log.db'}"


@pytest.fixture
def make_client(rain_model, store):
    """Make a client of an application with some options."""

    def make(**options):
        return create_app(
            ServerConfig(model=rain_model, store=store, **options)
        ).test_client()

    return make


@pytest.fixture
def client(make_client):
    return make_client()


def logged(tmp_path, store):
    ship(store)
    with sqlite3.connect(tmp_path / "log.db") as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM predictions ORDER BY id").fetchall()
    database.close()
    return rows


def problem(answer, slug):
    """Check what every problem has, and return it."""
    kind = PROBLEM_TYPES[slug]
    assert answer.status_code == kind.status
    assert answer.mimetype == "application/problem+json"
    body = json.loads(answer.data, parse_constant=pytest.fail)
    assert body["type"].endswith(f"errors.html#problem-{slug}")
    assert (body["title"], body["status"]) == (kind.title, kind.status)
    assert body["instance"] == f"urn:uuid:{answer.headers['X-Request-ID']}"
    uuid.UUID(answer.headers["X-Request-ID"])
    return body


def test_rows_are_answered_in_their_order(client):
    rows = [ROW, ROW | {"rain_mm": 9.0}, ROW]

    body = client.post("/predict", json={"rows": rows}).json

    assert body["model"] == {"name": "rain", "version": "3"}
    values = [prediction["value"] for prediction in body["predictions"]]
    assert values[0] == values[2] < values[1]
    assert [p["id"] for p in body["predictions"]] == [
        f"{body['request_id']}-{number}" for number in range(3)
    ]


def test_each_answer_is_in_the_log_as_it_was_given(client, tmp_path, store):
    body = client.post("/predict", json={"rows": [ROW, ROW]}).json
    raw = client.post("/invocations", json={"inputs": [ROW]})

    rows = logged(tmp_path, store)

    assert len(rows) == 3
    by_id = {row["id"]: row for row in rows}
    for prediction in body["predictions"]:
        row = by_id.pop(prediction["id"])
        assert row["value"] == prediction["value"]
        assert row["request_id"] == body["request_id"]
        assert (row["model_name"], row["model_version"]) == ("rain", "3")
        assert json.loads(row["inputs"]) == ROW
        assert 0 < row["latency_ms"] < 60_000
    (last,) = by_id.values()
    assert last["request_id"] == raw.headers["X-Request-ID"]
    assert last["value"] == raw.json["predictions"][0][1]


def test_a_refused_request_leaves_nothing_in_the_log(client, tmp_path, store):
    answer = client.post("/predict", json={"rows": [ROW, ROW | {"temp_c": None}]})

    (entry,) = problem(answer, "refused-rows")["errors"]
    assert (entry["row"], entry["column"], entry["reason"]) == (1, "temp_c", "null")
    kept = client.post("/predict", json={"rows": [ROW]}).json["request_id"]
    assert [row["request_id"] for row in logged(tmp_path, store)] == [kept]


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
@pytest.mark.parametrize(
    ("content", "headers", "slug"),
    [
        (b"", {}, "broken-json"),
        (b"{", {}, "broken-json"),
        (b"\xff\xfe\xff", {}, "broken-json"),
        (b"[" * 100_000, {}, "broken-json"),
        (b'{"rows":[' + b"1" * 5000, {}, "broken-json"),
        (b"[" + b"1" * 5000 + b"," + b"[" * 100_000, {}, "broken-json"),
        (b'{"rows": [], "rows": []}', {}, "broken-json"),
        ('{"rows": []}'.encode("utf-16"), {}, "broken-json"),
        ('{"rows": []}'.encode("utf-16-le"), {}, "broken-json"),
        ('{"rows": []}'.encode("utf-32"), {}, "broken-json"),
        (b"[]", {}, "refused-rows"),
        (b"7", {}, "refused-rows"),
        (b'{"rows": [], "dataframe_records": []}', {}, "refused-rows"),
        (b" " * (1024 * 1024 + 1), {}, "body-too-large"),
        (b"{}", {"Content-Type": "text/plain"}, "wrong-content-type"),
        (b"{}", {"Content-Type": ""}, "wrong-content-type"),
        (
            b"{}",
            {"Content-Type": "application/json; charset=latin-1"},
            "wrong-content-type",
        ),
        (b"{}", {"Content-Encoding": "gzip"}, "wrong-content-type"),
    ],
)
def test_a_bad_body_gets_its_problem(client, path, content, headers, slug):
    headers = {"Content-Type": "application/json"} | headers

    body = problem(client.post(path, data=content, headers=headers), slug)

    assert ("error_code" in body) == (path == "/invocations")
    if path == "/invocations":
        assert body["message"] == body["detail"]


def test_a_body_of_undeclared_length_is_not_cut_but_refused(client):
    """Without the padding's end the first bytes alone would be valid JSON."""
    content = json.dumps({"rows": [ROW]}).encode()

    def send_in_chunks(body):
        return client.post(
            "/predict",
            input_stream=io.BytesIO(body),
            content_type="application/json",
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )

    assert send_in_chunks(content).status_code == 200
    assert send_in_chunks(content.ljust(1024 * 1024)).status_code == 200
    problem(send_in_chunks(content.ljust(1024 * 1024) + b"}"), "body-too-large")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_json_cannot_hold_is_named_with_row_and_column(client, number):
    content = json.dumps({"rows": [ROW, ROW | {"wind_ms": "@"}]}).replace('"@"', number)

    answer = client.post("/predict", data=content, content_type="application/json")

    (entry,) = problem(answer, "refused-rows")["errors"]
    assert (entry["row"], entry["column"]) == (1, "wind_ms")
    assert entry["reason"] == "not_finite"


def test_a_refusal_of_an_encoding_or_of_a_repeated_name_says_which(client):
    def detail(content):
        answer = client.post("/predict", data=content, content_type="application/json")
        return problem(answer, "broken-json")["detail"]

    for encoding in ("utf-16", "utf-16-le", "utf-32-be"):
        assert "UTF-8" in detail('{"rows": []}'.encode(encoding))
    row = json.dumps(ROW).removesuffix("}")
    twice = f'{{"rows": [{row}, "wind_ms": 4}}]}}'.encode()
    assert '"wind_ms" more than once' in detail(twice)


def test_a_byte_order_mark_of_utf_8_is_passed_over(client):
    content = json.dumps({"rows": [ROW]}).encode("utf-8-sig")

    answer = client.post("/predict", data=content, content_type="application/json")

    assert answer.status_code == 200


def test_a_missing_content_type_is_said_in_words(client):
    answer = client.post("/predict", data=b"{}")

    detail = problem(answer, "wrong-content-type")["detail"]
    assert "sent without a content type" in detail


def test_the_latency_is_that_of_the_server_and_not_of_the_upload(
    client, tmp_path, store
):
    class SlowUpload(io.BytesIO):
        def readinto(self, buffer):
            time.sleep(0.5)
            return super().readinto(buffer)

    client.get("/health/ready")  # loads the model
    content = json.dumps({"rows": [ROW]}).encode()
    client.post(
        "/predict",
        input_stream=SlowUpload(content),
        content_length=len(content),
        content_type="application/json",
    )

    (row,) = logged(tmp_path, store)
    assert 0 < row["latency_ms"] < 400


def test_the_usual_ways_to_write_the_content_type_are_taken(client):
    for written in ("application/json; charset=UTF-8", "Application/JSON"):
        answer = client.post(
            "/predict", data=json.dumps({"rows": [ROW]}), content_type=written
        )
        assert answer.status_code == 200


def test_a_thousand_rows_are_the_most_unless_told_otherwise(make_client):
    usual, small = make_client(), make_client(max_rows=1)

    assert usual.post("/predict", json={"rows": [ROW] * 1000}).status_code == 200
    problem(usual.post("/predict", json={"rows": [ROW] * 1001}), "refused-rows")
    problem(small.post("/predict", json={"rows": [ROW] * 2}), "refused-rows")


def test_other_addresses_and_methods_are_problems_too(client):
    problem(client.get("/nowhere"), "not-found")
    answer = client.get("/predict")
    problem(answer, "wrong-method")
    assert "POST" in answer.headers["Allow"]


def test_version_and_liveness(client):
    assert client.get("/health/live").json == {"live": True}
    version = client.get("/version").json
    assert version["companion"] == __version__
    assert version["model"] == {
        "name": "rain",
        "version": "3",
        "classes": [0, 1],
        "value_is_probability_of": 1,
    }


def test_a_missing_model_is_not_ready_until_it_is_there(rain_model, store, tmp_path):
    folder = tmp_path / "late"
    client = create_app(
        ServerConfig(model=folder, store=store),
        router=SingleModel(ModelSource(folder, pause_s=0)),
    ).test_client()

    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["ready"] is False
    assert "no model folder" in answer.json["reasons"][0]
    refusal = client.post("/predict", json={"rows": [ROW]})
    detail = problem(refusal, "no-model")["detail"]
    assert "/health/ready" in detail
    assert str(tmp_path) not in refusal.text
    assert int(refusal.headers["Retry-After"]) > 0
    assert client.get("/ping").status_code == 503
    assert client.get("/health/live").status_code == 200

    shutil.copytree(rain_model, folder)
    assert client.get("/health/ready").json["reasons"] == []
    assert client.post("/predict", json={"rows": [ROW]}).status_code == 200


@pytest.fixture
def blocked_journal(tmp_path):
    """A file stands where the journal's folder would be."""
    path = tmp_path / "journal"
    path.write_text("in the way")
    return path


def test_an_answer_that_cannot_be_logged_is_not_given(
    make_client, blocked_journal, caplog
):
    client = make_client(journal=blocked_journal)

    with caplog.at_level(logging.ERROR, "companion.serving"):
        for _ in range(3):
            answer = client.post("/predict", json={"rows": [ROW]})
            problem(answer, "no-log")
            assert "predictions" not in answer.text
    assert len(caplog.records) == 1  # once an outage, not once a request
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert "cannot be written" in ready.json["reasons"][0]

    blocked_journal.unlink()
    assert client.get("/health/ready").json["ready"] is True
    assert client.post("/predict", json={"rows": [ROW]}).status_code == 200


def test_answers_may_be_let_through_and_the_loss_is_counted(
    make_client, blocked_journal, caplog
):
    client = make_client(journal=blocked_journal, log_failure="answer")

    for _ in range(2):
        answer = client.post("/predict", json={"rows": [ROW, ROW]})
        assert answer.status_code == 200

    assert client.get("/health/ready").json["lost_predictions"] == 4
    assert len(caplog.records) == 1


def test_a_bug_is_logged_without_what_was_sent(client, monkeypatch, caplog):
    from companion.serving.models.engine import Model

    def fail(_model, rows, _params):
        raise KeyError(rows)

    client.get("/health/ready")
    monkeypatch.setattr(Model, "answer", fail)
    answer = client.post("/predict", json={"rows": [ROW | {"temp_c": 12.34}]})

    body = problem(answer, "internal")
    (record,) = caplog.records
    message = record.getMessage()
    assert answer.headers["X-Request-ID"] in message
    assert "KeyError" in message
    for text in (message, json.dumps(body)):
        assert "12.34" not in text
    assert "Traceback" not in answer.text


def test_a_failing_model_is_named_in_the_log_and_not_called_a_bug(
    client, monkeypatch, caplog
):
    from sklearn.linear_model import LogisticRegression

    def fail(_model, _rows):
        raise OSError("the disk with the weights is gone")

    client.get("/health/ready")
    monkeypatch.setattr(LogisticRegression, "decision_function", fail)
    answer = client.post("/predict", json={"rows": [ROW]})

    body = problem(answer, "model-failed")
    assert "OSError" in body["detail"]
    assert "weights" not in answer.text  # for the server's people only
    (record,) = caplog.records
    for text in ("OSError", "the disk with the weights is gone", body["instance"][9:]):
        assert text in record.getMessage()


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/predict", '{"rows": [{}]}', (422, "refused-rows", "missing")),
        ("/predict", '{"rows": [5]}', (422, "refused-rows", "wrong_type")),
        ("/invocations", "{}", (422, "refused-rows", "missing")),
        ("/invocations", "{", (400, "broken-json", None)),
    ],
)
def test_a_refused_request_is_in_the_log_without_what_was_sent(
    make_client, store, path, body, expected
):
    answer = make_client().post(path, data=body, content_type="application/json")

    ship(store)
    with sqlite3.connect(store.removeprefix("sqlite:///")) as database:
        (row,) = database.execute(
            "SELECT id, status, problem, reason, model_name, model_version, latency_ms "
            "FROM failed_requests"
        ).fetchall()
    database.close()
    status, kind, reason = expected
    assert row[:4] == (answer.headers["X-Request-ID"], status, kind, reason)
    assert row[4:6] == ("rain", "3")
    assert row[6] >= 0


def test_what_a_stranger_can_cause_for_nothing_is_counted_and_not_in_the_log(
    make_client, store
):
    """A flood of such requests must not cost the server a write each."""
    client = make_client(token="s" * 32)
    allowed = {"Authorization": f"Bearer {'s' * 32}"}

    codes = [
        client.post("/predict", json={"rows": [ROW]}).status_code,
        client.get("/predict", headers=allowed).status_code,
        client.get("/nowhere", headers=allowed).status_code,
        client.post("/predict", json={}, headers=allowed).status_code,
    ]
    page = client.get("/metrics", headers=allowed).text
    ship(store)

    assert codes == [401, 405, 404, 422]
    assert [one.status for one in read_failures(store)] == [422]
    for status in codes:
        assert re.search(
            rf'^companion_requests_total{{.*status="{status}"}} 1\.0$', page, re.M
        )


def test_inputs_are_counted_by_the_bins_of_the_model_s_profile(
    rain_model, tmp_path, store
):
    """From the notes of the folder to the counts per minute in the database."""
    import yaml

    folder = shutil.copytree(rain_model, tmp_path / "profiled")
    conf = yaml.safe_load((folder / "MLmodel").read_text())
    bins = {"kind": "number", "edges": [0.0, 2.0, 4.0], "counts": {}}
    conf["metadata"]["companion"]["profile"] = {"rain_mm": bins}
    (folder / "MLmodel").write_text(yaml.safe_dump(conf))
    client = create_app(ServerConfig(model=folder, store=store)).test_client()

    for rain_mm in (0.5, 2.5, 3.0):
        client.post("/predict", json={"rows": [ROW | {"rain_mm": rain_mm}]})
    ship(store)

    found = read_rollups(store, metrics=["input"])
    counts = Counter()
    for one in found:
        counts[one.bin] += one.n
    assert sorted(counts.values()) == [1, 2]
    assert {one.field for one in found} == {"rain_mm"}


def test_invocations_leaves_out_unknown_columns_and_says_so_once(client, caplog):
    row = ROW | {"station": "SEA"}

    for _ in range(2):
        answer = client.post("/invocations", json={"dataframe_records": [row]})
        assert answer.status_code == 200
    assert "'station'" in caplog.text
    assert len(caplog.records) == 1
    refused = client.post("/predict", json={"rows": [row]})
    assert problem(refused, "refused-rows")["errors"][0]["column"] == "station"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("rain_mm,temp_c,wind_ms\n2.5,11,3\n7,-4.5,6.25\n", 200),
        ("wind_ms,station,temp_c,rain_mm\r\n3,SEA,11,2.5\r\n", 200),
        ('"rain_mm","temp_c","wind_ms"\n2.5,11,"3"\n', 200),
        ("rain_mm,temp_c,wind_ms\n2.5,,3\n", 422),
        ("rain_mm,temp_c,wind_ms\n2.5,warm,3\n", 422),
        ("rain_mm,temp_c,wind_ms\n2.5,11\n", 422),
        ("rain_mm,temp_c,wind_ms\n", 422),
        ("", 400),
        ('"rain_mm,temp_c\n', 400),
    ],
)
def test_invocations_takes_csv_as_mlflow_does(client, text, status):
    answer = client.post("/invocations", data=text, content_type="text/csv")

    assert answer.status_code == status, answer.text
    if status == 200:
        same = client.post("/predict", json={"rows": [ROW]}).json["predictions"][0]
        assert answer.json["predictions"][0][1] == same["value"]


def test_a_model_that_fails_on_its_example_is_not_ready(client, monkeypatch):
    from companion.serving.models.engine import Model

    client.get("/health/ready")
    monkeypatch.setattr(Model, "answer", lambda *_: 1 / 0)

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert "ZeroDivisionError" in answer.json["reasons"][0]


def test_the_answer_leaves_after_the_record_is_on_disk(client, tmp_path):
    """The journal's file holds the id before the client sees it."""
    answer = client.post("/predict", json={"rows": [ROW]})

    (file,) = (tmp_path / "log.db.journal").glob("*.jsonl")
    assert answer.json["predictions"][0]["id"] in file.read_text()


class Alternating:
    """A router that sends each request to the next of two models."""

    def __init__(self, *folders):
        self.sources = [ModelSource(folder) for folder in folders]
        self.asked = []

    def choose(self, request_id):
        self.asked.append(request_id)
        return self.sources[len(self.asked) % 2]


@pytest.fixture
def two_models(rain_model, tmp_path):
    """Another version beside the model, and the application of both."""
    other = shutil.copytree(rain_model, tmp_path / "other")
    text = (other / "MLmodel").read_text()
    (other / "MLmodel").write_text(text.replace("version: '3'", "version: '4'"))
    router = Alternating(rain_model, other)
    config = ServerConfig(model=rain_model, store=f"sqlite:///{tmp_path / 'log.db'}")
    return create_app(config, router=router).test_client(), router, other


def test_a_router_may_send_each_request_to_another_model(two_models, tmp_path, store):
    client, router, _ = two_models

    bodies = [client.post("/predict", json={"rows": [ROW]}).json for _ in range(2)]

    assert [body["model"]["version"] for body in bodies] == ["4", "3"]
    assert [body["request_id"] for body in bodies] == router.asked
    by_request = {r["request_id"]: r["model_version"] for r in logged(tmp_path, store)}
    assert [by_request[request_id] for request_id in router.asked] == ["4", "3"]
    version = client.get("/version").json
    assert version["model"]["version"] == "3"
    assert [model["version"] for model in version["models"]] == ["3", "4"]


def test_a_server_of_two_models_is_ready_when_both_are(two_models):
    client, _, other = two_models
    (other / "MLmodel").unlink()

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert [str(other) in reason for reason in answer.json["reasons"]] == [True]


def test_many_rows_are_logged_as_if_they_had_come_alone(client, tmp_path, store):
    rows = [ROW | {"rain_mm": number / 10} for number in range(50)]

    body = client.post("/predict", json={"rows": rows}).json
    alone = client.post("/predict", json={"rows": rows[:1]}).json["predictions"][0]

    one, *_ = body["predictions"]
    assert one["value"] == pytest.approx(alone["value"], rel=1e-12)
    assert one["label"] == alone["label"]
    by_id = {row["id"]: row for row in logged(tmp_path, store)}
    assert len(by_id) == 51
    for given, prediction in zip(rows, body["predictions"], strict=True):
        row = by_id[prediction["id"]]
        assert json.loads(row["inputs"]) == given
        assert row["value"] == prediction["value"]
        assert row["request_id"] == body["request_id"]
    shared = ("model_name", "model_version", "label", "params")
    first = by_id[one["id"]]
    assert [first[name] for name in shared] == [
        by_id[alone["id"]][name] for name in shared
    ]


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("member", ["rows", "dataframe_records", "instances"])
def test_many_rows_are_logged_however_their_body_was_written(
    client, tmp_path, store, member, line_end
):
    rows = [ROW | {"rain_mm": number / 10} for number in range(30)]
    text = json.dumps({member: rows}, indent=2).replace("\n", line_end)
    path = "/predict" if member == "rows" else "/invocations"

    answer = client.post(path, data=text, content_type="application/json")

    assert answer.status_code == 200
    found = [json.loads(row["inputs"]) for row in logged(tmp_path, store)]
    assert sorted(found, key=lambda row: row["rain_mm"]) == rows
