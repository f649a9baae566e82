"""`companion ship`: bring what waits in the journal into the database."""

import contextlib
import logging
import os
import signal
import threading
from pathlib import Path

import click

from companion.commands._options import journal_option, store_option
from companion.commands._progress import progress_bar
from companion.errors import SettingError
from companion.store import Shipper, ShipReport, follow, journal_folder, ship
from companion.store.journal.aside import retry_aside
from companion.system.parents import watch_stdin

__all__ = ["command"]

# A smaller shipment is over before anyone reads a progress bar.
_BAR_FROM_BYTES = 1_000_000
# Of two processes that want one processor, the other gets three quarters.
_NICENESS = 5


@click.command(
    epilog="Example: companion ship --store sqlite:///companion.db",
    context_settings={"show_default": True},
)
@store_option
@journal_option
@click.option(
    "--retry-bad",
    is_flag=True,
    help="First try again what was set aside in files that end in .bad, such as "
    "after an upgrade. What still holds no record is set aside again.",
)
@click.option("--follow", "following", is_flag=True, help="Keep shipping until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="SECONDS",
    help="With --follow: pause between two shipments.",
)
@click.option(
    "--while-stdin-open",
    is_flag=True,
    help=(
        "With --follow: end when standard input ends, and ignore signals. For a "
        "program that starts this one and may be killed."
    ),
)
def command(
    *,
    store: str,
    journal: Path | None,
    retry_bad: bool,
    following: bool,
    interval: float,
    while_stdin_open: bool,
) -> None:
    """Bring what waits in the journal into the database.

    A server does this by itself. Run it after a server was killed, or to empty
    the journal of a store that could not be reached. Records that are in the
    database already are passed over, so it may run at any time.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")
    if while_stdin_open and not following:
        raise SettingError("--while-stdin-open needs --follow. Add --follow.")
    if retry_bad:
        count = retry_aside(journal_folder(store, journal))
        click.echo(f"Trying again what was set aside in {_count(count, 'file')}.")
    if while_stdin_open:
        _step_back()
    if following:
        stop = _stop_at_end_of_input() if while_stdin_open else _stop_at_signal()
        with contextlib.closing(Shipper(store, journal)) as shipper:
            report = follow(shipper, stop=stop, interval_s=interval)
    else:
        report = _ship_once(store, journal)
    click.echo(_sentence(report))


def _step_back() -> None:
    """Let the program that is served have the processor first; the journal can wait."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


def _ship_once(store: str, journal: Path | None) -> ShipReport:
    waiting = Shipper(store, journal).bytes_waiting()
    is_long = waiting >= _BAR_FROM_BYTES
    with progress_bar(waiting, "Shipping", is_long=is_long) as advance:
        return ship(store, journal, progress=advance)


def _stop_at_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _stop_at_end_of_input() -> threading.Event:
    stop = threading.Event()
    # Ctrl-C and a service manager's signal reach a whole group of processes at
    # once, while the parent still finishes requests: its records come later.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    watch_stdin(stop.set)
    return stop


def _sentence(report: ShipReport) -> str:
    if report == ShipReport():
        return "Nothing waited in the journal."
    sentence = f"Shipped {_count(report.shipped, 'record')}"
    if report.duplicates:
        sentence += f", passed over {report.duplicates} that were there already"
    if report.set_aside:
        sentence += f", set {_count(report.set_aside, 'unreadable line')} aside"
    return f"{sentence}."


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
