"""The recorder over time: copies, threads, unreported ends, losses."""

import asyncio
import copy
import json
import logging
import pickle
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import PromptTemplate

from companion.errors import SettingError
from companion.llm import Recorder
from companion.store import read_calls, ship

PRIVATE = "the owner's name is Rumpelstilzchen"


def fake(*answers, **options):
    return GenericFakeChatModel(messages=iter(map(AIMessage, answers)), **options)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda chain: pickle.loads(pickle.dumps(chain))],  # noqa: S301 - our own bytes
    ids=["deepcopy", "pickle"],
)
def test_a_copy_of_a_chain_records_into_the_same_journal(tmp_path, store, duplicate):
    talk = FakeListLLM(responses=["Hi."])
    recorder = Recorder(store, tmp_path / "elsewhere", longest_s=7)
    chain = (PromptTemplate.from_template("{word}") | talk).with_config(
        callbacks=[recorder]
    )

    with recorder:
        chain.invoke({"word": "One"})
        twin = duplicate(chain)
        twin.invoke({"word": "Two"})

    ship(store, tmp_path / "elsewhere")
    assert {call.prompt[0]["content"] for call in read_calls(store)} == {"One", "Two"}
    assert twin.config["callbacks"][0] is not recorder


def test_calls_are_logged_in_postgresql_as_well(new_database):
    with Recorder(new_database) as recorder:
        fake("Yes. ☂").invoke("Rain?\0", config={"callbacks": [recorder]})

    ship(new_database)

    [call] = read_calls(new_database)
    assert call.prompt[0]["content"] == "Rain?␀"
    assert (call.completion, call.outcome) == ("Yes. ☂", "ok")


def test_threads_share_a_recorder(recorder, recorded):
    """Each call keeps its own question, answer and chunks."""

    def talk(number):
        fake(f"answer {number} is long").invoke(
            f"question {number}", config={"callbacks": [recorder]}
        )
        list(
            fake(f"piece {number} by piece").stream(
                f"stream {number}", config={"callbacks": [recorder]}
            )
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(40)))

    pairs = {call.prompt[0]["content"]: call.completion for call in recorded()}
    assert pairs == {
        **{f"question {i}": f"answer {i} is long" for i in range(40)},
        **{f"stream {i}": f"piece {i} by piece" for i in range(40)},
    }
    assert recorder.lost == 0


def test_the_first_chunk_with_text_gives_the_time(recorder, recorded):
    run_id = uuid.uuid4()
    recorder.on_chat_model_start({}, [[HumanMessage("Hello")]], run_id=run_id)
    recorder.on_llm_new_token("", run_id=run_id)
    time.sleep(0.05)
    recorder.on_llm_new_token("Hi", run_id=run_id)
    recorder.on_llm_error(ConnectionError("gone"), run_id=run_id)

    [call] = recorded()
    assert call.first_token_ms >= 50
    assert (call.completion, call.error) == ("Hi", "ConnectionError: gone")
    assert call.model == "unknown"


def test_a_plain_language_model_is_recorded_as_well(recorder, recorded):
    FakeListLLM(responses=["Yes."]).invoke(
        "Will it rain?", config={"callbacks": [recorder]}
    )

    [call] = recorded()
    assert call.prompt == [{"role": "user", "content": "Will it rain?"}]
    assert (call.completion, call.outcome) == ("Yes.", "ok")
    assert (call.model, call.output_tokens) == ("FakeListLLM", None)


def test_a_key_that_a_failure_repeats_is_not_kept(recorder, recorded):
    run_id = uuid.uuid4()
    message = "wrong key sk-proj-abcdef123456 in Bearer abc.def"
    recorder.on_llm_start({}, ["Hello"], run_id=run_id)
    recorder.on_llm_error(ValueError(message), run_id=run_id)

    [call] = recorded()
    assert call.error == "ValueError: wrong key *** in Bearer ***"


def start_one(recorder):
    run_id = uuid.uuid4()
    recorder.on_llm_start({}, ["Hello"], run_id=run_id)
    return run_id


def test_what_is_still_open_at_the_end_is_recorded_as_closed(store, recorded):
    recorder = Recorder(store)
    run_id = start_one(recorder)

    recorder.close()
    recorder.on_llm_error(ValueError("late"), run_id=run_id)

    [call] = recorded()
    assert (call.id, call.outcome) == (str(run_id), "closed")
    assert call.latency_ms is None  # nobody saw the end
    assert recorder.lost == 0


def test_a_call_whose_end_is_not_reported_is_closed_in_time(store, recorded):
    with Recorder(store, longest_s=0.05) as recorder:
        forgotten = start_one(recorder)
        time.sleep(0.1)
        start_one(recorder)

        [call] = recorded()

    assert (call.id, call.outcome) == (str(forgotten), "closed")


def test_a_wait_that_ends_before_its_call_is_recorded_with_its_task(recorder, recorded):
    """`asyncio.timeout` cancels the call inside a task that goes on."""

    async def go_on():
        run_id = start_one(recorder)
        await asyncio.sleep(0)
        return run_id

    run_id = asyncio.run(go_on())

    [call] = recorded()
    assert (call.id, call.outcome, call.latency_ms) == (str(run_id), "closed", None)


def test_what_cannot_be_written_is_counted_and_the_answer_comes(
    tmp_path, caplog, store, recorded
):
    """A file stands where the journal's folder should be, until it is taken away."""
    folder = tmp_path / "log.db.journal"
    folder.touch()
    recorder = Recorder(store)
    talk = fake("One.", "Two.", "Three.", "Four.")

    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert talk.invoke(PRIVATE, config={"callbacks": [recorder]}).content

    assert recorder.lost == 3
    [entry] = [one for one in caplog.records if one.name == "companion.llm"]
    assert entry.levelname == "ERROR"
    assert f"The journal in {folder} cannot be written" in entry.getMessage()
    assert "Rumpelstilzchen" not in caplog.text

    folder.unlink()
    talk.invoke("Hello", config={"callbacks": [recorder]})
    recorder.close()
    assert [call.completion for call in recorded()] == ["Four."]
    assert recorder.lost == 3


FULL_DISK = """
import resource
import signal
import sys
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from companion.llm import Recorder
from companion.store import ship

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = Recorder(sys.argv[1])
talk = GenericFakeChatModel(messages=iter([AIMessage("x" * n) for n in (9, 9999, 9)]))
# A write stops at this size, as it does on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))
for _ in range(3):
    print(len(talk.invoke("Hello", config={"callbacks": [recorder]}).content))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
recorder.close()
print("lost", recorder.lost, "kept", ship(sys.argv[1]).shipped)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes there")
def test_a_full_disk_loses_a_record_and_no_answer(store):
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, store],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert process.stdout.splitlines() == ["9", "9999", "9", "lost 1 kept 2"]
    assert "Calls to language models are not recorded from now on" in process.stderr
    assert "xxx" not in process.stderr


class Unreadable:
    def __getattr__(self, name):
        raise RuntimeError(PRIVATE)


def test_a_prompt_that_cannot_be_read_is_a_loss_and_no_failure(recorder, caplog):
    with caplog.at_level(logging.DEBUG):
        recorder.on_chat_model_start({}, [[Unreadable()]], run_id=uuid.uuid4())
        recorder.on_llm_end(None, run_id=uuid.uuid4())

    assert recorder.lost == 1
    assert "RuntimeError" in caplog.text
    assert "Rumpelstilzchen" not in caplog.text


def test_neither_prompts_nor_answers_are_logged(ask, caplog, recorded):
    with caplog.at_level(logging.DEBUG, logger="companion"):
        ask().invoke(PRIVATE)

    assert json.dumps(recorded()[0].to_json()).count("Rumpelstilzchen") >= 1
    assert not [one for one in caplog.records if one.name.startswith("companion")]


def test_an_invalid_store_is_refused_before_anything_is_asked():
    with pytest.raises(SettingError, match="not the address of a store"):
        Recorder("log.db")


def test_the_store_is_the_setting_where_none_is_given(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_STORE", f"sqlite:///{tmp_path}/own.db")
    monkeypatch.setenv("COMPANION_JOURNAL", str(tmp_path / "queue"))
    with Recorder() as recorder:
        fake("Hi.").invoke("Hello", config={"callbacks": [recorder]})

    assert recorder.store == f"sqlite:///{tmp_path}/own.db"
    assert len(list((tmp_path / "queue").iterdir())) == 1
    with Recorder(f"sqlite:///{tmp_path}/other.db") as other:
        fake("Hi.").invoke("Hello", config={"callbacks": [other]})
    assert len(list((tmp_path / "queue").iterdir())) == 2
    assert not (tmp_path / "other.db.journal").exists()


def test_a_recorder_serves_many_calls_that_begin_and_end_at_once(recorder, recorded):
    barrier = threading.Barrier(8)

    def start_and_end(_):
        barrier.wait()
        for _ in range(25):
            run_id = start_one(recorder)
            recorder.on_llm_error(ValueError("x"), run_id=run_id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start_and_end, range(8)))

    assert len(recorded()) == 200
    assert recorder.lost == 0
