"""Messages for a chat completions API: whatever the history, it is one that the API takes."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chat_completions import for_model, joins_the_one_before
from shared.models import Message, utc_now

NOW = utc_now()
IDS = st.sampled_from(["a", "b", "c"])
API_CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def said(role: str, content: Any = "said", **fields: Any) -> Message:
    return Message(id="m", role=role, content=content, created_at=NOW, seq=1, user_id="u", **fields)


def called(*ids: str, content: Any = "") -> Message:
    return said("assistant", content, function_calls=[call(name) for name in ids])


def answered(call_id: str | None, content: Any = "42") -> Message:
    return said("tool", content, tool_call_id=call_id)


def call(call_id: str, **changes: Any) -> dict[str, Any]:
    return {**API_CALL, "id": call_id, **changes}


def roles(messages: Sequence[Message]) -> list[str]:
    return [message["role"] for message in for_model(messages).messages]


odd_calls = st.sampled_from(
    ["x", {}, {"type": "function"}, call("a", type="custom"), call("b", function={"name": "a b", "arguments": ""}),
     {"type": "tool_call", "id": "c", "name": "f", "args": {"x": 1}}, {"call_id": "a", "name": "f", "arguments": "{}"}]
)  # fmt: skip
parts = st.sampled_from(
    [{"type": "text", "text": "t"}, {"type": "reasoning", "text": "t"}, {"type": "thing"}, {"type": "text", "text": 5},
     {"type": "image_url", "image_url": {"url": "u"}}, {"type": "image_url"}, {"type": "refusal", "refusal": "no"}]
)  # fmt: skip
contents = st.one_of(st.sampled_from(["", "said"]), st.lists(parts, max_size=3))
calls = st.lists(st.one_of(IDS.map(call), odd_calls), max_size=3)
histories = st.lists(
    st.builds(
        said,
        st.sampled_from(["user", "assistant", "tool", "assistant", "tool", "system"]),
        contents,
        function_calls=calls,
        tool_call_id=st.one_of(st.none(), IDS),
        name=st.sampled_from([None, "Ada", "Ada Lovelace", "ä", "x" * 65]),
    ),
    max_size=12,
)
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KNOWN_PARTS = {"user": {"text", "image_url"}, "assistant": {"text", "refusal"}}


def refusals(messages: Sequence[dict[str, Any]]) -> list[str]:
    """Return what a chat completions API would refuse: a rule of its own, which walks once and keeps what is owed."""
    found: list[str] = []
    owed: set[str] = set()
    for message in messages:
        role = message["role"]
        if role == "tool":
            found += [] if message["tool_call_id"] in owed else ["an answer to nothing"]
            owed.discard(message["tool_call_id"])
        else:
            found += ["a call without its answer"] if owed else []
            owed = {each["id"] for each in message.get("tool_calls", [])}
            found += [] if len(owed) == len(message.get("tool_calls", [])) else ["one id twice"]
        found += _malformed(message)
    return found + (["a call at the end"] if owed else [])


def _malformed(message: dict[str, Any]) -> list[str]:
    known = {"role", "content", "name"} | {"tool": {"tool_call_id"}, "assistant": {"tool_calls"}}.get(
        message["role"], set()
    )
    found = [f"unknown {name}" for name in message.keys() - known]
    if isinstance(message["content"], list):
        kinds = {part["type"] for part in message["content"]}
        found += ["no part"] if not kinds else []
        found += [f"part {kind}" for kind in kinds - KNOWN_PARTS.get(message["role"], {"text"})]
    if "name" in message and not NAME.fullmatch(message["name"]):
        found.append("name")
    if "tool_calls" in message and not message["tool_calls"]:
        found.append("no calls")
    for each in message.get("tool_calls", []):
        told = each["function"]
        good = each.keys() == {"id", "type", "function"} and each["type"] == "function" and each["id"]
        if not (good and told.keys() == {"name", "arguments"} and NAME.fullmatch(told["name"])):
            found.append("call")
        if not isinstance(told["arguments"], str):
            found.append("arguments")
    return found


@given(histories, st.integers(0, 12), st.integers(0, 12), st.sets(st.integers(0, 11)), st.data())
def test_whatever_is_cut_or_redacted_is_what_the_api_takes(
    history: list[Message], begin: int, end: int, gone: set[int], data: st.DataObject
) -> None:
    role = data.draw(st.sampled_from([None, None, None, "assistant", "tool", "user"]))
    redacted = [message.redacted() if place in gone else message for place, message in enumerate(history)]
    window = [message for message in redacted[begin:end] if role in {None, message.role}]

    written = for_model(window)

    assert refusals(written.messages) == []
    assert len(window) - written.left_out <= len(written.messages) <= len(window)


@given(histories)
def test_groups_kept_together_are_written_as_the_whole_is(history: list[Message]) -> None:
    groups: list[list[Message]] = []
    for message in history:
        if groups and joins_the_one_before(message):
            groups[-1].append(message)
        else:
            groups.append([message])

    written = [for_model(group) for group in groups]

    whole = for_model(history)
    assert [message for each in written for message in each.messages] == whole.messages
    assert sum(each.left_out for each in written) == whole.left_out


def test_what_the_api_takes_is_handed_on_whole() -> None:
    history = [
        said("developer", "Be brief."),
        said("user", [{"type": "text", "text": "4?"}, {"type": "image_url", "image_url": {"url": "u"}}], name="Ada"),
        called("a", "b"), answered("b"), answered("a"),
        said("assistant", "Four."),
    ]  # fmt: skip

    written = for_model(history)

    assert written.left_out == 0
    assert written.messages == [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": history[1].content, "name": "Ada"},
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "content": "42", "tool_call_id": "b"},
        {"role": "tool", "content": "42", "tool_call_id": "a"},
        {"role": "assistant", "content": "Four."},
    ]


@pytest.mark.parametrize(
    ("history", "kept", "left_out"),
    [
        ([answered("a")], [], 1),
        ([called("a")], [], 1),
        ([called("a", content="Let me see.")], ["assistant"], 1),
        ([called("a"), said("user"), answered("a")], ["user"], 2),
        ([called("a"), answered("a"), answered("a")], ["assistant", "tool"], 1),
        ([called("a", "b"), answered("b")], ["assistant", "tool"], 1),
        ([called("a"), said("user").redacted(), answered("a")], ["assistant", "tool"], 1),
        ([called("a"), answered("a").redacted()], [], 2),
        ([called("a").redacted(), answered("a")], [], 2),
        ([called("a"), answered("a", [{"type": "image"}])], ["assistant", "tool"], 1),
        ([answered(None), said("user", function_calls=[call("a")])], ["user"], 2),
    ],
)
def test_what_is_parted_is_left_out_and_counted(history: list[Message], kept: list[str], left_out: int) -> None:
    assert (roles(history), for_model(history).left_out) == (kept, left_out)


@pytest.mark.parametrize(
    "given_call",
    [
        {"type": "tool_call", "id": "a", "name": "f", "args": {"x": 1}},
        {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool-call", "toolCallId": "a", "toolName": "f", "input": {"x": 1}},
        {"tool_id": "a", "tool_name": "f", "tool_kwargs": {"x": 1}},
        {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
        {**API_CALL, "index": 0},
    ],
)
def test_calls_of_other_frameworks_are_written_as_the_api_does(given_call: dict[str, Any]) -> None:
    written = for_model([said("assistant", "", function_calls=[given_call]), answered("a")])

    assert written.messages[0]["tool_calls"] == [API_CALL]
    assert written.left_out == 0


@pytest.mark.parametrize(
    "given_call",
    [
        "f(1)",
        call("a", type="custom"),
        call(""),
        call("a", id=5),
        call("a", function={"name": "f"}),
        call("a", function={"name": "f", "arguments": None}),
        call("a", function={"name": "two words", "arguments": "{}"}),
        call("a", function="f"),
    ],
)
def test_calls_that_lack_something_are_left_out_with_their_answers(given_call: Any) -> None:
    written = for_model([said("assistant", "Hm.", function_calls=[given_call]), answered("a")])

    assert written.messages == [{"role": "assistant", "content": "Hm."}]
    assert written.left_out == 2


def test_a_part_of_another_kind_is_its_text_or_nothing() -> None:
    told = [{"type": "output_text", "text": "four", "annotations": []}, {"type": "tool_use", "id": "x"}]

    written = for_model([said("assistant", told), said("user", told[1:])])

    assert written.messages == [{"role": "assistant", "content": [{"type": "text", "text": "four"}]}]
    assert written.left_out == 2
