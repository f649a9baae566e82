import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from companion.errors import StartError
from companion.system import free_port, start_background

WEB_SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(pid):
    """A killed orphan may stay a zombie where nobody reaps it; it runs no more."""
    if not is_alive(pid):
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return not state.stdout.strip().startswith("Z") and bool(state.stdout.strip())


def wait_until(condition, timeout_s=15.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_server_answers_inside_the_block_and_is_gone_after_it():
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    with start_background([*WEB_SERVER, str(port)], url=url) as server:
        pid = server.pid
        assert server.running
        assert is_alive(pid)

    assert not is_alive(pid)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_answers_404_is_there():
    """Not each server has a page for this question."""
    port = free_port()

    with start_background(
        [*WEB_SERVER, str(port)],
        url=f"http://127.0.0.1:{port}",
        ready_path="/no-such-page",
    ) as server:
        assert server.running


def test_a_failing_block_leaves_nothing_running():
    port = free_port()

    with (
        pytest.raises(ZeroDivisionError),
        start_background([*WEB_SERVER, str(port)]) as server,
    ):
        _ = 1 / 0

    assert not is_alive(server.pid)


def test_a_program_that_ends_early_says_what_it_printed():
    dying = [sys.executable, "-c", "print('no coffee left'); raise SystemExit(3)"]

    with pytest.raises(StartError, match=r"exit code 3 .* no coffee left"):
        start_background(dying, url=f"http://127.0.0.1:{free_port()}")


def test_a_program_that_never_answers_is_ended_after_the_time_given():
    silent = [sys.executable, "-c", "import time; time.sleep(60)"]

    with pytest.raises(StartError, match=r"did not answer within 0.3 seconds"):
        start_background(silent, url=f"http://127.0.0.1:{free_port()}", timeout_s=0.3)


def test_a_missing_program_is_named():
    with pytest.raises(StartError, match="no-such-program"):
        start_background(["no-such-program"])


def test_the_output_can_be_read_while_the_program_runs_and_afterwards():
    chatty = [
        sys.executable,
        "-c",
        "import time; print('open', flush=True); time.sleep(60)",
    ]

    with start_background(chatty) as program:
        wait_until(lambda: "open" in program.output())

    assert program.output().strip() == "open"


def test_a_log_of_its_own_stays_and_only_the_programs_output_is_told(tmp_path):
    log = tmp_path / "program.log"
    log.write_text("before\n")

    with start_background([sys.executable, "-c", "print('now')"], log=log) as program:
        wait_until(lambda: not program.running)

    assert program.exit_code == 0
    assert program.output() == "now\n"
    assert log.read_text() == "before\nnow\n"


@POSIX
def test_stop_waits_for_a_program_that_finishes_its_work():
    """The program needs 0.3 s after SIGTERM and then leaves with its own code."""
    polite = (
        "import signal, sys, time\n"
        "def leave(*_): time.sleep(0.3); print('done', flush=True); sys.exit(5)\n"
        "signal.signal(signal.SIGTERM, leave); print('up', flush=True)\n"
        "time.sleep(60)"
    )
    program = start_background([sys.executable, "-c", polite])
    wait_until(lambda: "up" in program.output())

    code = program.stop()

    assert code == 5
    assert "done" in program.output()


@POSIX
def test_a_signal_shows_in_the_exit_code_as_in_a_shell():
    program = start_background([sys.executable, "-c", "import time; time.sleep(60)"])

    assert program.kill() == 128 + signal.SIGKILL


def test_a_file_of_the_readers_does_not_take_the_guards_place(tmp_path, monkeypatch):
    (tmp_path / "companion.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    talking = [sys.executable, "-c", "print('me')"]

    with start_background(talking) as program:
        wait_until(lambda: program.output().strip() == "me")


@POSIX
def test_kill_takes_the_children_of_the_program_too():
    family = (
        "import subprocess, sys, time\n"
        "sleep = 'import time; time.sleep(60)'\n"
        "child = subprocess.Popen([sys.executable, '-c', sleep])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    program = start_background([sys.executable, "-c", family])
    wait_until(lambda: program.output().strip().isdigit())
    child = int(program.output())

    program.kill()

    wait_until(lambda: not is_alive(program.pid) and not is_running(child))


@POSIX
@pytest.mark.parametrize("whole_group", [False, True])
def test_nothing_is_left_when_the_starter_is_killed(whole_group, tmp_path):
    """A notebook kernel that is killed has no time to clean up."""
    port = free_port()
    starter = (
        "import sys, time\n"
        "from companion.system.background import start_background\n"
        f"server = start_background([*{WEB_SERVER!r}, '{port}'],"
        f" url='http://127.0.0.1:{port}')\n"
        "print(server.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", starter],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    server_pid = int(process.stdout.readline())
    assert is_running(server_pid)

    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    process.stdout.close()

    wait_until(lambda: not is_running(server_pid) and not list(tmp_path.iterdir()))
