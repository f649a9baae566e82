"""The recorder with LangChain's own models, most of them on the real server."""

import asyncio
import contextlib
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
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ValidationError, field_validator

from companion.errors import LanguageModelError, PromptTooLongError, SettingError
from companion.llm import Recorder, chat_model
from companion.store import read_calls, ship

# An answer that is not over, nor all of it in the buffers, when somebody cancels it.
LONG = {"max_tokens": 1_000, "extra_body": {"ignore_eos": True}}
PRIVATE = "the owner's name is Rumpelstilzchen"


@pytest.fixture
def recorder(store):
    with Recorder(store) as made:
        yield made


@pytest.fixture
def ask(model, recorder):
    """Make chat models on the real server that are recorded."""

    def make(**options):
        values = {"max_tokens": 8, "callbacks": [recorder], **options}
        return chat_model(base_url=model.base_url, **values)

    return make


def test_an_answer_is_recorded_with_all_that_the_server_tells(ask, recorded, model):
    answer = ask().invoke([("system", "Be brief."), ("human", "Hello")])

    [call] = recorded()
    told = answer.usage_metadata
    assert call.completion == answer.content != ""
    assert call.prompt == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]
    assert (call.model, call.outcome, call.finish_reason) == (
        model.name,
        "ok",
        "length",
    )
    assert call.output_tokens == 8
    assert call.input_tokens == told["input_tokens"] > 8
    assert call.cached_tokens == told["input_token_details"]["cache_read"]
    assert call.latency_ms > 0
    assert (call.first_token_ms, call.error) == (None, None)


def test_a_prompt_asked_again_is_in_the_servers_cache(ask, recorded):
    """llama.cpp keeps the prompt but for its last token, which it must work on."""
    question = f"Say {uuid.uuid4()} twice."

    for _ in range(2):
        ask(max_tokens=2).invoke(question)

    first, second = recorded()
    assert second.cached_tokens == second.input_tokens - 1 > first.cached_tokens


def test_a_stream_is_recorded_with_the_time_to_its_first_token(ask, recorded):
    said = "".join(chunk.content for chunk in ask(max_tokens=24).stream("Tell a story"))

    [call] = recorded()
    assert call.completion == said != ""
    assert call.output_tokens == 24
    assert 0 < call.first_token_ms < call.latency_ms
    assert (call.outcome, call.finish_reason) == ("ok", "length")


def test_asynchronous_calls_are_recorded_alike(ask, recorded):
    async def talk():
        await ask().ainvoke("Hello")
        return [chunk async for chunk in ask().astream("Hello")]

    asyncio.run(talk())

    one, streamed = recorded()
    assert one.completion == streamed.completion != ""
    assert (one.output_tokens, streamed.output_tokens) == (8, 8)
    assert one.first_token_ms is None
    assert streamed.first_token_ms > 0


class Briefing(BaseModel):
    terrace: bool
    staff: int


def test_a_chains_asynchronous_stream_is_recorded_whole(ask, recorded):
    """LangChain asks for each of its pieces in a task of its own."""
    chain = ChatPromptTemplate.from_template("Say {word}") | ask() | StrOutputParser()

    async def listen():
        stream = chain.astream({"word": "rain"})
        said = "".join([piece async for piece in stream])
        events = chain.astream_events({"word": "rain"}, version="v2")
        names = [event["event"] async for event in events]
        return said, names

    said, names = asyncio.run(listen())

    calls = recorded()
    assert "on_chat_model_end" in names
    assert [call.completion for call in calls] == [said, said]
    assert [(call.outcome, call.output_tokens) for call in calls] == [("ok", 8)] * 2
    assert all(0 < call.first_token_ms <= call.latency_ms for call in calls)


def test_an_answer_that_is_cut_off_in_its_json_is_recorded_with_its_tokens(
    ask, recorded
):
    """The client refuses it; the model has worked for it all the same."""

    class Story(BaseModel):
        text: str

    with pytest.raises(LanguageModelError, match="limit of tokens before its answer"):
        ask(max_tokens=4).with_structured_output(Story).invoke("Tell a long story")

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("error", "length")
    assert call.output_tokens == 4
    assert call.input_tokens > 4
    assert call.completion.startswith("{")


def test_an_answer_that_a_schema_refuses_is_recorded_with_its_tokens(ask, recorded):
    """The server knows the form, and not what its words may be."""

    class Day(BaseModel):
        rain: bool

        @field_validator("rain")
        @classmethod
        def refuse(cls, rain):
            raise ValueError(f"{rain} is no answer")

    with pytest.raises(ValidationError, match="is no answer"):
        ask(max_tokens=64).with_structured_output(Day).invoke("Will it rain?")

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("error", "stop")
    assert call.output_tokens > 0
    assert json.loads(call.completion)["rain"] in (True, False)


def test_a_json_schema_is_kept_and_recorded(ask, recorded):
    briefed = ask(max_tokens=60).with_structured_output(Briefing)

    answer = briefed.invoke("Terrace is open, staff is 3. Answer in JSON.")

    [call] = recorded()
    assert Briefing.model_validate_json(call.completion) == answer
    assert call.finish_reason == "stop"


def test_one_seed_draws_one_answer(ask, recorded):
    for seed in (5, 5, 6):
        ask(temperature=1.5, seed=seed).invoke("Tell a story")

    first, again, other = [call.completion for call in recorded()]
    assert first == again != other


def test_two_at_once_are_recorded_apart(ask, recorded):
    ask().batch(["Count to ten.", "Name a colour."])

    calls = recorded()
    asked = {call.prompt[0]["content"] for call in calls}
    assert asked == {"Count to ten.", "Name a colour."}
    begun = [call.created_at for call in calls]
    spans = [call.latency_ms / 1000 for call in calls]
    assert (begun[1] - begun[0]).total_seconds() < spans[0]  # they overlap


def test_an_overlong_prompt_is_recorded_as_the_error_it_is(ask, recorded, model):
    for attempt in (ask().invoke, lambda text: list(ask().stream(text))):
        with pytest.raises(
            PromptTooLongError, match=f"the model takes {model.context}"
        ):
            attempt("word " * 9_000)

    for call in recorded():
        assert (call.outcome, call.completion) == ("error", "")
        assert call.error.startswith("PromptTooLongError: The prompt has 90")
        assert call.output_tokens is None


def test_a_stream_that_is_closed_early_is_closed_and_no_error(ask, recorded):
    stream = ask(max_tokens=64).stream("Tell a long story")
    said = "".join(next(stream).content for _ in range(4))
    stream.close()

    [call] = recorded()
    assert (call.outcome, call.error) == ("closed", None)
    assert call.completion == said != ""
    assert call.latency_ms >= call.first_token_ms > 0
    assert (call.input_tokens, call.output_tokens) == (None, None)


def test_a_stream_that_is_closed_behind_its_last_word_is_whole(ask, recorded):
    stream = ask().stream("Hello")
    for chunk in stream:
        if chunk.response_metadata.get("finish_reason"):
            break
    stream.close()

    [call] = recorded()
    assert (call.outcome, call.finish_reason) == ("ok", "length")


def test_a_cancelled_call_is_recorded_although_langchain_does_not_tell(ask, recorded):
    async def lose_patience():
        task = asyncio.create_task(ask(**LONG).ainvoke("Tell a story"))
        await asyncio.sleep(0.3)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    asyncio.run(lose_patience())
    waited_ms = (time.monotonic() - begun) * 1000

    [call] = recorded()
    assert (call.outcome, call.error, call.completion) == ("closed", None, "")
    assert 0 < call.latency_ms < waited_ms


def test_a_cancelled_stream_keeps_what_had_come(ask, recorded):
    async def lose_patience():
        said = []

        async def listen():
            async for chunk in ask(**LONG).astream("Tell a story"):
                said.append(chunk.content)
                if len(said) == 5:
                    asyncio.current_task().cancel()

        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.create_task(listen())
        return "".join(said)

    said = asyncio.run(lose_patience())

    [call] = recorded()
    assert (call.outcome, call.completion) == ("closed", said)


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


def test_threads_share_a_recorder(recorder, recorded):
    """Each call keeps its own question, answer and pieces."""

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


def test_the_first_piece_with_a_word_gives_the_time(recorder, recorded):
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


def test_an_answer_from_langchains_cache_counts_no_tokens(ask, recorded):
    """LangChain hands out the counts of the first call again."""
    cached = ask(cache=InMemoryCache())
    for _ in range(2):
        cached.invoke("Hello")

    first, hit = recorded()
    assert first.output_tokens == 8
    assert hit.completion == first.completion
    assert (hit.input_tokens, hit.cached_tokens, hit.output_tokens) == (0, 0, 0)
    assert hit.outcome == "ok"


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
    words = "wrong key sk-proj-abcdef123456 in Bearer abc.def"
    recorder.on_llm_start({}, ["Hello"], run_id=run_id)
    recorder.on_llm_error(ValueError(words), run_id=run_id)

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


def test_a_call_whose_end_nobody_tells_is_given_up_in_time(store, recorded):
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


def test_a_foreign_chat_model_on_the_server_is_recorded(model, recorder, recorded):
    """Nothing of ours is in between."""
    foreign = ChatOpenAI(
        base_url=model.base_url,
        api_key="none",
        model="some-name",
        max_tokens=4,
        default_headers={"Connection": "close"},
    )

    foreign.invoke("Hello", config={"callbacks": [recorder]})

    [call] = recorded()
    assert (call.model, call.output_tokens) == ("some-name", 4)


def test_a_store_that_is_none_is_refused_before_anything_is_asked():
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
    assert (tmp_path / "other.db.journal").is_dir()


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
