"""What a model server serves, and how."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from companion.errors import SettingError
from companion.settings import SETTINGS, resolve_setting, resolve_store
from companion.store import journal_folder

__all__ = ["ServerConfig"]


def _text(name: str) -> Callable[[], str]:
    return lambda: resolve_setting(name) or ""


def _number(name: str) -> Callable[[], int]:
    def read() -> int:
        text = resolve_setting(name) or ""
        try:
            return int(text)
        except ValueError:
            raise SettingError(
                f"{SETTINGS[name].variable} is {text!r}; expected a whole number."
            ) from None

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The options of one server; each is also an option of `companion serve`.

    What is not given comes from the environment variable of the setting, and
    without that from the default in `companion.settings`.

    Attributes
    ----------
    model : str or Path
        A folder in MLflow's model format.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 takes one that is free.
    workers : int
        Processes that answer.
    threads : int
        Threads that answer, in each process.
    store : str
        SQLAlchemy address of the database that keeps the log. The server writes
        the journal beside it; `companion ship` brings the journal into the
        database.
    journal : str, Path or None
        Folder of the journal; None: the store's own.
    max_rows : int
        Most rows of one request.
    max_body_bytes : int
        Most bytes of one request's body.
    log_failure : {"refuse", "answer"}
        What to do with an answer that cannot be logged: refuse it, or give it
        and count the loss.
    access_log : bool
        Write a line for each request, without its body.

    Raises
    ------
    SettingError
        If a value cannot be used.
    """

    model: str | Path
    host: str = field(default_factory=_text("host"))
    port: int = field(default_factory=_number("port"))
    workers: int = field(default_factory=_number("workers"))
    threads: int = field(default_factory=_number("threads"))
    # It may hold a password.
    store: str = field(default_factory=lambda: resolve_store().url, repr=False)
    journal: str | Path | None = field(default_factory=lambda: resolve_store().journal)
    max_rows: int = field(default_factory=_number("max-rows"))
    max_body_bytes: int = field(default_factory=_number("max-body"))
    log_failure: str = field(default_factory=_text("log-failure"))
    access_log: bool = False

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "max_rows", "max_body_bytes"):
            if (value := getattr(self, name)) < 1:
                raise SettingError(f"{name} is {value}; it must be at least 1.")
        if not 0 <= self.port <= 65535:
            raise SettingError(f"port is {self.port}; expected 0 to 65535.")
        if self.log_failure not in ("refuse", "answer"):
            raise SettingError(
                f"log_failure is {self.log_failure!r}; expected 'refuse' or 'answer'."
            )

    @property
    def journal_path(self) -> Path:
        """Folder of the journal, absolute."""
        return journal_folder(self.store, self.journal)
