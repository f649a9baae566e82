"""The sections of a model card: those of Mitchell et al.

Each has questions that only a person can answer, and may have facts that are known from
the model and its run.

References
----------
M. Mitchell et al., "Model Cards for Model Reporting", Proceedings of FAT* 2019,
section 4 (https://doi.org/10.1145/3287560.3287596).
"""

from dataclasses import dataclass

__all__ = ["SECTIONS", "Question", "Section"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a person answers below a heading of its own."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """One section: the name of its facts, None where there are none, and questions."""

    title: str
    facts: str | None
    questions: tuple[Question, ...]


SECTIONS = (
    Section(
        "Model details",
        "details",
        (
            Question(
                "Owner and contact",
                "Which person or team owns the model, and where do questions go?",
            ),
            Question(
                "License",
                "Under which terms may others use the model, and how is it cited?",
            ),
        ),
    ),
    Section(
        "Intended use",
        None,
        (
            Question(
                "Primary intended uses",
                "Which decision does the model support, and how is its answer used?",
            ),
            Question(
                "Primary intended users", "Which people or programs ask the model?"
            ),
            Question(
                "Out-of-scope uses",
                "What looks like a use for the model, and is none?",
            ),
        ),
    ),
    Section(
        "Factors",
        None,
        (
            Question(
                "Relevant factors",
                "For which groups, instruments or conditions may it perform "
                "differently?",
            ),
            Question(
                "Evaluation factors",
                "Which of these were evaluated, and why not the others?",
            ),
        ),
    ),
    Section(
        "Metrics",
        None,
        (
            Question(
                "Performance measures",
                "Why these metrics, and what does an error cost?",
            ),
            Question(
                "Decision thresholds",
                "From which value on is something done, and who chose it?",
            ),
            Question(
                "Uncertainty",
                "How were the metrics estimated, and how far may they be off?",
            ),
        ),
    ),
    Section(
        "Evaluation data",
        "evaluation",
        (
            Question(
                "Motivation",
                "Why were these data chosen, and what do they not cover?",
            ),
            Question("Preprocessing", "What was done to the data before?"),
        ),
    ),
    Section(
        "Training data",
        "training",
        (
            Question(
                "Origin and gaps",
                "How were the data collected, and where do they differ from those in "
                "production?",
            ),
        ),
    ),
    Section(
        "Quantitative analyses",
        "metrics",
        (
            Question(
                "Results by factor",
                "How good is the model for each of the factors, and for combinations?",
            ),
        ),
    ),
    Section(
        "Ethical considerations",
        None,
        (
            Question(
                "Risks and harms",
                "Whom can a wrong answer harm, and what was done about it?",
            ),
        ),
    ),
    Section(
        "Caveats and recommendations",
        None,
        (
            Question(
                "Known limits",
                "What was not tested, and what should be watched in production?",
            ),
        ),
    ),
)
