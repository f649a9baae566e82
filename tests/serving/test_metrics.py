"""The page of metrics, read back with Prometheus' own parser."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from companion.serving import ServerConfig, create_app

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
REFERENCE = Path(__file__).resolve().parents[2] / "book/reference/commands.md"


@pytest.fixture
def make_client(rain_model, tmp_path):
    """Make a client of an application with some options."""
    store = f"sqlite:///{tmp_path / 'log.db'}"

    def make(**options):
        config = ServerConfig(model=rain_model, store=store, **options)
        return create_app(config).test_client()

    return make


@pytest.fixture
def client(make_client):
    return make_client()


def families(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        family.name: family for family in text_string_to_metric_families(answer.text)
    }


def values(client, family, name=None):
    """Return the samples of a family: its labels' values, by name, to its value."""
    return {
        tuple(sample.labels[key] for key in sorted(sample.labels)): sample.value
        for sample in families(client)[family].samples
        if sample.name == (name or family)
    }


def test_requests_are_counted_by_path_method_and_status(client):
    for _ in range(3):
        client.post("/predict", json={"rows": [ROW]})
    client.post("/invocations", json={"inputs": [ROW]})
    client.post("/predict", json={"rows": [{}]})
    client.get("/predict")

    assert values(client, "companion_requests", "companion_requests_total") == {
        ("POST", "/predict", "200"): 3,
        ("POST", "/invocations", "200"): 1,
        ("POST", "/predict", "422"): 1,
        ("GET", "/predict", "405"): 1,
    }


def test_strange_paths_and_methods_make_no_series_of_their_own(client):
    client.get("/x")
    before = len(families(client)["companion_requests"].samples)

    for number in range(100):
        client.get(f"/predict/{number}")
        client.open("/predict", method=f"M{number}")

    found = values(client, "companion_requests", "companion_requests_total")
    assert found["GET", "other", "404"] == 101
    assert found["other", "/predict", "405"] == 100
    assert len(found) == before + 2  # and the page itself


def test_no_path_of_the_server_has_a_variable_part(client):
    """The label is the path as it stands, which must be one of a few."""
    rules = [rule.rule for rule in client.application.url_map.iter_rules()]

    assert "/metrics" in rules
    assert not [rule for rule in rules if "<" in rule]


def test_refusals_are_counted_by_the_codes_of_what_is_wrong(client):
    wrong = ROW | {"temp_c": None}
    client.post("/predict", json={"rows": [wrong] * 7 + [ROW | {"hail": 1}]})
    client.post("/predict", json={"rows": [ROW | {"rain_mm": 900.0}]})
    client.post("/predict", data="{", content_type="application/json")
    client.post("/predict", data="x", content_type="text/plain")
    client.get("/nowhere")

    assert values(client, "companion_refusals", "companion_refusals_total") == {
        ("null",): 1,
        ("unknown",): 1,
        ("out_of_range",): 1,
        ("broken-json",): 1,
        ("wrong-content-type",): 1,
        ("not-found",): 1,
    }


def test_predictions_are_counted_by_model_and_version_and_rows_by_size(client):
    client.post("/predict", json={"rows": [ROW] * 3})
    client.post("/predict", json={"rows": [ROW]})
    client.post("/predict", json={"rows": [ROW, {}]})

    found = values(client, "companion_predictions", "companion_predictions_total")
    assert found == {("rain", "3"): 4}
    rows = families(client)["companion_request_rows"].samples
    below = {s.labels["le"]: s.value for s in rows if s.name.endswith("_bucket")}
    assert (below["1.0"], below["2.0"], below["5.0"], below["+Inf"]) == (1, 1, 2, 2)
    assert [s.value for s in rows if s.name.endswith("_sum")] == [4]


def test_a_slow_answer_is_in_the_bucket_of_its_seconds(client, monkeypatch):
    from companion.serving.models.engine import Model

    answer = Model.answer

    def answer_late(model, rows, params):
        time.sleep(0.03)
        return answer(model, rows, params)

    client.get("/health/ready")  # loads the model
    monkeypatch.setattr(Model, "answer", answer_late)
    client.post("/predict", json={"rows": [ROW]})

    name = "companion_request_duration_seconds"
    below = values(client, name, f"{name}_bucket")
    assert (below["0.025", "/predict"], below["+Inf", "/predict"]) == (0, 1)
    assert 0.03 <= values(client, name, f"{name}_sum")["/predict",] < 5


def test_answers_that_were_not_logged_are_counted_as_lost(make_client, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("in the way")
    client = make_client(journal=blocked, log_failure="answer")

    client.post("/predict", json={"rows": [ROW, ROW]})

    found = families(client)
    assert "companion_log_behind_bytes" not in found  # it cannot be seen
    assert [s.value for s in found["companion_lost_predictions"].samples] == [2]
    assert [s.value for s in found["companion_predictions"].samples] == [2]


def test_what_is_refused_for_want_of_a_log_is_no_prediction(make_client, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("in the way")
    client = make_client(journal=blocked)

    assert client.post("/predict", json={"rows": [ROW, ROW]}).status_code == 503

    assert values(client, "companion_refusals", "companion_refusals_total") == {
        ("no-log",): 1
    }
    assert families(client)["companion_predictions"].samples == []
    assert values(
        client, "companion_lost_predictions", "companion_lost_predictions_total"
    ) == {(): 0}


def test_the_page_says_what_is_true_now(client):
    client.post("/predict", json={"rows": [ROW]})

    assert values(client, "companion_log_behind_bytes")[()] > 100
    assert 0 < values(client, "companion_log_behind_seconds")[()] < 10
    assert values(client, "companion_requests_in_progress") == {(): 1}  # this one
    (info,) = families(client)["companion_model_info"].samples
    assert (info.name, info.value) == ("companion_model_info", 1)
    assert info.labels == {"model": "rain", "version": "3", "engine": "native"}


def test_two_applications_of_one_process_count_apart(make_client):
    first, second = make_client(), make_client()

    first.post("/predict", json={"rows": [ROW]})

    assert families(second)["companion_predictions"].samples == []
    assert len(families(first)["companion_predictions"].samples) == 1


def test_who_asks_for_openmetrics_gets_it(client):
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "companion_requests" in {f.name for f in parse_openmetrics(answer.text)}


def test_each_metric_is_in_the_table_of_the_reference_as_the_page_has_it(client):
    client.post("/predict", json={"rows": [ROW]})
    client.get("/nowhere")
    section = REFERENCE.read_text("utf-8").partition("(metrics)=")[2]
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*) \| (.*) \|$", section, re.MULTILINE
    )

    page = []
    for family in families(client).values():
        suffix = {"counter": "_total"}.get(family.type, "")
        name = family.name + suffix
        labels = sorted(family.samples[0].labels.keys() - {"le"})
        words = ", ".join(f"`{label}`" for label in labels)
        page.append((name, family.type, words, family.documentation))

    assert sorted(rows) == sorted(page)
    for name, _, _, meaning in rows:
        assert name.startswith("companion_")
        assert meaning.endswith(".")
