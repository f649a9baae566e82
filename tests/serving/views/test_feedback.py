"""`POST /feedback`: labels by prediction id, in the log before the answer leaves."""

import json
import uuid

import pytest

from companion.serving import ServerConfig, create_app
from companion.serving.http.problems import PROBLEM_TYPES
from companion.store import count_waiting, read_labelled, ship
from companion.store.sql.labels import LabelCounts, count_labels

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}


@pytest.fixture
def make_client(rain_model, store_url):
    def make(**options):
        config = ServerConfig(model=rain_model, store=store_url, **options)
        return create_app(config).test_client()

    return make


@pytest.fixture
def client(make_client):
    return make_client()


def send(client, *pairs, **options):
    labels = [{"id": id_, "label": label} for id_, label in pairs]
    return client.post("/feedback", json={"labels": labels}, **options)


def problem(answer, slug):
    assert answer.status_code == PROBLEM_TYPES[slug].status
    body = json.loads(answer.data, parse_constant=pytest.fail)
    assert body["type"].endswith(f"#problem-{slug}")
    return body


def predict(client, n):
    body = client.post("/predict", json={"rows": [ROW] * n}).json
    return [one["id"] for one in body["predictions"]]


def labels_of(store_url):
    ship(store_url)
    found = read_labelled(store_url)
    return {one.prediction.id: (one.label.label, one.label.value) for one in found}


def test_labels_of_each_type_find_their_predictions(client, store_url):
    text, number, truth = predict(client, 3)

    answer = send(client, (text, "rain"), (number, 2.5), (truth, True))

    assert answer.status_code == 202
    assert answer.json == {"request_id": answer.headers["X-Request-ID"], "labels": 3}
    uuid.UUID(answer.json["request_id"])
    assert labels_of(store_url) == {
        text: ("rain", None),
        number: ("2.5", 2.5),
        truth: ("true", 1.0),
    }


def test_twice_corrected_and_unknown(client, store_url):
    first, second = predict(client, 2)

    for pairs in ([(first, 1), (second, 0)], [(first, 1)], [(second, 1), ("x-0", 0)]):
        assert send(client, *pairs).status_code == 202

    assert labels_of(store_url) == {first: ("1", 1.0), second: ("1", 1.0)}
    assert count_labels(store_url) == LabelCounts(labels=3, predictions=2, pairs=2)


def test_a_correction_reaches_a_label_that_is_in_the_table(client, store_url):
    [id_] = predict(client, 1)
    send(client, (id_, 0))
    assert labels_of(store_url) == {id_: ("0", 0.0)}

    send(client, (id_, 1))

    assert labels_of(store_url) == {id_: ("1", 1.0)}


def test_of_two_labels_in_one_request_the_later_counts(client, store_url):
    [id_] = predict(client, 1)

    send(client, (id_, 1), (id_, 0), (id_, 1), (id_, 0))

    assert labels_of(store_url) == {id_: ("0", 0.0)}


GOOD = {"id": "r-0", "label": 1}


@pytest.mark.parametrize(
    ("item", "reason", "column"),
    [
        (5, "wrong_type", None),
        ({}, "missing", "id"),
        ({"id": "r-0"}, "missing", "label"),
        ({"label": 1}, "missing", "id"),
        (GOOD | {"at": "now"}, "unknown", None),
        (GOOD | {"id": 5}, "wrong_type", "id"),
        (GOOD | {"id": ""}, "wrong_type", "id"),
        (GOOD | {"id": "x" * 201}, "wrong_type", "id"),
        (GOOD | {"label": None}, "wrong_type", "label"),
        (GOOD | {"label": [1]}, "wrong_type", "label"),
        (GOOD | {"label": ""}, "wrong_type", "label"),
        (GOOD | {"label": "a\0"}, "wrong_type", "label"),
        (GOOD | {"label": "x" * 201}, "wrong_type", "label"),
        (GOOD | {"label": 10**400}, "wrong_type", "label"),
        (GOOD | {"label": float("nan")}, "not_finite", "label"),
        (GOOD | {"label": float("-inf")}, "not_finite", "label"),
    ],
)
def test_a_bad_label_is_named_and_none_is_taken(
    client, store_url, item, reason, column
):
    body = json.dumps({"labels": [GOOD, item]})

    answer = client.post("/feedback", data=body, content_type="application/json")

    [error] = problem(answer, "refused-rows")["errors"]
    assert (error["row"], error["reason"], error["column"]) == (1, reason, column)
    assert error["detail"].startswith("Label 1 ")
    assert count_waiting(store_url) == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([GOOD], "wrong_type"),
        (GOOD, "missing"),
        ({"labels": [GOOD], "model": "rain"}, "unknown"),
        ({"labels": GOOD}, "wrong_type"),
        ({"labels": []}, "no_rows"),
        ({"labels": [GOOD] * 6}, "too_many_rows"),
    ],
)
def test_a_body_of_another_shape_is_refused(make_client, body, reason):
    answer = make_client(max_rows=5).post("/feedback", json=body)

    [error] = problem(answer, "refused-rows")["errors"]
    assert (error["row"], error["reason"]) == (None, reason)


def test_token_and_limits_are_those_of_predict(make_client, store_url):
    client = make_client(token="0123456789abcdef", max_body_bytes=100)  # noqa: S106 - it opens nothing
    headers = {"Authorization": "Bearer 0123456789abcdef"}

    problem(send(client, ("r-0", 1)), "unauthorized")
    problem(send(client, ("r-0", "x" * 100), headers=headers), "body-too-large")
    answer = client.post("/feedback", data="id,label", content_type="text/csv")
    problem(answer, "unauthorized")
    answer = client.post("/feedback", data="id,label", headers=headers)
    problem(answer, "wrong-content-type")
    problem(client.get("/feedback", headers=headers), "wrong-method")

    assert count_waiting(store_url) == 0
    assert send(client, ("r-0", 1), headers=headers).status_code == 202
    assert count_waiting(store_url) == 1


@pytest.mark.parametrize("log_failure", ["refuse", "answer"])
def test_labels_that_cannot_be_kept_are_not_taken(make_client, tmp_path, log_failure):
    """A prediction may be worth its answer alone; a label that is lost is nothing."""
    blocked = tmp_path / "blocked"
    blocked.write_text("in the way")
    client = make_client(journal=blocked, log_failure=log_failure)

    body = problem(send(client, ("r-0", 1)), "no-log")

    assert (
        body["detail"] == "The labels cannot be logged, so none was taken. Try again."
    )
    assert "companion_labels_total 0.0" in client.get("/metrics").text


def test_labels_are_counted_for_prometheus(client):
    send(client, ("r-0", 1), ("r-1", 0))
    send(client, ("r-0", None))
    send(client, ("r-0", 1))

    page = client.get("/metrics").text
    assert "companion_labels_total 3.0" in page
    assert (
        'companion_requests_total{method="POST",path="/feedback",status="202"} 2.0'
        in page
    )


def test_labels_are_taken_while_no_model_can_be_loaded(tmp_path):
    """They belong to answers given before."""
    store = f"sqlite:///{tmp_path}/log.db"
    config = ServerConfig(model=tmp_path / "gone", store=store)
    client = create_app(config).test_client()

    assert send(client, ("r-0", 1)).status_code == 202
    assert count_waiting(store) == 1
