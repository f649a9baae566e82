"""A language model on this machine, and a record of each call to any model.

`local_model` runs one without a key or a network. Names are loaded when
they are first used, so that who only records loads no more than that.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from companion.llm.chat import chat_model
    from companion.llm.local import LocalModel, local_model
    from companion.llm.recorder import Recorder
    from companion.llm.recording import RecordedCall, record_call

__all__ = [
    "LocalModel",
    "RecordedCall",
    "Recorder",
    "chat_model",
    "local_model",
    "record_call",
]

# Public name -> the module that has it.
_HOMES = {
    "LocalModel": "companion.llm.local",
    "RecordedCall": "companion.llm.recording",
    "Recorder": "companion.llm.recorder",
    "chat_model": "companion.llm.chat",
    "local_model": "companion.llm.local",
    "record_call": "companion.llm.recording",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # Tools that list a module's names, such as the documentation's, ask here.
    return sorted({*globals(), *__all__})
