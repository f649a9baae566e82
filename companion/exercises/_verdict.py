"""What a checker says about an answer."""

from dataclasses import dataclass

__all__ = ["Verdict", "not_yet", "right"]


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What a checker says: right, or what to look at next.

    Attributes
    ----------
    passed : bool
        Whether the answer is right.
    text : str
        What there is to add: a remark on a right answer, a hint on another.
        Never empty where `passed` is false.

    Raises
    ------
    ValueError
        If an answer is refused without a hint.

    Examples
    --------
    >>> Verdict(passed=False, text="Leave out the last day: its label is not known.")
    Not yet. Leave out the last day: its label is not known.
    """

    passed: bool
    text: str = ""

    def __post_init__(self) -> None:
        if not self.passed and not self.text.strip():
            raise ValueError("an answer is refused with a hint, got an empty text")

    # A cell or a prompt that ends with check(...) shows this sentence.
    def __repr__(self) -> str:
        return f"{'Right.' if self.passed else 'Not yet.'} {self.text}".strip()


def right(remark: str = "") -> Verdict:
    """Accept an answer, perhaps with a remark.

    Parameters
    ----------
    remark : str, default=""
        What is worth noticing about it, in whole sentences.

    Returns
    -------
    Verdict
        One that has passed.

    Examples
    --------
    >>> right("A leak makes every score too good.")
    Right. A leak makes every score too good.
    """
    return Verdict(passed=True, text=remark)


def not_yet(hint: str) -> Verdict:
    """Refuse an answer and say what to look at next.

    Parameters
    ----------
    hint : str
        What the answer is, and what to look at; in whole sentences, without
        giving the answer away.

    Returns
    -------
    Verdict
        One that has not passed.

    Examples
    --------
    >>> not_yet("That is the share in 2014; the exercise asks for 2015.")
    Not yet. That is the share in 2014; the exercise asks for 2015.
    """
    return Verdict(passed=False, text=hint)
