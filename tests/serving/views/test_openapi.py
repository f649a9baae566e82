import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from companion.contract.columns import Column
from companion.contract.rows import Contract
from companion.serving import ServerConfig, create_app
from companion.serving.models.folder import ModelFolder
from companion.serving.views.openapi import describe


@pytest.fixture
def client(rain_model, tmp_path):
    store = f"sqlite:///{tmp_path / 'log.db'}"
    return create_app(ServerConfig(model=rain_model, store=store)).test_client()


def test_the_document_is_openapi_3_1_and_knows_every_address(client):
    document = client.get("/openapi.json").json

    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/predict",
        "/invocations",
        "/health/live",
        "/health/ready",
        "/version",
    }


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_each_example_can_be_posted_as_it_stands(client, path):
    operation = client.get("/openapi.json").json["paths"][path]["post"]
    (kind, content), *none = operation["requestBody"]["content"].items()

    answer = client.post(path, data=json.dumps(content["example"]), content_type=kind)

    assert answer.status_code == 200
    assert not none


def test_the_answer_has_the_shape_that_is_described(client):
    document = client.get("/openapi.json").json
    operation = document["paths"]["/predict"]["post"]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    body = operation["requestBody"]["content"]["application/json"]["example"]

    answer = client.post("/predict", json=body).json

    assert answer.keys() == example.keys()
    assert answer["predictions"][0].keys() == example["predictions"][0].keys()
    assert answer["model"] == example["model"]


def test_the_limits_of_the_check_stand_in_the_document(client):
    schemas = client.get("/openapi.json").json["components"]["schemas"]

    assert schemas["Row"]["properties"]["temp_c"] == {
        "type": "number",
        "format": "double",
        "minimum": -30.0,
        "maximum": 50.0,
    }
    assert schemas["Row"]["additionalProperties"] is False
    assert schemas["Rows"]["properties"]["rows"]["maxItems"] == 1000


def test_every_kind_of_column_can_be_described(tmp_path):
    kinds = ("boolean", "integer", "long", "float", "double", "string", "datetime")
    columns = [Column(name=kind, kind=kind, required=False) for kind in kinds]
    folder = ModelFolder(
        path=tmp_path,
        name="all",
        version="1",
        contract=Contract(columns),
        example={column.name: column.plausible() for column in columns},
        predict_fn="predict",
        skops=None,
    )

    document = describe(folder, max_rows=5)

    OpenAPIV31SpecValidator(document).validate()
    assert len(Contract(columns).check([folder.example])) == 1
