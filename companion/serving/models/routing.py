"""Which model answers a request."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from companion.errors import CompanionError
from companion.serving.config import ServerConfig
from companion.serving.models.engine import Model
from companion.serving.models.source import ModelPlace, ModelSource, resolve_model

__all__ = ["Router", "SingleModel", "loaded_models", "make_router"]


class Router(Protocol):
    """Chooses among the models of a server.

    Attributes
    ----------
    sources : sequence of ModelSource
        Every model that may answer. The first is the one that `/version` and
        `/openapi.json` describe; the server is ready when all of them are.
    """

    @property
    def sources(self) -> Sequence[ModelSource]: ...  # noqa: D102 - see above

    def choose(self, request_id: str) -> ModelSource:
        """Choose one of `sources` for the request with this id, a random UUID."""
        ...


class SingleModel:
    """The router of a server that has one model."""

    def __init__(self, source: ModelSource) -> None:
        self.sources = (source,)

    def choose(self, request_id: str) -> ModelSource:  # noqa: ARG002 - the protocol's
        """Return the one model, whatever the request."""
        return self.sources[0]


def loaded_models(router: Router) -> Iterator[Model]:
    """Go through the models of a router that can answer now, the first one first."""
    for source in router.sources:
        with contextlib.suppress(CompanionError):  # /health/ready says why
            yield source.get()


def make_router(config: ServerConfig, place: ModelPlace | None = None) -> Router:
    """Make the router that a configuration asks for; nothing is loaded yet.

    `place` is where its model lies; by default its address is resolved.
    """
    place = place or resolve_model(config.model)
    return SingleModel(ModelSource(place, engine=config.engine))
