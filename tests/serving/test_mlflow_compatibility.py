"""The same folder behind MLflow's own scoring server and behind ours."""

import pandas as pd
import pytest

from companion.serving import ServerConfig, create_app

ROW = {"rain_mm": 2.5, "temp_c": 11.0, "wind_ms": 3.0}
OTHER = {"rain_mm": 7.0, "temp_c": -4.5, "wind_ms": 6.25}
COLUMNS = list(ROW)
DATA = [list(ROW.values()), list(OTHER.values())]

GOOD = {
    "records": {"dataframe_records": [ROW, OTHER]},
    "whole numbers": {"dataframe_records": [dict.fromkeys(ROW, 3)]},
    "split": {"dataframe_split": {"columns": COLUMNS, "data": DATA}},
    "split with index": {
        "dataframe_split": {"columns": COLUMNS, "index": [5, 6], "data": DATA}
    },
    "split in another order": {
        "dataframe_split": {
            "columns": COLUMNS[::-1],
            "data": [row[::-1] for row in DATA],
        }
    },
    "columns": {"inputs": {name: [ROW[name], OTHER[name]] for name in COLUMNS}},
    "one row": {"inputs": ROW},
    "rows": {"inputs": [ROW, OTHER]},
    "instances": {"instances": [ROW, OTHER]},
    "with params": {"dataframe_records": [ROW], "params": {"speed": 1}},
    "with another member": {"inputs": [ROW], "client_request_id": "7"},
}
BAD = {
    "no format": {"rows": [ROW]},
    "two formats": {"inputs": [ROW], "instances": [ROW]},
    "no rows": {"dataframe_records": []},
    "a column is missing": {"dataframe_records": [{"rain_mm": 1.0}]},
    "text": {"dataframe_records": [ROW | {"wind_ms": "strong"}]},
    "lists without names": {"inputs": DATA},
    "split without columns": {"dataframe_split": {"data": DATA}},
    "a list": [ROW],
}


@pytest.fixture(scope="module")
def theirs(rain_model):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fastapi.testclient import TestClient

        from companion.system.mlflow import load_mlflow

        mlflow = load_mlflow("The tests")
        from mlflow.pyfunc.scoring_server import init

        return TestClient(init(mlflow.pyfunc.load_model(str(rain_model))))


@pytest.fixture(scope="module")
def ours(rain_model, tmp_path_factory):
    store = f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.db'}"
    return create_app(ServerConfig(model=rain_model, store=store)).test_client()


def ask_theirs(client, body):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs warns of names and of its pandas
        return client.post("/invocations", json=body)


@pytest.mark.parametrize("name", GOOD)
def test_invocations_answers_exactly_as_mlflow_does(theirs, ours, name):
    expected = ask_theirs(theirs, GOOD[name])
    answer = ours.post("/invocations", json=GOOD[name])

    assert expected.status_code == answer.status_code == 200
    assert answer.text == expected.text
    assert answer.mimetype == expected.headers["content-type"]


@pytest.mark.parametrize("name", BAD)
def test_what_mlflow_refuses_is_refused_with_the_members_its_clients_read(
    theirs, ours, name
):
    expected = ask_theirs(theirs, BAD[name])
    answer = ours.post("/invocations", json=BAD[name])

    assert expected.status_code == 400
    assert answer.status_code == 422
    assert {"error_code", "message"} <= answer.json.keys() & expected.json().keys()


def test_ping_says_the_same(theirs, ours):
    assert ours.get("/ping").status_code == theirs.get("/ping").status_code == 200
    assert ours.get("/ping").text == theirs.get("/ping").text


def test_mlflow_s_own_client_needs_no_change(shared_server):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", shared_server.url.rpartition(":")[2])
    client.wait_server_ready(timeout=5)
    answer = client.invoke(pd.DataFrame([ROW, OTHER]))
    frame = answer.get_predictions()
    version = client.get_version()
    with pytest.raises(Exception, match="error code 422"):
        client.invoke(pd.DataFrame([{"rain_mm": 1.0}]))

    assert frame.shape == (2, 2)
    assert frame.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert '"name":"rain"' in version
