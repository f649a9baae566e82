"""Processes, ports, locks and extras: what every part needs of the system.

Chapters and scripts use two of them: `start_background` and `free_port`.
"""

from typing import TYPE_CHECKING

from companion.system.lazy import load_lazily

if TYPE_CHECKING:
    from companion.system.background import BackgroundProcess, start_background
    from companion.system.ports import free_port

__all__ = ["BackgroundProcess", "free_port", "start_background"]

__getattr__, __dir__ = load_lazily(
    __name__,
    {
        "BackgroundProcess": "companion.system.background",
        "free_port": "companion.system.ports",
        "start_background": "companion.system.background",
    },
)
