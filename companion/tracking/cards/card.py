"""Write a model card beside its HTML page, and check whether it is finished."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from companion.errors import DataError
from companion.system.extras import require_libraries
from companion.tracking.cards.blocks import make_blocks
from companion.tracking.cards.facts import read_facts
from companion.tracking.cards.text import (
    find_open_questions,
    new_text,
    read_title,
    renew_text,
)

__all__ = ["ModelCard", "check_model_card", "write_model_card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What `write_model_card` has written.

    Attributes
    ----------
    path, page : Path
        The card as Markdown, and as HTML.
    title : str
        Heading of the card: name and version of the model.
    old_title : str or None
        That of the card that was there, of which only the facts were renewed.
    open_questions : tuple of str
        What a person must still write.
    """

    path: Path
    page: Path
    title: str
    old_title: str | None
    open_questions: tuple[str, ...]


def write_model_card(
    model: str | Path, path: str | Path = "model-card.md"
) -> ModelCard:
    """Write a model card from a model and the run that logged it.

    The sections are those of Mitchell et al. (2019). What MLflow knows is filled in;
    a fact that it does not know is said to be missing. A card that is there already
    gets new facts, and everything that a person wrote stays.

    Parameters
    ----------
    model : str or Path
        A folder in MLflow's model format, or ``models:/NAME@ALIAS``,
        ``models:/NAME/VERSION``, ``models:/m-ID`` or ``runs:/RUN/PATH``, which are
        looked up where MLflow's own environment variables say.
    path : str or Path, default="model-card.md"
        File to write, `.md`. The page is put beside it, with the suffix `.html`.

    Returns
    -------
    ModelCard

    Raises
    ------
    ModelError
        If there is no such model.
    TrackingError
        If the store of an address cannot be reached.
    DataError
        If the file is something else than a card, or cannot be written.
    MissingExtraError
        If a library of the extra `tracking` is not installed.

    References
    ----------
    M. Mitchell et al., "Model Cards for Model Reporting", Proceedings of FAT* 2019
    (https://doi.org/10.1145/3287560.3287596).
    """
    require_libraries("A model card", "yaml", "markdown_it", extra="tracking")
    path = Path(path)
    if path.suffix != ".md":
        raise DataError(f"The card {path} is to be Markdown: give a file called *.md.")
    old = _read(path) if path.exists() else None
    facts = read_facts(model)
    blocks = make_blocks(facts)
    text = new_text(blocks) if old is None else renew_text(old, blocks, path=path)
    page = path.with_suffix(".html")
    from companion.tracking.cards.page import make_page

    _write(page, make_page(text, title=f"Model card: {facts.title}"))
    _write(path, text)
    return ModelCard(
        path=path,
        page=page,
        title=read_title(text),
        old_title=None if old is None else read_title(old),
        open_questions=tuple(find_open_questions(text)),
    )


def check_model_card(path: str | Path) -> list[str]:
    """List what a person must still write into a model card.

    Parameters
    ----------
    path : str or Path
        The card as Markdown.

    Returns
    -------
    list of str
        A sentence for each question without an answer; empty if the card is finished.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    return find_open_questions(_read(Path(path)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is not UTF-8"
        raise DataError(
            f"The card {path} cannot be read: {reason}. "
            "`companion card make MODEL --to FILE.md` writes one."
        ) from err


def _write(path: Path, text: str) -> None:
    """Write a file at once or not at all: it may hold what a person wrote."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            new.chmod(target.stat().st_mode)
        new.replace(target)
    except OSError as err:
        with contextlib.suppress(OSError):
            new.unlink()
        raise DataError(
            f"{path} cannot be written: {err.strerror or err}. Choose another file "
            "with --to."
        ) from err
