"""Registered models for the tests of the registry; they have no files."""

import secrets
from collections.abc import Callable

import pytest


@pytest.fixture
def register_model() -> Callable[[int], str]:
    """Register a model of a new name with so many versions, in the test's store."""
    import mlflow

    def register(n_versions: int, name: str | None = None) -> str:
        client = mlflow.MlflowClient()
        name = name or f"terrace-{secrets.token_hex(4)}"
        experiment = client.create_experiment(secrets.token_hex(8))
        client.create_registered_model(name)
        for _ in range(n_versions):
            logged = client.create_logged_model(experiment, name="model")
            client.create_model_version(
                name, f"models:/{logged.model_id}", model_id=logged.model_id
            )
        return name

    return register
