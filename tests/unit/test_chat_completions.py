"""Messages for a chat completions API: whatever the history, it is one that the API takes."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chat_completions import for_model, roles_for_model
from shared.models import Message, utc_now

NOW = utc_now()
PICTURE = "https://example.org/a.png"
SHOWN = {"type": "image_url", "image_url": {"url": PICTURE}}
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


def roles_of(messages: Sequence[Any]) -> list[str]:
    return [message["role"] for message in messages]


def roles(messages: Sequence[Message]) -> list[str]:
    return roles_of(for_model(messages).messages)


odd_calls = st.sampled_from(
    ["x", {}, {"type": "function"}, call("a", type="custom"), call("b", function={"name": "a b", "arguments": ""}),
     {"type": "tool_call", "id": "c", "name": "f", "args": {"x": 1}}, {"call_id": "a", "name": "f", "arguments": "{}"},
     {"type": ["x"]}]
)  # fmt: skip
plain_parts = st.sampled_from(
    [{"type": "text", "text": "t"}, {"type": "reasoning", "text": "t"}, {"type": "thing"}, {"type": "text", "text": 5},
     SHOWN, {"type": "image_url"}, {"type": "refusal", "refusal": "no"},
     {"type": "step-start"}, {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]
)  # fmt: skip
states = st.sampled_from(["input-available", "output-available", "output-error", "output-denied"])
part_kinds = [
    st.builds(lambda name, state: {"type": "tool-f", "toolCallId": name, "state": state, "input": {}}, IDS, states),
    IDS.map(lambda name: {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}),
    IDS.map(lambda name: {"type": "function_call_output", "call_id": name, "output": [{"type": "thing"}]}),
    IDS.map(lambda name: {"type": "tool_result", "tool_use_id": name, "content": [{"type": "text", "text": "t"}]}),
]
parts = st.one_of(plain_parts, *part_kinds)
contents = st.one_of(st.sampled_from(["", "said"]), st.lists(parts, max_size=5))
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
    assert 0 <= written.left_out <= len(window)
    if not written.left_out:
        assert texts(written.messages) == [text for message in window for text in texts([message.model_dump()])]


def texts(messages: Sequence[Any]) -> list[str]:
    """Return what others than tools say, in its order."""
    contents = [message["content"] for message in messages if message["role"] != "tool"]
    parts = [part for each in contents for part in (each if isinstance(each, list) else [{"text": each}])]
    return [part["text"] for part in parts if isinstance(part.get("text"), str) and part["text"]]


@given(histories)
def test_what_a_message_is_written_as_says_which_belong_together(history: list[Message]) -> None:
    groups: list[list[Message]] = []
    last: str | None = None
    for message in history:
        found = roles_for_model(message)
        if groups and (not found or found[0] == "tool" or found[0] == last == "assistant"):
            groups[-1].append(message)
        else:
            groups.append([message])
        last = found[-1] if found else last

    written = [for_model(group) for group in groups]

    whole = for_model(history)
    assert [message for each in written for message in each.messages] == whole.messages
    assert sum(each.left_out for each in written) == whole.left_out


def test_what_the_api_takes_is_handed_on_whole() -> None:
    history = [
        said("developer", "Be brief."),
        said("user", [{"type": "text", "text": "4?"}, SHOWN], name="Ada"),
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


def a_tool(call_id: str, state: str = "output-available", **fields: Any) -> dict[str, Any]:
    return {"type": "tool-f", "toolCallId": call_id, "state": state, "input": {"x": 1}, **fields}


def test_a_turn_of_the_ai_sdk_becomes_the_messages_of_its_steps() -> None:
    turn = said(
        "assistant",
        [
            {"type": "step-start"}, {"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "I look."},
            a_tool("a", output={"degrees": 21}),
            a_tool("b", "output-error", errorText="No such place."),
            {"type": "dynamic-tool", "toolName": "f", "toolCallId": "c", "state": "output-available",
             "input": {"x": 1}, "output": "fine"},
            {"type": "step-start"}, {"type": "text", "text": "21 degrees."},
        ],
    )  # fmt: skip

    written = for_model([said("user", [{"type": "text", "text": "How warm?"}]), turn])

    assert written.messages[1:] == [
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}],
         "tool_calls": [call("a"), call("b"), call("c")]},
        {"role": "tool", "content": '{"degrees":21}', "tool_call_id": "a"},
        {"role": "tool", "content": "No such place.", "tool_call_id": "b"},
        {"role": "tool", "content": "fine", "tool_call_id": "c"},
        {"role": "assistant", "content": [{"type": "text", "text": "21 degrees."}]},
    ]  # fmt: skip
    assert written.left_out == 1


@pytest.mark.parametrize("state", ["input-streaming", "input-available", "approval-requested"])
def test_a_tool_of_the_ai_sdk_that_waits_is_left_out(state: str) -> None:
    written = for_model([said("assistant", [{"type": "text", "text": "I look."}, a_tool("a", state)])])

    assert (roles_of(written.messages), written.left_out) == (["assistant"], 1)


def test_what_the_ai_sdk_answered_with_nothing_or_was_not_allowed_is_an_answer() -> None:
    written = for_model([said("assistant", [a_tool("a"), a_tool("b", "output-denied")])])

    assert [message["content"] for message in written.messages] == ["", "", "The tool was not allowed to run."]
    assert written.left_out == 0


def test_items_of_responses_become_one_message_with_its_calls_and_their_answers() -> None:
    item = {"type": "function_call", "id": "fc_1", "name": "f", "arguments": '{"x":1}', "status": "completed"}
    answer = {"type": "function_call_output", "output": "42"}
    written = for_model(
        [
            said("user", [{"type": "input_text", "text": "4?"},
                          {"type": "input_image", "image_url": PICTURE, "detail": "low"}]),
            said("assistant", [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}]),
            said("assistant", [{**item, "call_id": "a"}]),
            said("assistant", "", function_calls=[{**item, "call_id": "b"}]),
            said("tool", [{**answer, "call_id": "a"}]),
            said("tool", [{**answer, "call_id": "b", "output": [{"type": "input_text", "text": "4"}]}]),
            said("assistant", [{"type": "output_text", "text": "Four.", "annotations": []}]),
        ]
    )  # fmt: skip

    assert written.messages == [
        {"role": "user", "content": [{"type": "text", "text": "4?"},
                                     {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}]},
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "content": "42", "tool_call_id": "a"},
        {"role": "tool", "content": [{"type": "text", "text": "4"}], "tool_call_id": "b"},
        {"role": "assistant", "content": [{"type": "text", "text": "Four."}]},
    ]  # fmt: skip
    assert written.left_out == 1


def test_several_answers_in_one_message_are_several_and_come_before_what_else_it_says() -> None:
    answers = [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "one"}]},
        {"type": "function_result", "call_id": "b", "result": {"n": 2}, "items": []},
        {"type": "tool-return", "tool_call_id": "c", "tool_name": "f", "content": None},
        {"type": "tool-result", "toolCallId": "d", "toolName": "f", "output": {"type": "json", "value": [4]}},
    ]
    asked = said("assistant", "", function_calls=[call(name) for name in "abcd"])

    written = for_model([asked, said("user", [{"type": "text", "text": "And now?"}, *answers])])

    assert [message["content"] for message in written.messages[1:]] == [
        [{"type": "text", "text": "one"}], '{"n":2}', "", "[4]", [{"type": "text", "text": "And now?"}]
    ]  # fmt: skip
    assert written.left_out == 0


def test_a_call_that_stands_in_the_parts_too_is_one_call() -> None:
    part = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    both = said("assistant", [{"type": "text", "text": "Hm."}, part], function_calls=[call("a")])

    written = for_model([both, answered("a")])

    assert written.messages[0]["tool_calls"] == [call("a")]
    assert written.left_out == 0


@pytest.mark.parametrize(
    ("part", "url"),
    [
        ({"type": "image_url", "image_url": PICTURE}, PICTURE),
        ({"type": "image", "url": PICTURE}, PICTURE),
        ({"type": "image", "base64": "AAAA", "mime_type": "image/png"}, "data:image/png;base64,AAAA"),
        ({"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"},
         "data:image/png;base64,AAAA"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AAAA"}},
         "data:image/gif;base64,AAAA"),
        ({"type": "image", "source": {"type": "url", "url": PICTURE}}, PICTURE),
        ({"type": "image", "block_type": "image", "image": "AAAA", "image_mimetype": "image/png"},
         "data:image/png;base64,AAAA"),
        ({"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AAAA"}, "data:image/png;base64,AAAA"),
        ({"type": "data", "uri": "data:image/png;base64,AAAA", "media_type": "image/png"},
         "data:image/png;base64,AAAA"),
        ({"type": "binary", "data": "AAAA", "media_type": "image/webp"}, "data:image/webp;base64,AAAA"),
    ],
)  # fmt: skip
def test_a_picture_is_one_whatever_framework_wrote_it(part: dict[str, Any], url: str) -> None:
    written = for_model([said("user", [part])])

    assert written.messages[0]["content"] == [{"type": "image_url", "image_url": {"url": url}}]
    assert written.left_out == 0


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file-1"},
        {"type": "image", "base64": "AAAA"},
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "file", "mediaType": "application/pdf", "url": PICTURE},
    ],
)
def test_a_picture_that_the_api_could_not_see_is_left_out(part: dict[str, Any]) -> None:
    assert for_model([said("user", [part])]) == ([], 1, [])


def test_the_only_message_with_pictures_is_a_users() -> None:
    shown = [{"type": "text", "text": "See"}, SHOWN]

    written = for_model([said("system", shown), called("a"), answered("a", shown)])

    assert [message["content"] for message in written.messages] == [[shown[0]], "", [shown[0]]]
    assert written.left_out == 2
