"""A model behind an API: checks, a prediction log and health pages."""

from companion._extras import require_libraries

require_libraries("Serving a model", "flask", "numpy", "yaml", extra="serving")

from companion.serving.app import create_app  # noqa: E402 - after the check above

__all__ = ["create_app"]
