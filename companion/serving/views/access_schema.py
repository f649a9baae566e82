"""What the server's description says of where it is and who may ask."""

from typing import Any

from companion.serving.http.auth import OPEN_PATHS

__all__ = ["add_access"]

_PROBLEM = {"$ref": "#/components/responses/Problem"}


def add_access(
    document: dict[str, Any], *, prefix: str, needs_token: bool
) -> dict[str, Any]:
    """Add to an OpenAPI document under which path the server is, and whom it refuses.

    Everyone may ask without a token; the health pages always answer.
    """
    document["servers"] = [{"url": prefix or "/"}]
    if needs_token:
        document["security"] = [{"token": []}]
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"}
        }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path not in OPEN_PATHS:
                statuses = ("401", "429", "503") if needs_token else ("429", "503")
                operation["responses"] |= dict.fromkeys(statuses, _PROBLEM)
            elif needs_token:
                operation["security"] = []
    return document
