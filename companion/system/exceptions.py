"""What to say of an exception that comes out of a foreign library."""

__all__ = ["describe_error"]


def describe_error(err: BaseException) -> str:
    """Name an error's class and the first line of its message, which may be empty."""
    lines = str(err).strip().splitlines()
    text = f"{type(err).__name__}: {lines[0][:300]}" if lines else type(err).__name__
    return text if text.endswith(".") else f"{text}."
