"""The progress bar of commands that may take long."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(
    length: int, label: str, *, is_long: bool
) -> Iterator[Callable[[int], None]]:
    """Show a bar in a terminal, unless the work is done before anyone could read it.

    Yields what takes how much was done since it was last called.
    """
    if not is_long or not sys.stdout.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label) as bar:
        yield bar.update
