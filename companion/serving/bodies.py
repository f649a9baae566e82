"""Reading a request's body as JSON, and writing an answer as JSON."""

import base64
import json
from typing import Any

from companion.serving.problems import ProblemError

__all__ = ["read_json", "write_mlflow"]


def read_json(content: bytes) -> object:
    """Read JSON as it was sent.

    Numbers that JSON cannot hold, NaN and infinity, are read as such, so that
    the check of the rows can name row and column.

    Parameters
    ----------
    content : bytes
        The body.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    ProblemError
        If it is not JSON.
    """
    try:
        return json.loads(content)
    except json.JSONDecodeError as err:
        raise ProblemError(
            "broken-json",
            f"The body is not JSON: {err.msg} at line {err.lineno}, column "
            f"{err.colno}." + (" It is empty." if not content.strip() else ""),
        ) from None
    except UnicodeDecodeError:
        raise ProblemError("broken-json", "The body is not UTF-8.") from None
    except RecursionError:
        raise ProblemError("broken-json", "The body is nested too deeply.") from None
    except ValueError:
        # Python refuses whole numbers of thousands of digits; as a float such a
        # number is infinite, and the check of the rows says where it stands.
        return json.loads(content, parse_int=float)


def write_mlflow(raw: Any) -> bytes:
    """Write what a model returned as MLflow's scoring server does.

    Parameters
    ----------
    raw : object
        What the model's method returned.

    Returns
    -------
    bytes
        A JSON object with the one member `predictions`.

    References
    ----------
    MLflow 3.17, `mlflow.pyfunc.scoring_server.predictions_to_json`: the form.
    """
    if hasattr(raw, "to_frame"):  # a pandas Series
        raw = raw.to_frame()
    if hasattr(raw, "to_dict"):  # a pandas DataFrame
        raw = raw.to_dict(orient="records")
    elif hasattr(raw, "tolist"):  # a NumPy array
        raw = raw.tolist()
    return json.dumps({"predictions": raw}, default=_plain).encode()


def _plain(value: Any) -> object:
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
