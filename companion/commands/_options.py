"""Command-line options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from companion.settings import SETTINGS

__all__ = [
    "journal_option",
    "setting_option",
    "store_option",
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


# Every command that writes or reads the log takes these two.
store_option = setting_option("store", metavar="URL")
journal_option = setting_option(
    "journal", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER"
)
