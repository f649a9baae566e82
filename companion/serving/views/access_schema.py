"""What the server's description says of where it is and who may ask."""

from typing import Any

from companion.serving.http.auth import OPEN_PATHS

__all__ = ["add_access"]


def add_access(
    document: dict[str, Any], *, prefix: str, needs_token: bool
) -> dict[str, Any]:
    """Add to an OpenAPI document under which path the server is, and its token.

    The operations are open to everyone without a token, as the health pages always are.
    """
    document["servers"] = [{"url": prefix or "/"}]
    if not needs_token:
        return document
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"}
    }
    document["security"] = [{"token": []}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path in OPEN_PATHS:
                operation["security"] = []
            else:
                operation["responses"]["401"] = {
                    "$ref": "#/components/responses/Problem"
                }
    return document
