"""The matrix as a table: each kind of model, MLflow's answer, ours, equal or why not.

tests/serving/models/test_matrix.py holds it true; here it is to be read.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

__all__ = ["run"]

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serving"))
_WIDTH = 38


def run() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    from model_kinds import KINDS

    with tempfile.TemporaryDirectory() as place:
        rows = [_row(kind, Path(place, str(n))) for n, kind in enumerate(KINDS)]
    _say(f"  {'kind':<42} {'MLflow':<{_WIDTH}} {'companion':<{_WIDTH}} equal")
    for name, theirs, ours, verdict in rows:
        line = f"{name:<42} {_short(theirs):<{_WIDTH}} {_short(ours):<{_WIDTH}}"
        _say(f"  {line} {verdict}")
    equal = sum(verdict == "yes" for *_, verdict in rows)
    refused = sum(verdict == "refused" for *_, verdict in rows)
    _say(f"  {len(rows)} kinds: {equal} equal, {refused} refused with the reason")


def _row(kind: Any, folder: Path) -> tuple[str, str, str, str]:
    kind.save(folder)
    body = kind.bodies[0]
    try:
        theirs = _ask_theirs(folder, body)
    except Exception as err:  # noqa: BLE001 - whatever it raises, it does not answer
        theirs = f"fails: {type(err).__name__}"
    if kind.refused:
        return kind.name, theirs, kind.refused, "refused"
    ours = _ask_ours(folder, body, folder.with_name(f"{folder.name}.db"))
    return kind.name, theirs, ours, "yes" if _alike(ours, theirs) else "NO"


def _ask_theirs(folder: Path, body: Any) -> str:
    import mlflow
    from mlflow.pyfunc import scoring_server

    model = mlflow.pyfunc.load_model(str(folder))
    schema = model.metadata.get_input_schema()
    text = json.dumps(body)
    return str(
        scoring_server.invocations(text, "application/json", model, schema).response
    )


def _ask_ours(folder: Path, body: Any, store: Path) -> str:
    from companion.serving import ServerConfig, create_app

    config = ServerConfig(model=folder, store=f"sqlite:///{store}")
    return create_app(config).test_client().post("/invocations", json=body).text


def _alike(ours: str, theirs: str) -> bool:
    """Compare to nine digits, as the test does."""

    def rounded(text: str) -> Any:
        return json.loads(
            text, parse_float=lambda digits: float(f"{float(digits):.9g}")
        )

    return bool(rounded(ours) == rounded(theirs))


def _short(text: str) -> str:
    text = text.removeprefix('{"predictions": ').removesuffix("}")
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
