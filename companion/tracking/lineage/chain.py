"""The chain of a model's lineage, as text and as JSON.

Pure: `companion.tracking.lineage.tracing` finds the links.
"""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Lineage", "Link"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of a chain.

    Attributes
    ----------
    kind : {"data", "run", "model", "alias", "predictions"}
        What it is.
    title : str
        Its name; empty if the link is missing.
    facts : dict of str to str
        What is known of it, in the order to show it.
    missing : tuple of str
        What is not known of it, each a sentence with the reason.
    """

    kind: Literal["data", "run", "model", "alias", "predictions"]
    title: str
    facts: dict[str, str]
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the link as plain values."""
        return {
            "kind": self.kind,
            "title": self.title,
            "facts": self.facts,
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a registered model's version comes from and where it goes.

    Attributes
    ----------
    address : str
        The address that was asked for.
    links : tuple of Link
        From the data to the predictions.
    """

    address: str
    links: tuple[Link, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not any(one.missing for one in self.links)

    def to_json(self) -> dict[str, Any]:
        """Return the chain as plain values, as `companion lineage --json` prints it."""
        return {
            "address": self.address,
            "complete": self.is_complete,
            "links": [one.to_json() for one in self.links],
        }

    def to_text(self) -> str:
        """Return the chain as lines of text."""
        return "\n".join("\n".join(_lines(one)) for one in self.links)


def _lines(link: Link) -> list[str]:
    width = max((len(name) for name in link.facts), default=0)
    return [
        f"{link.kind}: {link.title}" if link.title else link.kind,
        # A value of several lines is one line here.
        *(
            f"    {name:<{width}}  {' '.join(value.split())}"
            for name, value in link.facts.items()
        ),
        *(f"    missing: {text}" for text in link.missing),
    ]
