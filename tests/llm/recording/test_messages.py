import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.llm.recording.messages import plain_messages, plain_text

QUESTION = {"role": "user", "content": "Will it rain?"}


def test_a_text_is_one_message_of_the_user():
    assert plain_messages("Will it rain?") == [QUESTION]


def test_messages_of_the_protocol_stay_as_they_are():
    tool = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "1",
                "type": "function",
                "function": {"name": "rain", "arguments": "{}"},
            }
        ],
    }
    answer = {"role": "tool", "tool_call_id": "1", "content": "dry"}
    parts = {"role": "user", "content": [{"type": "text", "text": "a"}]}

    prompt = [QUESTION, tool, answer, parts]

    assert plain_messages(prompt) == prompt
    assert plain_messages(QUESTION) == [QUESTION]


def test_messages_of_langchain_are_those_of_the_protocol():
    from langchain_core import messages as lc

    prompt = [
        lc.SystemMessage("Be brief."),
        lc.HumanMessage("Will it rain?", name="ana"),
        lc.AIMessage("", tool_calls=[{"name": "rain", "args": {"day": 1}, "id": "1"}]),
        lc.ToolMessage("dry", tool_call_id="1"),
        lc.AIMessageChunk("No."),
        lc.ChatMessage("Sure?", role="critic"),
        lc.HumanMessage([{"type": "text", "text": "a"}]),
    ]

    assert plain_messages(prompt) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Will it rain?", "name": "ana"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"name": "rain", "args": {"day": 1}, "id": "1", "type": "tool_call"}
            ],
        },
        {"role": "tool", "content": "dry", "tool_call_id": "1"},
        {"role": "assistant", "content": "No."},
        {"role": "critic", "content": "Sure?"},
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
    ]
    assert plain_messages(prompt[1]) == plain_messages(prompt[1:2])


def test_langchains_short_forms_are_understood():
    assert plain_messages([("human", "Will it rain?"), ("ai", "No.")]) == [
        QUESTION,
        {"role": "assistant", "content": "No."},
    ]


def test_a_message_of_the_openai_client_may_be_asked_again():
    """A conversation goes on with the message object that the client returned."""
    from openai.types.chat import ChatCompletionMessage

    answer = ChatCompletionMessage(role="assistant", content="No.")

    assert plain_messages([QUESTION, answer]) == [
        QUESTION,
        {"role": "assistant", "content": "No."},
    ]
    assert plain_messages(answer) == [{"role": "assistant", "content": "No."}]


class Odd:
    def __str__(self):
        return "odd"


def nest(levels):
    inner = "deep"
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (float("nan"), "nan"),
        (10**400, "1"),
        (b"\x89PNG", "<4 bytes>"),
        (Odd(), "odd"),
        (nest(100), "…"),
        ({1: (2, 3)}, '{"1": [2, 3]}'),
    ],
)
def test_a_content_that_is_no_json_becomes_something_that_is(content, expected):
    [message] = plain_messages([{"role": "user", "content": content}])

    assert expected in json.dumps(
        message["content"], allow_nan=False, ensure_ascii=False
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(prompt=anything)
def test_any_prompt_becomes_messages_that_can_be_written(prompt):
    messages = plain_messages(prompt)

    json.dumps(messages, allow_nan=False)
    assert all({"role", "content"} <= message.keys() for message in messages)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("rain", "rain"),
        (["a", {"type": "text", "text": "b"}, {"type": "image_url"}], "ab"),
        (None, ""),
        ([{"type": "reasoning", "text": None}], ""),
    ],
)
def test_the_text_of_a_content_is_that_of_its_parts(content, text):
    assert plain_text(content) == text
