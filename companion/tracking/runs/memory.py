"""The peak of this process's memory while a block of code runs.

The kernel keeps the peak since the process started. On Linux it can be started anew,
which gives the peak of the block exactly; `ru_maxrss` and `VmHWM` then count from there
for other readers in this process, too. Elsewhere it is the peak since the start.
"""

import sys
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["PeakMemory"]

_MIB = 2**20
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_lock = threading.Lock()
_open: "set[PeakMemory]" = set()


class PeakMemory:
    """Measures from `start` to `stop`; several may be open at a time."""

    def __init__(self) -> None:
        self._peak = 0

    def start(self) -> None:
        """Begin."""
        with _lock:
            _note_peak()
            _reset()
            _open.add(self)

    def stop(self) -> float:
        """End; return the peak in MiB, of the process if no less is known."""
        with _lock:
            _note_peak()
            _open.discard(self)
        return self._peak / _MIB


def _note_peak() -> None:
    # Starting anew would lose the peak of the blocks around this one.
    peak = _read_peak()
    for one in _open:
        one._peak = max(one._peak, peak)


if sys.platform == "linux":

    def _read_peak() -> int:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def _reset() -> None:
        with suppress(OSError):  # a container may forbid it
            _RESET.write_text("5")

elif sys.platform == "win32":

    def _read_peak() -> int:
        import ctypes
        from ctypes import wintypes

        class Counters(ctypes.Structure):
            _fields_ = (
                ("cb", wintypes.DWORD),
                ("page_faults", wintypes.DWORD),
                ("peak_working_set", ctypes.c_size_t),
                ("rest", ctypes.c_size_t * 7),
            )

        counters = Counters(cb=ctypes.sizeof(Counters))
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        ask = kernel.K32GetProcessMemoryInfo
        ask.argtypes = (wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD)
        ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
        return int(counters.peak_working_set)

    def _reset() -> None:
        """Do nothing: there is no way."""

else:

    def _read_peak() -> int:
        import resource

        # In bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def _reset() -> None:
        """Do nothing: there is no way."""
