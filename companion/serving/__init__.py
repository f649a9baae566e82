"""A model behind an API: checks, a prediction log and health pages."""

from companion._extras import require_libraries

require_libraries("Serving a model", "flask", "numpy", "yaml", extra="serving")

from companion.serving.app import create_app  # noqa: E402 - after the check above
from companion.serving.background import serve_in_background  # noqa: E402 - as above

__all__ = ["create_app", "serve_in_background"]
