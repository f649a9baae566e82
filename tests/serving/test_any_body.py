"""Whatever is sent to whatever model: an answer or a reason, never a 5xx.

Bodies are what a model takes with parts of it exchanged for any JSON.
"""

import json
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion.serving import ServerConfig, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from model_kinds import KINDS

NAMES = (
    "binary classifier, probabilities",
    "bare texts",
    "optional columns",
    "linear regression on an array",
    "lists and objects as inputs",
    "tensors by name",
    "no signature, an example",
    "times",
    "Python model with parameters",
)
CHOSEN = [kind for kind in KINDS if kind.name in NAMES]

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def changed(draw, value):
    """Draw a value with some of its parts exchanged for any JSON."""
    if draw(st.integers(0, 6)) == 0:
        return draw(any_json)
    if isinstance(value, dict):
        return {
            name if draw(st.integers(0, 9)) else draw(st.text(max_size=6)): draw(
                changed(inner)
            )
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [draw(changed(inner)) for inner in value]
    return value


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    root = tmp_path_factory.mktemp("any")
    made = {}
    for number, kind in enumerate(CHOSEN):
        folder = root / str(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.save(folder)
            config = ServerConfig(model=folder, store=f"sqlite:///{root}/{number}.db")
            client = create_app(config).test_client()
            assert client.get("/health/ready").status_code == 200
        made[kind.name] = client
    return made


def test_all_of_them_are_known():
    assert len(CHOSEN) == len(NAMES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", CHOSEN, ids=lambda kind: kind.name)
@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_body_gets_an_answer_or_a_reason(clients, kind, data):
    client = clients[kind.name]
    body = data.draw(st.sampled_from(kind.bodies).flatmap(changed))
    path = "/invocations"
    if data.draw(st.booleans()) and isinstance(body, dict) and body:
        path, body = "/predict", {"rows": next(iter(body.values()))}

    text = json.dumps(body)  # NaN and infinity included, as some clients write them
    answer = client.post(path, data=text, content_type="application/json")

    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code != 200:
        json.loads(answer.text, parse_constant=pytest.fail)
        assert answer.mimetype == "application/problem+json"
