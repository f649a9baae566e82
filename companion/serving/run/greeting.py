"""What `companion serve` says of a model at its start: what is checked, what lacks."""

import shlex
from pathlib import Path

from companion.contract.learned import LearnedContract
from companion.serving.models.folder import ModelFolder

__all__ = ["describe_checks"]


def describe_checks(address: str | Path, folder: ModelFolder) -> str:
    """Say which checks are on, and what the folder lacks, in lines of the greeting."""
    lines = [f"  checks of a row    {_checks(folder)}"]
    lines += [f"  note               {text}" for text in _lacks(address, folder)]
    return "".join(f"{line}\n" for line in lines)


def _checks(folder: ModelFolder) -> str:
    contract = folder.contract
    if isinstance(contract, LearnedContract):
        return "columns and types as in the first rows"
    n_ranges = sum(column.allowed is not None for column in contract.columns)
    what = f"types of {_count(len(contract.columns), 'column')}"
    return f"{what}, {_count(n_ranges, 'range')}" if n_ranges else what


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lacks(address: str | Path, folder: ModelFolder) -> list[str]:
    contract = folder.contract
    found = list(folder.warnings)
    if isinstance(contract, LearnedContract) or contract.layout != "frame":
        return found  # ranges are for named columns
    missing = [
        column.name
        for column in contract.columns
        if column.is_number and column.kind != "boolean" and column.allowed is None
    ]
    if not missing:
        return found
    if len(missing) == sum(column.is_number for column in contract.columns):
        which = "It has no ranges"
    else:
        which = f"It has no range for {', '.join(missing[:5])}"
        which += ", …" if len(missing) > 5 else ""
    return [*found, f"{which}: {_remedy(address)}."]


def _remedy(address: str | Path) -> str:
    if str(address).startswith(("models:/", "runs:/")):
        return "log it again with metadata=companion.tracking.training_metadata(data)"
    return (
        "implausible numbers are answered. Add them with "
        f"`companion profile {shlex.quote(str(address))} --data FILE`"
    )
