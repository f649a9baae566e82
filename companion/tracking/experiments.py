"""Finding an experiment of MLflow's by its name, or making it."""

from typing import Any

__all__ = ["find_experiment"]


def find_experiment(client: Any, name: str) -> Any:
    """Find the experiment of a name, a deleted one too; make it if there is none."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.get_experiment(client.create_experiment(name))
        except MlflowException:
            # Another program was quicker; if there is still none, the name is invalid.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found
