"""Command-line options that several commands share, and what belongs to them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from companion.errors import SettingError
from companion.settings import SETTINGS

__all__ = [
    "choice_options",
    "echo_waiting",
    "journal_option",
    "setting_option",
    "store_option",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def setting_option(
    name: str, *, option: str | None = None, **attributes: Any
) -> Callable[[_Function], _Function]:
    """Make the option of one setting.

    Parameters
    ----------
    name : str
        A key of `companion.settings.SETTINGS`: the option's variable, default
        and help come from there.
    option : str, optional
        Name of the option without its dashes; by default `name`. Two commands
        may then call their own settings by one word, such as ``--port``.
    **attributes
        What else `click.option` takes: `type`, `metavar`, ...

    Returns
    -------
    callable
        The decorator.
    """
    setting = SETTINGS[name]
    return click.option(
        f"--{option or name}",
        envvar=setting.variable,
        default=setting.default,
        show_default=setting.default is not None,
        show_envvar=True,
        help=setting.meaning,
        **attributes,
    )


# Every command that writes or reads the log takes these two.
store_option = setting_option("store", metavar="URL")
journal_option = setting_option(
    "journal", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER"
)


def choice_options(function: _Function) -> _Function:
    """Add the options that choose rows of the log by number and by time."""
    for option in (_until_option, _since_option, _limit_option):
        function = option(function)
    return function


def echo_waiting(store: str, journal: Path | None, *, table: str, noun: str) -> None:
    """Say on standard error how many records wait, for standard output may be JSON.

    Parameters
    ----------
    store : str
        Address of the store.
    journal : Path or None
        Folder of the journal, if one was asked for.
    table : str
        Table that the records belong to.
    noun : str
        What one of them is called.
    """
    from companion.store import count_waiting

    if waiting := count_waiting(store, journal, table=table):
        words = f"{noun} waits" if waiting == 1 else f"{noun}s wait"
        click.echo(
            f"{waiting} {words} in the journal and not in the list; `companion ship` "
            "brings them in.",
            err=True,
        )


def _read_time(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime | None:
    from companion.store import parse_time

    if value is None:
        return None
    try:
        return parse_time(value, now=datetime.now(UTC))
    except SettingError as err:
        raise click.BadParameter(str(err), ctx, param) from None


_limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="At most so many.",
)
_since_option = click.option(
    "--since",
    callback=_read_time,
    metavar="TIME",
    help="Made at this time or later: 2014-06-01T08:30 (UTC), or an age such as 2h.",
)
_until_option = click.option(
    "--until", callback=_read_time, metavar="TIME", help="Made before this time."
)
