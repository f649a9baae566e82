"""The process of the language model: llama.cpp's server, and nothing else.

`companion.llm.local.process` starts it with a pipe as its standard input and reads
one line of JSON from its standard output: what the server is, or why it cannot
list itself. It ends with SIGTERM and at the end of its standard input: the system
closes the pipe when the starter dies, however it dies.
"""

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, NoReturn

from companion.llm.local.engine import start_engine
from companion.llm.local.listing import InfoFile, ServerInfo, running_folder
from companion.llm.local.weights import model_name
from companion.system.parents import watch_stdin

__all__ = ["main"]

_POLL_S = 0.5


def main(arguments: list[str]) -> NoReturn:
    """Serve a model until the standard input ends.

    Parameters
    ----------
    arguments : list of str
        Weights, port, context, requests at once, process and program of the owner.
    """
    file, port, context, parallel, owner_pid, owner = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the starter
    # What C++ writes to the standard output must not come among our one line.
    starter = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    info = ServerInfo(
        pid=os.getpid(),
        url="",
        model=model_name(Path(file)),
        file=file,
        context=int(context),
        parallel=int(parallel),
        started_at=time.time(),
        owner_pid=int(owner_pid),
        owner=owner,
    )
    try:
        listed = InfoFile(info)  # before the model is loaded: this fails at once
    except OSError as err:
        error = (
            "The server of the language model cannot list itself in "
            f"{running_folder()}: {err.strerror}. Make room on that disk, or see that "
            "the folder can be written and its file system has locks."
        )
        _answer(starter, {"error": error})
        os._exit(1)
    try:
        engine = start_engine(
            file=Path(file),
            port=int(port),
            context=info.context,
            parallel=info.parallel,
        )
        info = replace(info, url=engine.listening_address)
        listed.write(info)
    except (OSError, RuntimeError) as err:
        sys.stderr.write(f"{err}\n")
        _end(listed, 1)
    signal.signal(signal.SIGTERM, lambda *_: _end(listed, 0))
    _answer(starter, asdict(info))
    watch_stdin(lambda: _end(listed, 0))
    while True:  # where a thread of C++ gets the signal, this one takes note of it
        time.sleep(_POLL_S)


def _answer(starter: IO[str], answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError), starter:  # the starter may have died
        starter.write(json.dumps(answer) + "\n")


def _end(listed: InfoFile, code: int) -> NoReturn:
    listed.remove()
    os._exit(code)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception:  # noqa: BLE001 - whatever it is, the process ends here
        traceback.print_exc()
    finally:
        # Always so: an interpreter that shuts down runs llama.cpp's own shutdown,
        # which may wait for ever.
        os._exit(1)
