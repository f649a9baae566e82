"""The errors that this package raises on purpose.

::

    CompanionError
    ├── SettingError          a setting or option has a value that cannot be used
    ├── MissingExtraError     a part needs libraries that are not installed
    ├── DataError             a data file is broken
    ├── DataStoreError        a store of data lacks a version, or cannot be used
    ├── ExerciseError         no exercise with a checker has this number
    ├── RefusedError          rows that a model cannot use
    ├── ProblemError          a request that a server answers with a problem
    ├── ModelError            a model folder is missing, broken or cannot be served
    ├── ModelFailedError      a model failed while it answered
    ├── RegistryError         a registered model has no such version, or must keep it
    ├── ConflictError         an alias is not moved, for a condition does not hold
    ├── TrackingError         MLflow's tracking store or registry cannot be used
    ├── ReproduceError        a run cannot be run again
    ├── WeightsError          a language model's weights are missing or unusable
    ├── LanguageModelError    a language model does not answer, or refuses a call
    │   └── PromptTooLongError   a prompt does not fit into the model's context
    ├── StoreError            the log cannot be read or written
    │   ├── NoLogError        there is no log yet where one is to be read
    │   └── JournalError      the local journal cannot be read or written
    ├── ExportError           an export of the log cannot be written
    ├── ScoreError            the predictions of a batch cannot be written
    ├── PortInUseError        another program listens on the port or Unix socket
    └── StartError            a program in the background did not start

Each message is a sentence for the person at the keyboard: what was given, what
was expected, what to do next. Only the command line and the server turn an
error into text; everything else raises. The book's page of errors explains
each one.
"""

from typing import Any

__all__ = [
    "CompanionError",
    "ConflictError",
    "DataError",
    "DataStoreError",
    "ExerciseError",
    "ExportError",
    "JournalError",
    "LanguageModelError",
    "MissingExtraError",
    "ModelError",
    "ModelFailedError",
    "NoLogError",
    "PortInUseError",
    "ProblemError",
    "PromptTooLongError",
    "RefusedError",
    "RegistryError",
    "ReproduceError",
    "ScoreError",
    "SettingError",
    "StartError",
    "StoreError",
    "TrackingError",
    "WeightsError",
]


class CompanionError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingError(CompanionError, ValueError):
    """A setting, option or argument has a value that cannot be used."""


class MissingExtraError(CompanionError, ImportError):
    """A part needs libraries that are not installed.

    Parameters
    ----------
    part : str
        What was asked for, as the reader knows it: "`companion serve`".
    library : str
        The first library that is missing.
    extra : str
        The extra that brings it.
    """

    def __init__(self, part: str, *, library: str, extra: str) -> None:
        super().__init__(
            f"{part} needs {library}, which is not installed. "
            f'Install it with: pip install "mlops-companion[{extra}]"'
        )
        self.part = part
        self.library = library
        self.extra = extra


class DataError(CompanionError, ValueError):
    """A data file is broken; the message names row, column and value."""


class DataStoreError(CompanionError, OSError):
    """A store of data cannot be used, lacks a version, or holds a damaged one."""


class ExerciseError(CompanionError, LookupError):
    """No exercise of the book that has a checker has this number."""


class RefusedError(CompanionError, ValueError):
    """Rows cannot be used: the model's contract, or the model, refuses them.

    Parameters
    ----------
    entries : list of dict
        The first 100 things that are wrong, each with `row`, `column`, `reason`,
        `given`, `expected` and `detail`.
    total : int
        How many things are wrong altogether.
    """

    def __init__(self, entries: list[dict[str, Any]], total: int) -> None:
        super().__init__(entries[0]["detail"])
        self.entries = entries
        self.total = total


class ProblemError(CompanionError, RuntimeError):
    """A server ends a request with a problem as its answer.

    Parameters
    ----------
    slug : str
        A key of `companion.serving.http.problems.PROBLEM_TYPES`.
    detail : str
        A sentence about this request.
    """

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


class ModelError(CompanionError, ValueError):
    """A model folder is missing, broken or of a kind that cannot be served."""


class ModelFailedError(CompanionError, RuntimeError):
    """A model failed while it answered rows that it should be able to use."""


class RegistryError(CompanionError, LookupError):
    """A registered model has no such version, or one that must not be deleted."""


class ConflictError(CompanionError, RuntimeError):
    """An alias is not moved: somebody else moved it, or a condition does not hold."""


class TrackingError(CompanionError, RuntimeError):
    """MLflow's tracking store or registry cannot be reached or used."""


class ReproduceError(CompanionError, RuntimeError):
    """A recorded run cannot be run again, or its program failed this time."""


class WeightsError(CompanionError, OSError):
    """The weights of a language model are missing, broken or cannot be fetched."""


class LanguageModelError(CompanionError, RuntimeError):
    """A language model does not answer, or does not take the call."""


class PromptTooLongError(LanguageModelError):
    """A prompt does not fit into the model's context."""


class StoreError(CompanionError, OSError):
    """The log cannot be read or written, or the database is not a log."""


class NoLogError(StoreError):
    """There is no log yet where one is to be read.

    Parameters
    ----------
    place : str or pathlib.Path
        The file, or the address as messages may show it.
    """

    def __init__(self, place: object) -> None:
        super().__init__(
            f"There is no log at {place} yet. `companion serve MODEL` makes one, and "
            "so does `companion ship` with the calls that a recorder has written. If "
            "the log is elsewhere, give its address with --store."
        )


class JournalError(StoreError):
    """The local journal cannot be read or written."""


class ExportError(CompanionError, OSError):
    """An export of the log cannot be written where it was asked for."""


class ScoreError(CompanionError, OSError):
    """The predictions of a batch cannot be written where they were asked for."""


class PortInUseError(CompanionError, OSError):
    """Another program listens on the port or the Unix socket."""


class StartError(CompanionError, RuntimeError):
    """A program started in the background ended early or did not answer in time."""
