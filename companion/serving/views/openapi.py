"""The server's description for programs: an OpenAPI 3.1 document.

References
----------
OpenAPI Initiative, "OpenAPI Specification 3.1.1", 2024.
"""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from companion import __version__
from companion.serving.http.problems import PROBLEM_TYPE, PROBLEM_TYPES
from companion.serving.http.responses import reply_json
from companion.serving.models.answers import AnswerReader, label_text
from companion.serving.models.folder import ModelFolder
from companion.serving.models.routing import Router
from companion.serving.views.access_schema import add_access
from companion.serving.views.row_schema import describe_params, describe_row

__all__ = ["describe", "openapi_views"]

_TEXT: Mapping[str, str] = {"type": "string"}
_SAMPLE_ID = "0b9e3c3e-5b1f-4d57-9a3b-0f8f6c1d2e4a"


def openapi_views(router: Router, *, max_rows: int, needs_token: bool) -> Blueprint:
    """Make the view `/openapi.json`, which describes the router's first model."""
    views = Blueprint("openapi", __name__)

    @views.get("/openapi.json")
    def openapi() -> Response:
        model = router.sources[0].get_for_client()
        document = describe(model.folder, model.reader, max_rows=max_rows)
        prefix = request.script_root
        return reply_json(add_access(document, prefix=prefix, needs_token=needs_token))

    return views


def describe(
    folder: ModelFolder, reader: AnswerReader, *, max_rows: int
) -> dict[str, Any]:
    """Describe the addresses of a server and the rows of its model.

    The result is an OpenAPI 3.1 document, ready for JSON. Its examples can be sent as
    they stand.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{folder.name} {folder.version}",
            "description": "A model behind an API, served by `companion serve`.",
            "version": __version__,
        },
        "paths": {
            "/predict": {"post": _predict(folder, reader)},
            "/invocations": {"post": _invocations(folder)},
            "/feedback": {"post": _feedback()},
            "/health/live": {"get": _get("Is the process alive?", "Health")},
            "/health/ready": {
                "get": _get("Can it answer and log?", "Health", unready=True)
            },
            "/version": {"get": _get("Which model and which software?", "Version")},
        },
        "components": {
            "schemas": _schemas(folder, reader, max_rows) | _label_schemas(max_rows),
            "responses": {"Problem": _PROBLEM_RESPONSE},
        },
    }


def _predict(folder: ModelFolder, reader: AnswerReader) -> dict[str, Any]:
    prediction: dict[str, Any] = {"id": f"{_SAMPLE_ID}-0", "value": 0.25}
    if reader.is_probability and reader.value_of is not None:
        chances = dict(zip(reader.names, (0.75, 0.25), strict=True))
        prediction |= {"label": reader.classes[0], "probabilities": chances}
    answer = {
        "request_id": _SAMPLE_ID,
        "model": {"name": folder.name, "version": folder.version},
        "predictions": [prediction],
    }
    return {
        "operationId": "predict",
        "summary": "Answer rows, in their order",
        "requestBody": _json_body("Rows", {"rows": [folder.example]}),
        "responses": {
            "200": _json_response("One answer for each row", "Predictions", answer),
            **_PROBLEMS,
        },
    }


def _invocations(folder: ModelFolder) -> dict[str, Any]:
    named = folder.contract.layout == "frame"
    example = {"dataframe_records" if named else "inputs": [folder.example]}
    body = _json_body("Invocation", example)
    # What a column with this name holds is known when the lines are read.
    body["content"]["text/csv"] = {"schema": _TEXT}
    return {
        "operationId": "invocations",
        "summary": "Answer rows in the formats of MLflow's scoring server",
        "requestBody": body,
        "responses": {
            "200": _json_response("What the model returned", "InvocationAnswer"),
            **_PROBLEMS,
        },
    }


def _feedback() -> dict[str, Any]:
    example = {"labels": [{"id": f"{_SAMPLE_ID}-0", "label": "rain"}]}
    answer = {"request_id": _SAMPLE_ID, "labels": 1}
    return {
        "operationId": "feedback",
        "summary": "Take labels of earlier predictions",
        "requestBody": _json_body("Labels", example),
        "responses": {
            "202": _json_response("They are kept", "LabelsTaken", answer),
            **_PROBLEMS,
        },
    }


def _get(summary: str, schema: str, *, unready: bool = False) -> dict[str, Any]:
    responses = {"200": _json_response("Yes", schema)}
    if unready:
        responses["503"] = _json_response("No, for these reasons", schema)
    return {"summary": summary, "responses": responses}


def _json_body(schema: str, example: object) -> dict[str, Any]:
    return {"required": True, "content": _json_content(schema, example)}


def _json_response(
    description: str, schema: str, example: object = None
) -> dict[str, Any]:
    return {"description": description, "content": _json_content(schema, example)}


def _json_content(schema: str, example: object) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _reference("schemas", schema)}
    if example is not None:
        content["example"] = example
    return {"application/json": content}


def _reference(part: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{part}/{name}"}


_PROBLEMS = dict.fromkeys(
    ("400", "408", "413", "415", "422", "429", "500", "503"),
    _reference("responses", "Problem"),
)
_PROBLEM_RESPONSE = {
    "description": "Why there is no answer, as RFC 9457 has it",
    "content": {PROBLEM_TYPE: {"schema": _reference("schemas", "Problem")}},
}


def _schemas(
    folder: ModelFolder, reader: AnswerReader, max_rows: int
) -> dict[str, Any]:
    rows = _array(_reference("schemas", "Row")) | {"minItems": 1, "maxItems": max_rows}
    members = _record(rows=rows) | {"additionalProperties": False}
    if folder.contract.params:
        members["properties"]["params"] = describe_params(folder.contract)
    return {
        "Row": describe_row(folder.contract),
        "Rows": members,
        "Predictions": _record(
            request_id=_TEXT,
            model=_record(name=_TEXT, version=_TEXT),
            predictions=_array(_prediction_schema(reader)),
        ),
        "Invocation": {
            "type": "object",
            "properties": {
                "dataframe_records": _array({}),
                "dataframe_split": {"type": "object"},
                "inputs": {},
                "instances": {},
                "params": {},
            },
        },
        "InvocationAnswer": {},
        "Health": {
            "type": "object",
            "properties": {
                "live": {"type": "boolean"},
                "ready": {"type": "boolean"},
                "reasons": _array(_TEXT),
                "lost_predictions": {"type": "integer"},
                "log_behind": _nullable(bytes="integer", seconds="number"),
                "reload_failed": _nullable(at="string", reason="string"),
            },
        },
        "Version": _record(
            companion=_TEXT,
            python=_TEXT,
            model={"type": "object"},
            models=_array({"type": "object"}),
        ),
        "Problem": _problem_schema(),
    }


def _label_schemas(max_labels: int) -> dict[str, Any]:
    short = {"minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000]*$"}
    label = _record(
        id={"type": "string", "description": "Identity of the prediction.", **short},
        label={"type": ["string", "number", "boolean"], **short},
    )
    labels = _array(label | {"additionalProperties": False})
    return {
        "Labels": _record(labels=labels | {"minItems": 1, "maxItems": max_labels})
        | {"additionalProperties": False},
        "LabelsTaken": _record(request_id=_TEXT, labels={"type": "integer"}),
    }


def _prediction_schema(reader: AnswerReader) -> dict[str, Any]:
    value: dict[str, Any] = {"type": ["number", "null"]}
    if reader.value_of is not None:
        name = label_text(reader.value_of)
        value["description"] = f"Probability of the class {name}."
    schema = _record(id=_TEXT, value=value)
    schema["properties"] |= {
        "label": {"type": ["string", "number", "boolean"]},
        "probabilities": {
            "type": "object",
            "additionalProperties": {"type": "number"},
        },
        "outputs": {},
    }
    return schema


def _problem_schema() -> dict[str, Any]:
    number = {"type": "integer"}
    entry = {
        "type": "object",
        "properties": {
            "row": {"type": ["integer", "null"]},
            "column": {"type": ["string", "null"]},
            "reason": _TEXT,
            "given": {},
            "expected": _TEXT,
            "detail": _TEXT,
        },
    }
    schema = _record(
        type={"type": "string", "enum": [kind.url for kind in PROBLEM_TYPES.values()]},
        title=_TEXT,
        status=number,
        detail=_TEXT,
        instance=_TEXT,
    )
    schema["properties"] |= {"errors": _array(entry), "errors_total": number}
    return schema


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _nullable(**types: str) -> dict[str, Any]:
    schema = _record(**{name: {"type": kind} for name, kind in types.items()})
    return schema | {"type": ["object", "null"]}


def _record(**properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }
