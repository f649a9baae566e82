"""Every kind of model behind MLflow's scoring server and behind ours.

The folders are the same, and so are the bodies. A kind that is not served is refused
at the start, with the reason.
"""

import json
import warnings

import pytest

from companion.errors import ModelError
from companion.serving import ServerConfig, create_app
from companion.serving.models.loading import load_model
from companion.store import Prediction
from companion.store.records import decode_line

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of type hints and of their absence
    from model_kinds import FRAME, KINDS

SERVED = [kind for kind in KINDS if not kind.refused]
OF_NUMBERS = [kind for kind in SERVED if kind.bodies == FRAME]
REFUSED = [kind for kind in KINDS if kind.refused]


def skip_without_openmp():
    """LightGBM's wheel for Linux leaves OpenMP's library to the system."""
    try:
        import lightgbm  # noqa: F401
    except OSError as err:
        pytest.skip(f"{err}: run `apt-get install libgomp1`")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")

    def make(kind):
        if "LightGBM" in kind.name or "categories" in kind.name:
            skip_without_openmp()
        folder = root / kind.name.replace(" ", "-")
        if not folder.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.save(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def ask_theirs(folder_of):
    """Ask MLflow's scoring server, without its socket."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    models = {}

    def ask(kind, body):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind.name not in models:
                models[kind.name] = mlflow.pyfunc.load_model(str(folder_of(kind)))
            model = models[kind.name]
            schema = model.metadata.get_input_schema()
            text = json.dumps(body)
            answer = scoring_server.invocations(text, "application/json", model, schema)
        assert answer.status == 200, answer.response
        return json.loads(answer.response)

    return ask


@pytest.fixture(scope="module")
def app_of(folder_of, tmp_path_factory):
    apps = {}

    def make(kind):
        if kind.name not in apps:
            store = f"sqlite:///{tmp_path_factory.mktemp('log') / 'log.db'}"
            config = ServerConfig(model=folder_of(kind), store=store)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = create_app(config).test_client()
                ready = client.get("/health/ready").json
            assert ready["reasons"] == []
            apps[kind.name] = client, config
        return apps[kind.name]

    return make


def records(config):
    lines = [
        line
        for path in config.journal_path.glob("*.jsonl")
        for line in path.read_bytes().splitlines()
        if line.strip()
    ]
    found = [one for line in lines for one in decode_line(line)]
    return [one for one in found if isinstance(one, Prediction)]


def alike(ours, theirs):
    """Compare numbers to nine digits: MLflow adds a data frame on the way."""
    if isinstance(theirs, float) and not isinstance(ours, bool):
        return ours == pytest.approx(theirs, rel=1e-9, nan_ok=True)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            alike(ours[name], theirs[name]) for name in theirs
        )
    return ours == theirs


def test_there_are_thirty_kinds_and_more():
    assert len(SERVED) >= 30
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", SERVED, ids=lambda kind: kind.name)
@pytest.mark.filterwarnings("ignore")
def test_a_model_answers_as_it_does_behind_mlflow_and_is_logged(
    kind, app_of, ask_theirs
):
    client, config = app_of(kind)
    assert kind.bodies

    for body in kind.bodies:
        before = len(records(config))
        expected = ask_theirs(kind, body)
        answer = client.post("/invocations", json=body)

        assert answer.status_code == 200, answer.text
        assert alike(answer.json, expected), (answer.json, expected)
        assert len(records(config)) > before


@pytest.mark.parametrize(
    "kind",
    [kind for kind in SERVED if kind.bodies == FRAME],
    ids=lambda kind: kind.name,
)
@pytest.mark.filterwarnings("ignore")
def test_many_rows_are_answered_and_logged_as_each_alone(kind, app_of, ask_theirs):
    client, config = app_of(kind)
    rows = [
        {"area": 50.0 + number, "rooms": float(number) if number % 2 else number}
        for number in range(1, 25)
    ]
    body = {"dataframe_records": rows}
    before = len(records(config))

    answer = client.post("/invocations", json=body)

    assert alike(answer.json, ask_theirs(kind, body))
    many = records(config)[before:]
    assert [one.inputs for one in many] == rows
    for row in rows:
        client.post("/predict", json={"rows": [row]})
    alone = records(config)[before + len(rows) :]
    for one, expected in zip(many, alone, strict=True):
        assert one.label == expected.label
        assert alike(
            [one.value, one.score, one.outputs],
            [expected.value, expected.score, expected.outputs],
        )


@pytest.mark.parametrize("kind", SERVED, ids=lambda kind: kind.name)
@pytest.mark.filterwarnings("ignore")
def test_the_example_of_the_document_can_be_predicted(kind, app_of):
    client, config = app_of(kind)
    if kind.name in ("no example", "no signature, no example"):
        pytest.skip("a made-up row need not be one that the model answers")
    document = client.get("/openapi.json").json
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    example = body["application/json"]["example"]

    answer = client.post("/predict", json=example)

    assert answer.status_code == 200, answer.text
    (item,) = answer.json["predictions"]
    assert item["value"] is not None or item.keys() & {"label", "outputs"}
    last = records(config)[-1]
    assert (last.id, last.value) == (item["id"], item["value"])


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        pytest.param(kind, body, expected, id=kind.name)
        for kind in SERVED
        for body, expected in kind.better
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_mlflow_refuses_although_it_makes_sense_is_answered(
    kind, body, expected, app_of, ask_theirs
):
    client, _ = app_of(kind)

    answer = client.post("/invocations", json=body)

    assert answer.status_code == 200, answer.text
    assert expected is None or answer.json["predictions"] == expected
    with pytest.raises(Exception, match=""):
        ask_theirs(kind, body)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_cannot_be_served_says_so_at_the_start(kind, folder_of):
    with pytest.raises(ModelError, match=kind.refused) as caught:
        load_model(folder_of(kind))

    assert str(folder_of(kind)) in str(caught.value)
