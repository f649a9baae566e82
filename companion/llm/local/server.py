"""The process of the language model: llama.cpp's own server, and nothing else.

`companion.llm.local.process` starts it with a pipe as its standard input and reads
one line from its standard output: its process and its address. The system closes
the pipe when the starter dies, however it dies, and the server ends. It does not
share a process: it has threads of C++, which a fork would lose, and it holds
Python's lock while it loads.
"""

import contextlib
import math
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from companion.llm.local.listing import HOST
from companion.llm.local.weights import model_name
from companion.system.parents import wait_for_stdin, watch_parent

__all__ = ["main", "usable_cores"]

# More threads than these bring nothing for a small model, and cost much where
# another program wants the cores: llama.cpp's threads wait for each other.
_MOST_THREADS = 8
_ONLY_ERRORS = 1
# Rounds that a thread of OpenMP (GNU's) turns while it waits for the others, before
# it lets go of its core. With GNU's own 300,000 a busy machine of two cores was seen
# to give 0.5 tokens a second, with these 20.
_SPIN_ROUNDS = "500"


def main(arguments: list[str]) -> NoReturn:
    """Serve a model until the standard input ends.

    Parameters
    ----------
    arguments : list of str
        Weights, port, context, requests at once, and for those who list the
        servers process and program of the owner.

    Raises
    ------
    RuntimeError
        If the model cannot be loaded or the port is taken; the reason is on the
        standard error.
    """
    file, port, context, parallel, _, _ = arguments
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the starter
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What C++ writes to the standard output must not come among our one line.
    # Closed by the process's end alone: the starter takes that for a failure.
    starter = os.dup(1)
    os.dup2(2, 1)
    engine = _start_engine(Path(file), int(port), int(context), int(parallel))
    with contextlib.suppress(OSError):  # the starter may have died
        os.write(starter, f"{os.getpid()} {engine.listening_address}\n".encode())
    # A fork of the starter may hold the pipe open when the starter has died.
    watch_parent(parent, lambda: os._exit(0))
    wait_for_stdin()
    os._exit(0)


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


def _start_engine(file: Path, port: int, context: int, parallel: int) -> Any:
    os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_ROUNDS)  # read by the next line
    # Or a failed check of C++'s would look for a debugger and run it.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(file)
    params.model_alias = {model_name(file)}
    params.hostnames = [HOST]
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


def _container_cores(limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    # "200000 100000": microseconds of processor time, in each so many; or "max".
    try:
        quota, period = limit.read_text().split()
        return max(1, math.floor(int(quota) / int(period)))
    except (OSError, ValueError):
        return _MOST_THREADS


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BaseException as err:  # noqa: BLE001 - whatever it is, the process ends
        if isinstance(err, OSError | RuntimeError):
            sys.stderr.write(f"{err}\n")
        else:
            traceback.print_exc()
        # Here, while the exception keeps the engine: llama.cpp's own shutdown, when
        # the engine is freed or the interpreter ends, may wait for ever.
        os._exit(1)
