"""Start the model server in the background, for a chapter, a test or a script.

The server is the real one, `companion serve`, in a process of its own; it ends
with the block, the kernel or the script that started it.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from companion.settings import SETTINGS
from companion.system.background import BackgroundProcess, start_background
from companion.system.ports import free_port

__all__ = ["serve_in_background"]


def serve_in_background(
    model: str | Path,
    *,
    store: str | None = None,
    port: int | None = None,
    options: Sequence[str] = (),
    timeout_s: float = 60.0,
) -> BackgroundProcess:
    """Run `companion serve` and return once it is ready to answer.

    Parameters
    ----------
    model : str or Path
        Folder in MLflow's model format.
    store : str, optional
        SQLAlchemy address of the database that keeps the prediction log; by
        default ``COMPANION_STORE``, and without that ``sqlite:///companion.db``.
    port : int, optional
        Port to listen on; by default one that is free.
    options : sequence of str, optional
        Further options of `companion serve`, such as ``["--workers", "2"]``.
    timeout_s : float, default=60
        Seconds to wait until the server is ready.

    Returns
    -------
    BackgroundProcess
        Its `url` is the server's address. Stop it with `stop()`, or use it in a
        `with` block.

    Raises
    ------
    StartError
        If the server ends, or is not ready in time; the message repeats what
        it printed.
    """
    port = free_port() if port is None else port
    environ = dict(os.environ)
    if store is not None:
        # Not among the arguments, which everyone on the machine can read: the
        # address may hold a password.
        environ[SETTINGS["store"].variable] = store
    arguments = ["serve", str(model), "--port", str(port), *options]
    return start_background(
        # -P: not a companion.py that happens to lie in the working folder.
        [sys.executable, "-P", "-m", "companion", *arguments],
        url=f"http://127.0.0.1:{port}",
        ready_path="/health/ready",
        timeout_s=timeout_s,
        environ=environ,
    )
