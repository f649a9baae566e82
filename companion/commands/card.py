"""`companion card`: a model's card, written from its run and checked."""

from pathlib import Path

import click

from companion.system.extras import require_libraries

__all__ = ["command"]


@click.group(
    "card",
    epilog="Example: companion card make models:/terrace@champion",
    short_help="Write a model's card from its run, and check what is left to write.",
)
def command() -> None:
    """Write a model card, and check it.

    A model card says what a model is for, what it was made of, how good it is and
    where not to use it, in the sections of Mitchell et al. (2019).
    """


@command.command(
    "make", epilog="Example: companion card make models:/terrace@champion --to card.md"
)
@click.argument("model")
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="model-card.md",
    show_default=True,
    metavar="FILE",
    help="Markdown file to write; the HTML page is put beside it.",
)
def _make(*, model: str, path: Path) -> None:
    """Write the card of MODEL, as Markdown and as HTML.

    MODEL is a folder in MLflow's model format; or models:/NAME@ALIAS,
    models:/NAME/VERSION, models:/m-ID or runs:/RUN/PATH, which are looked up where
    MLFLOW_TRACKING_URI says.

    What the model and its run say is filled in: kind, code, parameters, data, inputs,
    metrics. What a person must write is marked with TODO. If FILE is a card already,
    its facts are renewed and what a person wrote stays, so run the command again
    after you have written your part, or for the next version of the model.
    """
    require_libraries("`companion card`", "yaml", "markdown_it", extra="tracking")
    from companion.tracking.cards.card import write_model_card

    card = write_model_card(model, path)
    done = "Written" if card.old_title is None else "Renewed"
    click.echo(f"{done}: {card.path}, {card.page}.")
    if card.old_title not in (None, card.title):
        click.echo(
            f"It was: {card.old_title}. Read again what was written for that one."
        )
    if n_open := len(card.open_questions):
        click.echo(
            f"{_count(n_open)} for a person to answer. Search for TODO, or ask "
            f"`companion card check {card.path}`."
        )


@command.command("check", epilog="Example: companion card check model-card.md")
@click.argument("card", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def _check(ctx: click.Context, *, card: Path) -> None:
    """Name what a person must still write into the card CARD.

    The exit code is 0 if nothing is left, else 1, for CI.
    """
    require_libraries("`companion card`", "yaml", extra="tracking")
    from companion.tracking.cards.card import check_model_card

    if not (questions := check_model_card(card)):
        click.echo("Nothing is left to write.")
        return
    click.echo(f"{_count(len(questions))} without an answer:")
    for question in questions:
        click.echo(f"  {question}")
    ctx.exit(1)


def _count(number: int) -> str:
    return "1 question is" if number == 1 else f"{number} questions are"
