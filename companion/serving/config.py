"""What a model server serves, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from companion.errors import SettingError
from companion.serving.http.auth import check_token
from companion.serving.http.cors import check_origins
from companion.serving.http.prefix import check_root_path
from companion.settings import SETTINGS, resolve_setting, resolve_store
from companion.store import journal_folder
from companion.store.records.fields import check_text

__all__ = ["ENGINES", "ServerConfig"]

ENGINES = ("auto", "native", "onnx")

_CONCURRENT_PER_THREAD = 16
_AT_LEAST_ONE = (
    *("keep_alive", "workers", "threads", "max_concurrent", "request_timeout"),
    *("max_rows", "max_body_bytes", "max_header_bytes"),
)


def _text(name: str) -> Callable[[], str]:
    return lambda: resolve_setting(name) or ""


def _number(name: str) -> Callable[[], int]:
    return lambda: _parse_number(name, resolve_setting(name) or "")


def _number_or_none(name: str) -> Callable[[], int | None]:
    def read() -> int | None:
        text = resolve_setting(name)
        return None if text is None else _parse_number(name, text)

    return read


def _parse_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingError(
            f"{SETTINGS[name].variable} is {text!r}; expected a whole number."
        ) from None


def _names(name: str) -> Callable[[], tuple[str, ...]]:
    def read() -> tuple[str, ...]:
        parts = (resolve_setting(name) or "").split(",")
        return tuple(part.strip() for part in parts if part.strip())

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The options of one server; each but the token is an option of `companion serve`.

    What is not given comes from the environment variable of the setting, and
    without that from the default in `companion.settings`.

    Attributes
    ----------
    model : str or Path
        A folder in MLflow's model format or the MLmodel file in it; or an address of
        MLflow's: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/m-ID` or
        `runs:/RUN/PATH`, looked up where `MLFLOW_TRACKING_URI` says.
    model_name, model_version : str or None
        What the model is called in answers and in the log; None: what its registry
        or its folder says.
    example : str, Path or None
        JSON file of rows to prove the model on; None: the example in its folder.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 takes one that is free.
    unix_socket : str, Path or None
        Unix socket to listen on, in place of host and port.
    keep_alive : int
        Seconds that a connection stays open for a further request.
    token : str or None
        Secret that clients must send; None: everyone may ask.
    no_auth : bool
        Listen without a token where other machines can ask.
    cors_origin : sequence of str
        Origins of web pages that may ask from a browser.
    root_path : str or None
        Path at which a proxy offers the server; it answers without it as well.
    trust_proxy : bool
        Believe `X-Forwarded-For`, `-Proto`, `-Host` and, without a `root_path`,
        `-Prefix`. Only for a server that nothing but its proxy can reach.
    workers : int
        Processes that answer.
    threads : int
        Threads that answer, in each process.
    max_concurrent : int or None
        Most requests that a worker answers or lets wait; None: 16 for each thread.
    request_timeout : int
        Seconds after which a request without an answer is given up.
    engine : {"auto", "native", "onnx"}
        What runs the model: the library that made it ("native"), ONNX Runtime ("onnx"),
        or ONNX Runtime where it gives the same answers ("auto").
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
    max_header_bytes : int
        Most bytes of one header.
    log_failure : {"refuse", "answer"}
        What to do with an answer that cannot be logged: refuse it, or give it
        and count the loss.
    access_log : bool
        Write a line of JSON for each request, without its query, headers and body.

    Raises
    ------
    SettingError
        If a value cannot be used.
    """

    model: str | Path
    model_name: str | None = None
    model_version: str | None = None
    example: str | Path | None = None
    host: str = field(default_factory=_text("host"))
    port: int = field(default_factory=_number("port"))
    unix_socket: str | Path | None = field(
        default_factory=lambda: resolve_setting("unix-socket")
    )
    keep_alive: int = field(default_factory=_number("keep-alive"))
    token: str | None = field(
        default_factory=lambda: resolve_setting("token"), repr=False
    )
    no_auth: bool = False
    cors_origin: Sequence[str] = field(default_factory=_names("cors-origin"))
    root_path: str | None = field(default_factory=lambda: resolve_setting("root-path"))
    trust_proxy: bool = False
    workers: int = field(default_factory=_number("workers"))
    threads: int = field(default_factory=_number("threads"))
    max_concurrent: int | None = field(
        default_factory=_number_or_none("max-concurrent")
    )
    request_timeout: int = field(default_factory=_number("request-timeout"))
    engine: str = field(default_factory=_text("engine"))
    # It may hold a password.
    store: str = field(default_factory=lambda: resolve_store().url, repr=False)
    journal: str | Path | None = field(default_factory=lambda: resolve_store().journal)
    max_rows: int = field(default_factory=_number("max-rows"))
    max_body_bytes: int = field(default_factory=_number("max-body"))
    max_header_bytes: int = field(default_factory=_number("max-header-bytes"))
    log_failure: str = field(default_factory=_text("log-failure"))
    access_log: bool = False

    def __post_init__(self) -> None:
        self._check_names()
        for name in _AT_LEAST_ONE:
            if (value := getattr(self, name)) is not None and value < 1:
                raise SettingError(f"{name} is {value}; it must be at least 1.")
        if not 0 <= self.port <= 65535:
            raise SettingError(f"port is {self.port}; expected 0 to 65535.")
        if self.engine not in ENGINES:
            raise SettingError(
                f"engine is {self.engine!r}; expected one of {', '.join(ENGINES)}."
            )
        if self.log_failure not in ("refuse", "answer"):
            raise SettingError(
                f"log_failure is {self.log_failure!r}; expected 'refuse' or 'answer'."
            )
        if self.token is not None:
            check_token(self.token)
            if self.no_auth:
                raise SettingError(
                    "Both a token and no_auth are given. Unset COMPANION_TOKEN, or "
                    "leave --no-auth out."
                )
        check_origins(self.cors_origin, token=self.token)
        if self.root_path is not None:
            check_root_path(self.root_path)

    def _check_names(self) -> None:
        for name in ("model_name", "model_version"):
            if (text := getattr(self, name)) is not None:
                check_text(name, text)

    @property
    def concurrent_limit(self) -> int:
        """Most requests that a worker answers or lets wait."""
        if self.max_concurrent is None:
            return self.threads * _CONCURRENT_PER_THREAD
        return self.max_concurrent

    @property
    def journal_path(self) -> Path:
        """Folder of the journal, absolute."""
        return journal_folder(self.store, self.journal)
