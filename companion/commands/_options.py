"""Command-line options that several commands share."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from companion.errors import SettingError
from companion.settings import SETTINGS

__all__ = [
    "journal_option",
    "json_option",
    "read_time",
    "setting_option",
    "since_option",
    "store_option",
    "until_option",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def setting_option(
    name: str, *, option: str | None = None, **attributes: Any
) -> Callable[[_Function], _Function]:
    """Make the option of one setting.

    Variable, default and help come from `companion.settings.SETTINGS`. `option` is its
    name without dashes, by default `name`, so that two commands may have an option of
    one name, such as ``--port``. `attributes` go to `click.option`.
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


def read_time(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> datetime | None:
    """Read a moment or an age, as the callback of an option."""
    if value is None:
        return None
    try:
        # Here: commands that have no times should not load the store for them.
        from companion.store.times import parse_time

        return parse_time(value, now=datetime.now(UTC))
    except SettingError as err:
        raise click.BadParameter(str(err), ctx, param) from None


def json_option(text: str) -> Callable[[_Function], _Function]:
    """Make the option ``--json`` of a command that lists something."""
    return click.option("--json", "as_json", is_flag=True, help=text)


# Every command that writes or reads the log takes these two.
store_option = setting_option("store", metavar="URL")
journal_option = setting_option(
    "journal", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER"
)
since_option = click.option(
    "--since",
    callback=read_time,
    metavar="TIME",
    help="Made at this time or later: 2014-06-01T08:30 (UTC), or an age such as 2h.",
)
until_option = click.option(
    "--until", callback=read_time, metavar="TIME", help="Made before this time."
)
