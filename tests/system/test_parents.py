import subprocess
import sys
import time

import pytest

STDIN = """
import threading
from companion.system.parents import watch_stdin
ended = threading.Event()
watch_stdin(ended.set)
print("ready", flush=True)
print("over" if ended.wait(20) else "still there")
"""
CHILD = """
import os, sys, time
from companion.system.parents import watch_parent
watch_parent(os.getppid(), lambda: os._exit(0))
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_the_end_of_standard_input_is_noticed():
    with subprocess.Popen(
        [sys.executable, "-c", STDIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stdout.readline() == "ready\n"
        watcher.stdin.close()
        assert watcher.stdout.readline() == "over\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell of it")
def test_the_end_of_the_parent_is_noticed():
    parent = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", f"{parent}; import time; time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout.readline().strip().isdigit()
        started.kill()
        # The child holds the other end of this pipe for as long as it lives.
        begun = time.monotonic()
        assert started.stdout.read() == ""
        assert time.monotonic() - begun < 20
