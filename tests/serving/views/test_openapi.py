import json

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from companion.contract.columns import KINDS, Column
from companion.contract.params import Param
from companion.contract.rows import UNNAMED, Contract
from companion.serving import ServerConfig, create_app
from companion.serving.models.answers import AnswerReader
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
        "/feedback",
        "/health/live",
        "/health/ready",
        "/version",
    }


@pytest.mark.parametrize(
    ("path", "status"), [("/predict", 200), ("/invocations", 200), ("/feedback", 202)]
)
def test_each_example_can_be_posted_as_it_stands(client, path, status):
    operation = client.get("/openapi.json").json["paths"][path]["post"]
    kinds = operation["requestBody"]["content"]
    body = json.dumps(kinds["application/json"]["example"])

    answer = client.post(path, data=body, content_type="application/json")

    assert answer.status_code == status
    assert kinds.keys() <= {"application/json", "text/csv"}


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


NESTED = {
    "array": {"type": "array", "items": {"type": "double"}},
    "map": {"type": "map", "values": {"type": "boolean"}},
    "object": {
        "type": "object",
        "properties": {
            "a": {"type": "long"},
            "b": {"type": "string", "required": False},
        },
    },
    "tensor": {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}},
    "any": {"type": "any"},
}


def folder_of(path, contract):
    return ModelFolder(
        path=path,
        name="all",
        version="1",
        contract=contract,
        example_rows=(),
        loader="",
        predict_fn="predict",
        takes_list=False,
        skops=None,
        profile={},
        warnings=(),
    )


@pytest.mark.parametrize("required", [True, False])
def test_every_kind_of_column_can_be_described(tmp_path, required):
    columns = [
        Column(name=kind, kind=kind, required=required, spec=NESTED.get(kind, {}))
        for kind in sorted(KINDS)
    ]
    param = Param(name="k", spec={"type": "long"}, default=3)
    folder = folder_of(tmp_path, Contract(columns, params=[param]))

    document = describe(folder, AnswerReader(), max_rows=5)

    OpenAPIV31SpecValidator(document).validate()
    row = document["components"]["schemas"]["Row"]
    assert row["properties"].keys() == KINDS
    Draft202012Validator(row).validate(folder.example)
    assert len(Contract(columns).check([folder.example]).rows) == 1


def test_rows_without_names_are_bare_values(tmp_path):
    text = Contract([Column(name=UNNAMED, kind="string")], layout="list")
    pair = Contract(
        [Column(name="0", kind="double"), Column(name="1", kind="string")],
        layout="list",
    )

    for contract, good, bad in ((text, "a", {"input": "a"}), (pair, [1.5, "a"], [1.5])):
        folder = folder_of(tmp_path, contract)
        document = describe(folder, AnswerReader(), max_rows=5)
        OpenAPIV31SpecValidator(document).validate()
        schema = Draft202012Validator(document["components"]["schemas"]["Row"])
        assert schema.is_valid(good)
        assert not schema.is_valid(bad)
        assert contract.check([good])


def test_the_document_says_which_class_the_value_is_of(client):
    schemas = client.get("/openapi.json").json["components"]["schemas"]

    one = schemas["Predictions"]["properties"]["predictions"]["items"]
    assert one["properties"]["value"]["description"] == "Probability of the class 1."
