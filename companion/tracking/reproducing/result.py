"""What came of running a run again, as text and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from companion.tracking.reproducing.comparing import Compared, Deviation

__all__ = ["Reproduction", "format_environment"]

_MAX_DIFFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A run that was run again, and what both gave.

    Attributes
    ----------
    address, run_id, run_name, model : str
        What was asked for, the run that it led to, and the version of a model, which
        may be empty.
    commit, command : str
        Of the code, and how its program was started.
    verified : tuple of str
        Dataset versions that were there for the program.
    environment : dict of str to tuple of str
        What differs between the recorded environment and this one, then and now;
        empty if nothing does.
    notes : tuple of str
        What is not known to be the same, each a sentence.
    compared : Compared
        What both runs gave.
    """

    address: str
    run_id: str
    run_name: str
    model: str
    commit: str
    command: str
    verified: tuple[str, ...]
    environment: dict[str, tuple[str, str]]
    notes: tuple[str, ...]
    compared: Compared

    @property
    def is_same(self) -> bool:
        """Whether metrics, parameters, data and code are the same."""
        return not self.compared.deviations

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values, as `companion reproduce --json` prints."""
        kept = asdict(self)
        compared = kept.pop("compared")
        return {"same": self.is_same, **kept, **compared}

    def to_text(self) -> str:
        """Return it as lines: what was run, what differs, and what it gave."""
        facts = {
            "run": f"{self.run_name} ({self.run_id})",
            "model": self.model,
            "commit": self.commit,
            "command": self.command,
            "data": "; ".join(self.verified),
        }
        lines = [f"{name:<9}{value}" for name, value in facts.items() if value]
        lines += format_environment(self.environment)
        lines += [f"Note: {one}" for one in self.notes]
        return "\n".join((*lines, "", *self._describe()))

    def _describe(self) -> list[str]:
        found = self.compared
        if self.is_same:
            counts = (
                f"{_count(found.n_metrics, 'metric')} "
                f"({_count(found.n_values, 'value')}), "
                f"{_count(found.n_params, 'parameter')}, "
                f"{_count(found.n_datasets, 'dataset')}"
            )
            return [f"The same to the last digit: {counts}."]
        rows: list[tuple[str, ...]] = [
            ("what", "name", "step", "recorded", "again", "difference")
        ]
        rows += [_row(one) for one in found.deviations]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(
                f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        return ["Not the same:", *(line.rstrip() for line in table)]


def format_environment(differences: dict[str, tuple[str, str]]) -> list[str]:
    """Return lines that say what differs, the first twenty; none if nothing does."""
    if not differences:
        return []
    lines = [
        f"    {name:<18} {old or 'none'} → {new or 'none'}"
        for name, (old, new) in differences.items()
    ]
    more = len(lines) - _MAX_DIFFERENCES
    rest = [f"    and {more} more"] if more > 0 else []
    title = "Differs in the environment (recorded → now):"
    return [title, *lines[:_MAX_DIFFERENCES], *rest]


def _row(one: Deviation) -> tuple[str, ...]:
    difference = ""
    if isinstance(one.recorded, float) and isinstance(one.again, float):
        difference = f"{one.again - one.recorded:.2g}"
    return (
        one.kind,
        one.name,
        "" if one.step is None else str(one.step),
        *(
            "none" if value is None else _show(value)
            for value in (one.recorded, one.again)
        ),
        difference,
    )


def _show(value: str | float) -> str:
    # All digits of a number; of a text as much as tells it from another.
    return repr(value) if isinstance(value, float) else value[:40]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
