"""llama.cpp's own server, inside this process.

Only a process that does nothing else may call this: the server has threads of
C++, which a fork would lose, and it holds Python's lock while it loads. That
process is `companion.llm.local.server`.
"""

import math
import os
import sys
from pathlib import Path
from typing import Any

from companion.llm.local.weights import model_name

__all__ = ["start_engine", "usable_cores"]

# More threads than these bring nothing for a small model, and cost much where
# another program wants the cores: llama.cpp's threads wait for each other.
_MOST_THREADS = 8
_ONLY_ERRORS = 1
# Rounds that a thread of OpenMP (GNU's) turns while it waits for the others, before
# it lets go of its core. With GNU's own 300,000 a busy machine of two cores was seen
# to give 0.5 tokens a second, with these 20.
_SPIN_ROUNDS = "500"


def start_engine(*, file: Path, port: int, context: int, parallel: int) -> Any:
    """Load a model and serve it on this machine.

    Parameters
    ----------
    file : Path
        The weights, in the format GGUF.
    port : int
        Port to listen on; 0 takes one that is free.
    context : int
        Tokens that prompt and completion of one request may have together.
    parallel : int
        Requests that are worked on at once; each has a context of its own.

    Returns
    -------
    xllamacpp.Server
        It answers already. Its `listening_address` says where.

    Raises
    ------
    RuntimeError
        If the model cannot be loaded or the port is taken; the reason is on the
        standard error.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_ROUNDS)  # read by the next line
    # Or a failed check of C++'s would look for a debugger and run it.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(file)
    params.model_alias = {model_name(file)}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    # llama.cpp counts the tokens of all slots together, readers those of a request.
    params.n_ctx = context * parallel
    params.n_parallel = parallel
    params.cpuparams.n_threads = usable_cores()
    params.endpoint_metrics = True
    # What a slot still holds is used again, and reported as cached tokens. A
    # further store of old prompts would grow to 8 GiB.
    params.cache_ram_mib = 0
    # The numbers above hold as given; by default llama.cpp would try others out.
    params.fit_params = False
    params.ui = False
    # No page of another site may read the answers; the default lets all of them.
    params.cors_origins = ""
    params.verbosity = _ONLY_ERRORS
    return Server(params)


def usable_cores() -> int:
    """Count the cores that this process may keep busy.

    Returns
    -------
    int
        From 1 to 8. A container's share counts, not the machine's cores.
    """
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, _container_cores(), _MOST_THREADS))


def _container_cores(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    # "200000 100000": microseconds of processor time, in each so many; or "max".
    try:
        quota, period = limit.read_text().split()
        return max(1, math.floor(int(quota) / int(period)))
    except (OSError, ValueError):
        return _MOST_THREADS
