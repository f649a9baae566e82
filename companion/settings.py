"""Every setting of the package: its environment variable and its default.

What is given, by a command's option or a function's argument, wins over the
environment variable, and the variable over the default. Nothing is read from
files. The book's page of commands lists them all, and a test compares the two.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SETTINGS", "Setting", "StorePlace", "resolve_setting", "resolve_store"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes
    ----------
    name : str
        Its name, as an option without the dashes.
    default : str or None
        Value when nothing is set; None means it is worked out at run time.
    meaning : str
        One sentence for the reader.
    has_option : bool
        Whether a command has an option for it; if not, only the variable sets it.
    """

    name: str
    default: str | None
    meaning: str
    has_option: bool = True

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return f"COMPANION_{self.name.upper().replace('-', '_')}"


_ALL = (
    Setting(
        "store",
        "sqlite:///companion.db",
        "SQLAlchemy address of the database that keeps the log.",
    ),
    Setting(
        "journal",
        None,
        "Folder of the journal, for one store only. Default: beside the SQLite "
        "file, `companion.db.journal`; for PostgreSQL a folder for each address, on "
        "Linux in `~/.local/state/mlops-companion/journals`.",
    ),
    Setting(
        "host",
        "127.0.0.1",
        "Address that the model server listens on. One that other machines reach "
        "needs `COMPANION_TOKEN`, or `--no-auth`.",
    ),
    Setting("port", "8000", "Port that the model server listens on."),
    Setting(
        "unix-socket",
        None,
        "Unix socket that the model server listens on, in place of host and port.",
    ),
    Setting(
        "keep-alive",
        "15",
        "Seconds that the model server keeps a connection open for a further request. "
        "Give more than the proxy in front of it keeps.",
    ),
    Setting("workers", "1", "Number of worker processes of the model server."),
    Setting("threads", "4", "Number of threads that answer in each worker."),
    Setting(
        "token",
        None,
        "Secret that clients of the model server must send, as `Authorization: Bearer "
        "TOKEN`. Without it, only programs on this machine can ask.",
        # Every user of the machine can read the arguments of a command.
        has_option=False,
    ),
    Setting(
        "cors-origin",
        None,
        "Origin of web pages that may ask the model server from a browser, such as "
        "`https://app.example.org`; `*` for all, without a token only. Several: repeat "
        "the option, or put commas into the variable. Default: none.",
    ),
    Setting(
        "root-path",
        None,
        "Path at which a proxy offers the model server, such as `/models/rain`. It "
        "answers below that path and without it.",
    ),
    Setting(
        "max-concurrent",
        None,
        "Maximum number of requests that a worker answers or lets wait; more are "
        "refused with 429. Default: 16 for each thread.",
    ),
    Setting(
        "request-timeout",
        "60",
        "Seconds after which a request that has no answer yet is given up: with 503, "
        "or 408 if it has not arrived.",
    ),
    Setting(
        "engine",
        "auto",
        "What runs the model: the library that made it (`native`), ONNX Runtime "
        "(`onnx`), or ONNX Runtime where it gives the same answers (`auto`).",
    ),
    Setting("max-rows", "1000", "Maximum number of rows, or labels, in one request."),
    Setting(
        "max-body",
        "1048576",
        "Maximum size of the body of one request, in bytes.",
    ),
    Setting(
        "max-header-bytes",
        "8190",
        "Maximum size of one header of a request, in bytes. The line with the address "
        "may be as long, up to 8190.",
    ),
    Setting(
        "log-failure",
        "refuse",
        "What to do with an answer that cannot be logged: refuse it, or answer "
        "and count the loss.",
    ),
    Setting("mlflow-port", "5000", "Port that `companion up` runs MLflow on."),
    Setting(
        "actor",
        None,
        "Name that the journal of the registry keeps for who promoted a model. "
        "Default: the user that MLflow logs in with, else user and machine, "
        "`ada@laptop`.",
    ),
    Setting(
        "llm-file",
        None,
        "GGUF file of the language model to run. Default: the course's own, which"
        " `companion llm fetch` brings.",
    ),
    Setting(
        "data-store",
        "companion-data",
        "Where versions of datasets are kept: a folder, or an address that fsspec "
        "knows, such as `s3://bucket/folder`.",
    ),
    Setting("llm-port", "8080", "Port that `companion llm serve` listens on."),
    Setting(
        "llm-url",
        None,
        "Address of the language model that `chat_model()` asks, such as "
        "`https://api.openai.com/v1`. Default: the one that the program started. "
        "`local_model()` uses it where a `companion llm serve` of yours runs "
        "there.",
        has_option=False,
    ),
    Setting(
        "llm-model",
        None,
        "Name of the model to ask at `COMPANION_LLM_URL`.",
        has_option=False,
    ),
    Setting(
        "llm-key",
        None,
        "Key that `COMPANION_LLM_URL` asks for. It is sent nowhere else.",
        # Every user of the machine can read the arguments of a command.
        has_option=False,
    ),
)
# Name of the setting, as an option without its dashes, to the setting.
SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _ALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlace:
    """Where the log is kept; `resolve_store` makes one.

    Attributes
    ----------
    url : str
        SQLAlchemy address of the database. It may hold a password.
    journal : Path or None
        Folder of the journal; None: the one that belongs to the store.
    """

    url: str
    journal: Path | None


def resolve_setting(name: str, given: object = None) -> str | None:
    """Find the value of a setting: given, else the environment, else the default.

    Parameters
    ----------
    name : str
        A key of `SETTINGS`.
    given : object, optional
        The value of an option or an argument; None if it was not given.

    Returns
    -------
    str or None
        The value as text; None if it is not set and has no default. An empty
        variable counts as not set.
    """
    if given is not None:
        return str(given)
    setting = SETTINGS[name]
    return os.environ.get(setting.variable) or setting.default


def resolve_store(
    store: str | None = None, journal: str | Path | None = None
) -> StorePlace:
    """Find the store and its journal, for everything that writes or reads the log.

    Parameters
    ----------
    store : str, optional
        SQLAlchemy address; by default ``COMPANION_STORE``, and without that
        ``sqlite:///companion.db``.
    journal : str or Path, optional
        Folder; by default ``COMPANION_JOURNAL``.

    Returns
    -------
    StorePlace
        Each of the two is found on its own: a given store leaves the
        environment's journal as it is.

    Examples
    --------
    >>> resolve_store("sqlite:///other.db", "waiting").url
    'sqlite:///other.db'
    """
    folder = resolve_setting("journal", journal)
    return StorePlace(
        url=resolve_setting("store", store) or "",
        journal=Path(folder) if folder else None,
    )
