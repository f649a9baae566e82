"""Which model answers a request."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from companion.errors import CompanionError
from companion.serving.config import ServerConfig
from companion.serving.models.addresses import ModelPlace, resolve_model
from companion.serving.models.engine import Model
from companion.serving.models.source import ModelSource

__all__ = ["Router", "SingleModel", "find_model", "loaded_models", "make_router"]


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


def find_model(config: ServerConfig) -> ModelPlace:
    """Find out where the address of a configuration's model leads now."""
    place = resolve_model(config.model)
    return replace(
        place,
        name=config.model_name or place.name,
        version=config.model_version or place.version,
    )


def make_router(config: ServerConfig, place: ModelPlace | None = None) -> Router:
    """Make the router that a configuration asks for; nothing is loaded yet.

    `place` is where its model lies; by default it is found when the model is loaded.
    """
    source = ModelSource(
        place or partial(find_model, config),
        example=config.example,
        engine=config.engine,
    )
    return SingleModel(source)
