import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from companion.errors import (
    MissingExtraError,
    SettingError,
    StartError,
    WeightsError,
)
from companion.llm import chat_model, local_model

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

USER = """
import sys, time
from companion.llm import local_model

model = local_model().start()
print(model.pid, model.url, flush=True)
sys.stdin.read()
"""


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode(), answer.headers


def post(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def ask(server, words, **options):
    body = {"messages": [{"role": "user", "content": words}], "temperature": 0}
    return post(f"{server.base_url}/chat/completions", body | options)


@pytest.fixture
def start_user():
    """Programs that use the model until their input ends, or they are killed."""
    started = []

    def start(code=USER):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_the_server_is_healthy_and_calls_the_model_by_its_name(model):
    models = json.loads(get(f"{model.base_url}/models")[0])
    answer = ask(model, "Say hello.", max_tokens=4, model="any other name")

    assert json.loads(get(f"{model.url}/health")[0]) == {"status": "ok"}
    assert model.name == "smollm2-135m-instruct"
    assert [one["id"] for one in models["data"]] == [model.name]
    assert answer["model"] == model.name


def test_each_request_has_the_context_that_was_asked_for(model):
    """llama.cpp itself counts the tokens of all requests together."""
    slots = json.loads(get(f"{model.url}/slots")[0])

    assert [slot["n_ctx"] for slot in slots] == [model.context] * model.parallel


def test_text_is_cut_into_tokens(model):
    """The two words are 19556 and 5249 in the vocabulary that HuggingFace publishes."""
    tokens = post(f"{model.url}/tokenize", {"content": "Hello rain"})["tokens"]

    assert tokens == [19556, 5249]


def test_probabilities_of_tokens_are_told(model):
    answer = ask(model, "Say hello.", max_tokens=3, logprobs=True, top_logprobs=2)

    tokens = answer["choices"][0]["logprobs"]["content"]
    assert [len(token["top_logprobs"]) for token in tokens] == [2, 2, 2]
    assert all(token["logprob"] <= 0 for token in tokens)


def test_the_metrics_count_tokens(model, wait_until):
    def count():
        text = get(f"{model.url}/metrics")[0]
        (found,) = re.findall(r"^llamacpp:tokens_predicted_total (\d+)", text, re.M)
        return int(found)

    before = count()
    answer = ask(model, "Count to ten.", max_tokens=5)

    # It counts when it takes up the next task, not when it has answered.
    wait_until(lambda: count() - before == answer["usage"]["completion_tokens"])


def test_there_is_no_page_and_no_other_site_may_read_answers(model):
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        get(f"{model.url}/")
    refused.value.close()
    _, headers = get(f"{model.url}/health", Origin="https://elsewhere.example")

    assert not headers["Access-Control-Allow-Origin"]


@POSIX
def test_it_takes_less_than_400_mb(model):
    """The context of all slots is taken at the start: using it adds little."""
    for words in ("rain", "sun", "wind"):
        ask(model, f"Tell about {words}. " * 20, max_tokens=1)

    words = ["ps", "-o", "rss=", "-p", str(model.pid)]
    assert 1024 * int(subprocess.check_output(words)) < 400e6


def test_two_requests_are_worked_on_at_once(model):
    """Each has its first token before the other has its last."""

    def times(words):
        body = {"messages": [{"role": "user", "content": words}], "stream": True}
        # Without an end of its own, so that none is over before both are begun.
        body |= {"max_tokens": 100, "ignore_eos": True}
        request = urllib.request.Request(
            f"{model.base_url}/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return [time.monotonic() for line in answer if b'"content"' in line]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(times, ["Tell a long story.", "Describe the seasons."])

    assert max(one[0], other[0]) < min(one[-1], other[-1])


def test_two_models_are_two_servers_and_stopping_one_leaves_the_other(
    own_servers, is_running
):
    """Each has the context that it was started with."""
    with local_model() as usual:
        with local_model(context=512, parallel=1) as small:
            slots = json.loads(get(f"{small.url}/slots")[0])
            assert [slot["n_ctx"] for slot in slots] == [512]
            assert (usual.context, usual.parallel) == (2048, 4)
            assert [one.pid for one in own_servers()] == [usual.pid, small.pid]
        assert not small.running
        assert not is_running(small.pid)
        assert usual.running
        assert json.loads(get(f"{usual.url}/health")[0]) == {"status": "ok"}

    assert not is_running(usual.pid)
    assert own_servers() == []


@pytest.mark.usefixtures("own_servers")
def test_a_start_takes_about_a_second():
    """The best of three: this machine may be busy."""
    durations = []
    for _ in range(3):
        before = time.monotonic()
        with local_model(context=256, parallel=1):
            durations.append(time.monotonic() - before)

    assert min(durations) < 2


@pytest.mark.usefixtures("own_servers")
def test_a_failing_block_leaves_nothing_running(is_running):
    model = local_model()
    pids = []

    def fail():
        pids.append(model.pid)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), model:
        fail()

    assert not is_running(pids[0])


def test_programs_do_not_disturb_each_others_models(
    own_servers, start_user, is_running
):
    one, other = start_user(), start_user()
    pid, url = one.stdout.readline().split()
    other_pid, other_url = other.stdout.readline().split()
    assert (pid, url) != (other_pid, other_url)

    one.communicate()  # a normal end, without stop()

    assert not is_running(int(pid))
    assert json.loads(get(f"{other_url}/health")[0]) == {"status": "ok"}
    other.communicate()
    assert not is_running(int(other_pid))
    assert own_servers() == []


@POSIX
@pytest.mark.parametrize("whole_group", [False, True])
def test_nothing_is_left_when_the_starter_is_killed(
    own_servers, start_user, is_running, wait_until, whole_group
):
    """A notebook kernel that is killed has no time to clean up."""
    user = start_user()
    pid = int(user.stdout.readline().split()[0])

    if whole_group:
        os.killpg(user.pid, signal.SIGKILL)
    else:
        user.kill()

    wait_until(lambda: not is_running(pid) and own_servers() == [])


@LINUX
def test_nothing_is_left_when_the_starter_is_killed_while_it_starts(
    own_servers, start_user, is_running, wait_until
):
    user = start_user()

    def children():
        path = f"/proc/{user.pid}/task/{user.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    wait_until(children)
    (pid,) = children()
    user.kill()

    assert user.stdout.readline() == ""
    wait_until(lambda: not is_running(pid) and own_servers() == [])


@POSIX
def test_after_the_server_was_killed_its_starter_notices_and_can_start_it_again(
    own_servers, is_running, wait_until
):
    with local_model() as model:
        killed = model.pid
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not model.running)
        assert own_servers() == []

        model.start()

        assert model.running
        assert model.pid != killed
        assert json.loads(get(f"{model.url}/health")[0]) == {"status": "ok"}
    assert not is_running(model.pid)


@POSIX
def test_a_server_that_is_told_to_end_leaves_nothing(own_servers, wait_until):
    with local_model(context=256, parallel=1) as model:
        os.kill(model.pid, signal.SIGTERM)
        wait_until(lambda: not model.running)

        assert own_servers() == []


@POSIX
@pytest.mark.usefixtures("own_servers")
def test_a_fork_of_the_starter_neither_keeps_nor_ends_the_server(
    start_user, is_running, wait_until
):
    """One child stops a model that it got from its parent, and stays; one ends.

    Each says its line in one write: both write to one pipe.
    """
    user = start_user(
        "import os, sys, time\n"
        "from companion.llm import chat_model, local_model\n"
        "model = local_model().start()\n"
        "if not (ended := os.fork()):\n"
        "    sys.exit()  # with all that a process does at its end\n"
        "os.waitpid(ended, 0)\n"
        "if not (child := os.fork()):\n"
        "    model.stop()\n"
        "    knows = chat_model().openai_api_base == model.base_url\n"
        "    os.write(1, f'stopped {model.running} {knows}\\n'.encode())\n"
        "    time.sleep(60)\n"
        "os.write(1, f'{model.pid} {child}\\n'.encode())\n"
        "sys.stdin.read()\n"
    )
    said = sorted([user.stdout.readline(), user.stdout.readline()])
    pid, child = map(int, said[0].split())
    assert said[1] == "stopped True True\n"
    time.sleep(0.2)
    assert is_running(pid)

    user.kill()
    wait_until(lambda: not is_running(pid))

    assert is_running(child)
    os.kill(child, signal.SIGKILL)


def test_a_cell_that_is_run_again_leaves_one_server(own_servers, is_running):
    model = local_model(context=256, parallel=1).start()
    first = model.pid

    model = local_model(context=256, parallel=1).start()

    assert not is_running(first)
    assert [one.pid for one in own_servers()] == [model.pid]
    model.stop()


def test_a_model_that_nobody_named_goes_on_for_chat_model(own_servers):
    local_model(context=256, parallel=1).start()

    (info,) = own_servers()
    assert chat_model(max_tokens=2).invoke("Hello").content
    assert chat_model().openai_api_base == f"{info.url}/v1"
    local_model(context=256, parallel=1).start().stop()  # takes its place


def test_threads_that_start_one_object_start_one_server(own_servers, is_running):
    model = local_model(context=256, parallel=1)
    with ThreadPoolExecutor(8) as pool:
        pids = {started.pid for started in pool.map(lambda _: model.start(), range(8))}
    assert [one.pid for one in own_servers()] == [*pids]

    model.stop()

    assert not any(map(is_running, pids))


def test_a_model_that_is_not_started_says_how_to_start_it():
    model = local_model()

    assert repr(model) == "<LocalModel, not started>"
    assert not model.running
    with pytest.raises(StartError, match="not started: use it in a `with` block"):
        _ = model.base_url
    model.stop()


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (
            {"context": 63},
            "context must be a whole number from 64 to 2147483647, got 63",
        ),
        ({"context": 2048.0}, "from 64 to 2147483647, got 2048.0"),
        ({"parallel": 0}, "parallel must be a whole number from 1 to 256, got 0"),
        ({"parallel": 257}, "from 1 to 256, got 257"),
        ({"context": 2**29}, "4 requests of 536870912 tokens each are more"),
    ],
)
def test_what_llama_cpp_does_not_take_is_refused_before_anything_starts(sizes, words):
    """With less it ends in an abort, with more its whole numbers run over."""
    with pytest.raises(SettingError, match=words):
        local_model(**sizes)


@pytest.mark.usefixtures("own_servers")
def test_what_the_server_prints_is_not_taken_for_its_answer(tmp_path, monkeypatch):
    noisy = "import os\nos.write(1, b'{ noise\\n')\nraise RuntimeError('no AVX here')"
    (tmp_path / "xllamacpp.py").write_text(noisy)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(
        StartError, match=r"It said: \{ noise\nno AVX here \(exit code 1\)"
    ):
        local_model().start()


@pytest.mark.usefixtures("own_servers")
def test_a_failure_after_the_model_is_loaded_ends_the_start_at_once(
    tmp_path, monkeypatch
):
    """llama.cpp's own shutdown, which may hang, is not for it."""
    (tmp_path / "xllamacpp.py").write_text(
        "import pathlib, sys\n"
        "sys.path.remove(str(pathlib.Path(__file__).parent))\n"
        "del sys.modules['xllamacpp']\n"
        "import xllamacpp\n"
        "class Deaf(xllamacpp.Server):\n"
        "    @property\n"
        "    def listening_address(self): raise RuntimeError('no address')\n"
        "xllamacpp.Server = Deaf\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(StartError, match=r"no address \(exit code 1\)"):
        local_model(context=256, parallel=1).start()


@pytest.mark.usefixtures("own_servers")
def test_a_file_that_is_cut_off_is_refused_in_llama_cpps_words(weights, tmp_path):
    cut = tmp_path / "cut.gguf"
    with weights.open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))

    with pytest.raises(StartError, match=r"cut\.gguf could not be started.*incomplete"):
        local_model(file=cut).start()


def test_a_file_in_another_format_is_refused_before_anything_starts(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"{}" * 10)

    with pytest.raises(
        WeightsError, match=r"is not a GGUF file: it begins with b'\{\}\{\}'"
    ):
        local_model(file=file).start()


def test_without_llama_cpp_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005 - its signature

    with pytest.raises(MissingExtraError, match=r"xllamacpp.*mlops-companion\[llm\]"):
        local_model().start()


def test_importing_it_loads_neither_a_server_nor_a_client():
    code = (
        "import sys, companion.llm, companion.llm.local.model\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )

    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()

    heavy = {
        "langchain_core",
        "mlflow",
        "openai",
        "pandas",
        "psutil",
        "sqlalchemy",
        "xllamacpp",
    }
    assert heavy & set(loaded) == set()
