"""A language model on this machine, and a record of each call to any model.

`local_model` runs one without a key or a network. Names are loaded when they
are first used, so that a program that only records loads no more than that.
"""

from typing import TYPE_CHECKING

from companion.system.lazy import load_lazily

if TYPE_CHECKING:
    from companion.llm.client.chat import chat_model
    from companion.llm.local.model import LocalModel, local_model
    from companion.llm.recording.langchain import Recorder
    from companion.llm.recording.recorded_call import RecordedCall, record_call

__all__ = [
    "LocalModel",
    "RecordedCall",
    "Recorder",
    "chat_model",
    "local_model",
    "record_call",
]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "LocalModel": "companion.llm.local.model",
        "RecordedCall": "companion.llm.recording.recorded_call",
        "Recorder": "companion.llm.recording.langchain",
        "chat_model": "companion.llm.client.chat",
        "local_model": "companion.llm.local.model",
        "record_call": "companion.llm.recording.recorded_call",
    },
)
