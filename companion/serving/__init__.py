"""A model behind an API: checks, a prediction log and health pages."""

from typing import TYPE_CHECKING

from companion.system.lazy import load_lazily

if TYPE_CHECKING:
    from companion.serving.app import create_app
    from companion.serving.config import ServerConfig
    from companion.serving.run.background import serve_in_background

__all__ = ["ServerConfig", "create_app", "serve_in_background"]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "ServerConfig": "companion.serving.config",
        "create_app": "companion.serving.app",
        "serve_in_background": "companion.serving.run.background",
    },
    libraries=("flask", "numpy", "prometheus_client", "yaml"),
    extra="serving",
)
