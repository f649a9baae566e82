"""The served OpenAPI document is true: schemathesis asks what it allows and forbids."""

import warnings

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from companion.serving import ServerConfig, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from model_kinds import KINDS

NAMES = (
    "linear regression",
    "binary classifier, probabilities",
    "three classes, text labels",
    "optional columns",
    "Python model with parameters",
)
CHOSEN = [kind for kind in KINDS if kind.name in NAMES]
TOKEN = "0123456789abcdef"  # noqa: S105 - it opens nothing
SETTINGS = settings(
    max_examples=20,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_all_of_them_are_known():
    assert len(CHOSEN) == len(NAMES)


@pytest.fixture
def make_app(tmp_path):
    def make(save, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            save(tmp_path / "model")
            store = f"sqlite:///{tmp_path / 'log.db'}"
            config = ServerConfig(model=tmp_path / "model", store=store, **options)
            return create_app(config)

    return make


def check(case):
    """Compare an answer with the document: status, type, schema, what is refused.

    A body that the document allows must be taken by `/feedback`, and answered by
    `/predict`, but for numbers that the model has no answer to. No document can say
    which rows `/invocations` takes in each of its formats.
    """
    answer = case.call()
    case.validate_response(answer, excluded_checks=[positive_data_acceptance])
    assert answer.status_code != 503
    is_allowed = case.meta.generation.mode == GenerationMode.POSITIVE
    if case.path == "/feedback" and is_allowed:
        assert answer.status_code == 202
    if case.path == "/predict" and is_allowed:
        assert answer.status_code in (200, 422)
        reasons = {one["reason"] for one in answer.json().get("errors", ())}
        assert reasons <= {"refused_by_model"}


def ask_everything(schema):
    asked = []
    for found in schema.get_all_operations():
        operation = found.ok()
        modes = [GenerationMode.POSITIVE]
        if operation.method == "post":  # the others have nothing to get wrong
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            strategy = operation.as_strategy(generation_mode=mode)
            SETTINGS(given(case=strategy)(check))()
        asked.append(operation.path)
    return asked


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", CHOSEN, ids=lambda kind: kind.name)
def test_the_document_is_true(make_app, kind):
    app = make_app(kind.save)

    asked = ask_everything(schemathesis.openapi.from_wsgi("/openapi.json", app))

    expected = {"/predict", "/invocations", "/feedback", "/version", "/health/ready"}
    assert expected <= set(asked)


@pytest.mark.filterwarnings("ignore")
def test_the_document_is_true_where_a_token_is_needed(make_app):
    """Schemathesis then also asks without it, and with a wrong one."""
    app = make_app(CHOSEN[0].save, token=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, headers=headers)
    schema.config.update(headers=headers)

    assert "/version" in ask_everything(schema)
