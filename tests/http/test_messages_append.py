"""Appending messages over HTTP: one or many, to a session that is there or is made."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.models import stored_bytes
from shared.store.port import SessionStore
from tests.http.client import (
    Answer,
    Client,
    a_session,
    a_talk,
    contents,
    refused_before_any_store_is_asked,
    seqs,
    spoken,
)
from tests.http.conftest import Serve

SESSIONS = "/api/chat/sessions"
ANYWHERE = "/api/chat/messages"
FIELDS = {
    "id", "seq", "role", "message_type", "content", "created_at", "user_id", "name", "persona", "audio_files",
    "transcription_confidence", "function_calls", "tool_call_id", "metadata", "feedback", "raw", "edited_at",
}  # fmt: skip
MESSAGE_BYTES = 1_048_576
BATCH_BYTES = 1280 * 1024


def only(answer: Answer) -> Any:
    """Return the one message of an append."""
    assert answer.status in {200, 201}, answer
    (message,) = answer.json["messages"]
    return message


def padded(size_bytes: int) -> dict[str, str]:
    """Return an object of exactly this size as compact JSON."""
    return {"k": "x" * (size_bytes - len('{"k":""}'))}


async def test_an_append_answers_with_the_message_as_it_is_stored(api: Client) -> None:
    path = await a_talk(api)

    answer = await api.post(path, spoken("Hello"))

    message = only(answer)
    assert answer.status == 201
    assert answer.json == {"session_id": path.split("/")[-2], "messages": [message], "message_count": 1}
    assert message == (await api.get(path)).json["data"][0]


async def test_a_message_has_every_field_with_its_default(api: Client) -> None:
    message = only(await api.post(await a_talk(api), spoken("Hello")))

    given = {"seq": 1, "role": "user", "message_type": "user", "content": "Hello", "user_id": api.user}
    absent = dict.fromkeys(
        ["name", "persona", "transcription_confidence", "tool_call_id", "feedback", "raw", "edited_at"]
    )
    empty = {"audio_files": [], "function_calls": [], "metadata": {}}
    assert message.keys() == FIELDS
    assert message == {**message, **given, **absent, **empty}
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", message["id"])


async def test_everything_a_client_may_send_is_kept(api: Client) -> None:
    path = await a_talk(api)
    described = {"id": "m:1", "role": "assistant", "content": "ü😀\u0000", "name": "Ann", "persona": "pirate"}
    attached = {"audio_files": ["a.wav", {"url": "b"}], "function_calls": ["x", {"id": "c", "function": {"name": "f"}}]}
    more = {"transcription_confidence": 0.5, "tool_call_id": "c", "metadata": {"a": [1, None, {"b": 1.5}]}}

    await api.post(path, {**described, **attached, **more})

    message = (await api.get(path)).json["data"][0]
    assert message == {**message, **described, **attached, **more}


async def test_null_means_absent(api: Client) -> None:
    optional = ("id", "message_type", "name", "persona", "audio_files", "transcription_confidence", "function_calls")
    rest = ("tool_call_id", "metadata", "messages")

    message = only(await api.post(await a_talk(api), {**spoken(), **dict.fromkeys([*optional, *rest])}))

    assert (message["id"] is not None, message["audio_files"], message["metadata"]) == (True, [], {})


@pytest.mark.parametrize("field", ["role", "message_type"])
@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        *[(role, role) for role in ("user", "assistant", "system", "developer", "tool")],
        ("ai", "assistant"), ("bot", "assistant"), ("human", "user"), ("function", "tool"),
    ],
)  # fmt: skip
async def test_a_role_may_have_either_name_and_its_aliases(api: Client, field: str, sent: str, meant: str) -> None:
    message = only(await api.post(ANYWHERE, {field: sent, "content": "x"}))

    assert (message["role"], message["message_type"]) == (meant, meant)


async def test_role_and_message_type_may_say_the_same_in_other_words(api: Client) -> None:
    message = only(await api.post(ANYWHERE, {"role": "assistant", "message_type": "ai", "content": "x"}))

    assert message["role"] == "assistant"


@pytest.mark.parametrize(
    "content",
    ["", " ", "line\r\nline\t", "\u0000", "你好 😀 ́", [], [{"type": "text", "text": "x"}, {"type": "image", "n": 1}]],
)
async def test_a_content_comes_back_as_it_was_sent(api: Client, content: object) -> None:
    path = await a_talk(api)

    await api.post(path, spoken(content))

    assert contents(await api.get(path)) == [content]


@pytest.mark.parametrize("content", [{}, {"content": None}])
async def test_no_content_is_the_empty_text_where_functions_are_called(api: Client, content: dict[str, None]) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    message = only(await api.post(ANYWHERE, {"role": "assistant", "function_calls": [call], **content}))

    assert (message["content"], message["function_calls"]) == ("", [call])


BAD_MESSAGES: list[dict[str, object]] = [
    {},
    {"content": "x"},
    {"role": "user"},
    {"role": "user", "content": None},
    {"role": "user", "content": None, "function_calls": []},
    spoken(role="robot"),
    spoken(role="User"),
    spoken(role=""),
    spoken(role=["user"]),
    spoken(message_type="assistant"),
    spoken(message_type="ai"),
    *[spoken(content) for content in (5, True, {"type": "text"}, ["x"], [{}], [{"type": 1}], [None])],
    *[spoken(id=message_id) for message_id in ("", "-a", ":a", "a/b", "a b", "ä", "a\n", "x" * 65, 5)],
    *[spoken(**{name: 5}) for name in ("name", "persona", "tool_call_id", "audio_files", "function_calls", "metadata")],
    spoken(audio_files=[1]),
    spoken(audio_files=["x"] * 129),
    spoken(function_calls=[[]]),
    spoken(function_calls=["x"] * 129),
    spoken(audio_files=["x" * 132_000], function_calls=["x" * 132_000]),
    spoken(metadata=padded(64 * 1024 + 1)),
    spoken(metadata=[]),
    spoken(transcription_confidence="0.5"),
    spoken(transcription_confidence=True),
    *[
        spoken(**{name: None})
        for name in ("created_at", "seq", "feedback", "message_count", "colour", "channel", "session_name")
    ],
]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("message", BAD_MESSAGES, ids=lambda message: str(message)[:60])
async def test_a_message_that_breaks_a_rule_is_refused(api: Client, message: dict[str, object]) -> None:
    path = await a_talk(api)

    answer = await api.post(path, message)

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(path)).json["data"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "x" * 64},
        {"id": "0_.:-"},
        {"metadata": padded(64 * 1024)},
        {"audio_files": ["x"] * 128, "function_calls": [{"a": 1}] * 128},
        {"audio_files": ["x" * 32_000], "function_calls": ["x" * 32_000]},
        {"transcription_confidence": 1},
    ],
    ids="+".join,
)
async def test_a_field_at_its_limit_is_kept(api: Client, fields: dict[str, object]) -> None:
    message = only(await api.post(ANYWHERE, spoken(**fields)))

    assert message == {**message, **fields}


async def test_a_batch_is_stored_in_its_order(api: Client) -> None:
    path = await a_talk(api)

    answer = await api.post(path, {"messages": [spoken(str(number)) for number in range(20)]})

    assert (answer.status, answer.json["message_count"]) == (201, 20)
    assert [message["seq"] for message in answer.json["messages"]] == list(range(1, 21))
    assert contents(await api.get(f"{path}?order=asc")) == [str(number) for number in range(20)]


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [spoken()] * 201},
        {"messages": [spoken(id="a"), spoken(id="b"), spoken(id="a")]},
        {"messages": [spoken("good"), {"role": "user"}]},
        {"messages": [spoken("good"), spoken(user_id="somebody")]},
        {"messages": [spoken("good"), "Hello"]},
        {"messages": spoken()},
        {"messages": [[spoken()]]},
        {"messages": [spoken()], "content": "x"},
        {"messages": [spoken()], "role": "user"},
        {"messages": [spoken()], "session_id": "a"},
    ],
    ids=lambda body: str(body)[:60],
)
async def test_a_batch_that_breaks_a_rule_is_refused_as_a_whole(api: Client, body: dict[str, object]) -> None:
    path = await a_talk(api)

    answer = await api.post(path, body)

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(path)).json["data"] == []


async def test_the_place_of_a_broken_rule_in_a_batch_is_told(api: Client) -> None:
    answer = await api.post(ANYWHERE, {"messages": [spoken(), spoken(metadata=5)]})

    assert answer.json["errors"][0]["loc"] == ["messages", 1, "metadata"]


async def test_an_empty_body_is_no_message(api: Client) -> None:
    path = await a_talk(api)

    for target in (path, ANYWHERE):
        assert (await api.post(target)).refusal == (400, "bad_request")
        assert (await api.post(target, b" ")).refusal == (400, "bad_request")


async def test_messages_are_numbered_without_gaps_across_appends(api: Client) -> None:
    path = await a_talk(api, "1", "2")
    await api.post(path, spoken("3"))
    await api.post(path, {"messages": [spoken("4"), spoken("5")]})

    page = await api.get(f"{path}?order=asc")

    assert (seqs(page), contents(page)) == ([1, 2, 3, 4, 5], ["1", "2", "3", "4", "5"])


async def test_an_append_is_read_back_at_once_wherever_it_shows(api: Client) -> None:
    path = await a_talk(api)
    session = path.removesuffix("/messages")
    for number in range(1, 6):
        await api.post(path, spoken(f"message {number}"))

        read = (await api.get(session)).json
        assert (read["message_count"], read["messages"][-1]["content"]) == (number, f"message {number}")
        assert (await api.get(SESSIONS)).json["data"][0]["message_count"] == number
        assert (await api.get(f"{session}/stats")).json["by_role"]["user"] == number


async def test_an_append_moves_the_times_of_its_session(api: Client) -> None:
    path = await a_talk(api)
    session = path.removesuffix("/messages")
    before = (await api.get(session)).json

    message = only(await api.post(path, spoken()))

    after = (await api.get(session)).json
    assert after["last_message_at"] == after["last_activity_at"] == message["created_at"] > before["updated_at"]
    assert after["updated_at"] > before["updated_at"]


async def test_an_append_restarts_the_clock_of_its_session(api: Client) -> None:
    path = await a_talk(api, ttl_seconds=600)
    session = path.removesuffix("/messages")

    message = only(await api.post(path, spoken()))

    expires_at = datetime.fromisoformat((await api.get(session)).json["expires_at"])
    assert abs(expires_at - datetime.fromisoformat(message["created_at"]) - timedelta(seconds=600)) <= timedelta(
        seconds=2
    )


async def test_a_repeat_is_answered_with_what_is_stored(api: Client) -> None:
    path = await a_talk(api)
    first = await api.post(path, spoken("Hello", id="m1"))

    again = await api.post(path, spoken("Hello", id="m1"))

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert len((await api.get(path)).json["data"]) == 1


async def test_a_repeat_of_a_whole_batch_is_answered_with_what_is_stored(api: Client) -> None:
    path = await a_talk(api)
    batch = {"messages": [spoken("a", id="a"), spoken("b", id="b")]}
    first = await api.post(path, batch)
    await api.post(path, spoken("c"))

    again = await api.post(path, batch)

    assert (again.status, again.json["messages"]) == (200, first.json["messages"])
    assert again.json["message_count"] == 3


SAID = {
    "id": "m1", "role": "assistant", "content": "Hello", "name": "Ann", "function_calls": ["f"], "tool_call_id": "c",
    "persona": "pirate", "audio_files": ["a"], "transcription_confidence": 0.5, "metadata": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [{"role": "user"}, {"content": "Bye"}, {"name": None}, {"function_calls": ["g"]}, {"tool_call_id": "d"}],
    ids=str,
)
async def test_an_id_that_is_used_again_for_something_else_conflicts(api: Client, other: dict[str, object]) -> None:
    path = await a_talk(api)
    await api.post(path, SAID)

    answer = await api.post(path, {**SAID, **other})

    assert answer.refusal == (409, "message_conflict")
    assert "m1" in answer.json["detail"]
    assert (await api.get(path)).json["data"][0] == {**(await api.get(path)).json["data"][0], **SAID}


@pytest.mark.parametrize(
    "other",
    [{"persona": "cook"}, {"audio_files": []}, {"transcription_confidence": 0.6}, {"metadata": {"b": 2}}],
    ids=str,
)
async def test_what_is_not_compared_may_differ_in_a_repeat(api: Client, other: dict[str, object]) -> None:
    path = await a_talk(api)
    await api.post(path, SAID)

    answer = await api.post(path, {**SAID, **other})

    assert (answer.status, only(answer)) == (200, {**only(answer), **SAID})


async def test_an_alias_of_the_role_is_the_same_in_a_repeat(api: Client) -> None:
    path = await a_talk(api)
    await api.post(path, {"id": "m1", "message_type": "ai", "content": "x"})

    assert (await api.post(path, {"id": "m1", "role": "assistant", "content": "x"})).status == 200


async def test_a_batch_of_which_some_is_stored_conflicts_and_stores_nothing(api: Client) -> None:
    path = await a_talk(api)
    await api.post(path, spoken("a", id="a"))

    answer = await api.post(path, {"messages": [spoken("a", id="a"), spoken("b", id="b")]})

    assert answer.refusal == (409, "message_conflict")
    assert answer.json["ids"] == ["a"]
    assert contents(await api.get(path)) == ["a"]


async def test_one_message_id_may_be_used_in_two_sessions(api: Client) -> None:
    first, second = await a_talk(api), await a_talk(api)

    answers = [await api.post(path, spoken(path, id="same")) for path in (first, second)]

    assert [answer.status for answer in answers] == [201, 201]


async def test_an_append_to_no_session_makes_none(api: Client) -> None:
    answer = await api.post(f"{SESSIONS}/unknown/messages", spoken())

    assert answer.refusal == (404, "session_not_found")
    assert (await api.get(SESSIONS)).json["data"] == []


@pytest.mark.parametrize("unit", ["x", "é", "你", "😀"])
async def test_a_content_of_the_most_bytes_is_kept(api: Client, unit: str) -> None:
    path = await a_talk(api)
    content = unit * (MESSAGE_BYTES // len(unit.encode()))

    answer = await api.send("POST", path, json.dumps(spoken(content), ensure_ascii=False).encode())

    assert answer.status == 201
    assert contents(await api.get(path)) == [content]


@pytest.mark.parametrize(
    "content",
    ["x" * (MESSAGE_BYTES + 1), "你" * (MESSAGE_BYTES // 3 + 1), [{"type": "text", "text": "x" * MESSAGE_BYTES}]],
    ids=["ascii", "cjk", "parts"],
)
async def test_a_content_of_more_bytes_is_too_large(api: Client, content: object) -> None:
    path = await a_talk(api)

    answer = await api.post(path, {"messages": [spoken("small"), spoken(content)]})

    assert answer.refusal == (413, "payload_too_large")
    assert (await api.get(path)).json["data"] == []


async def test_messages_together_may_have_half_a_mebibyte_as_stored_json(api: Client) -> None:
    path = await a_talk(api)
    batch = [spoken("x" * 250_000, id="a"), spoken("x" * 250_000, id="b"), spoken("x" * 23_000, id="c")]

    answer = await api.post(path, {"messages": batch})

    assert answer.status == 201


async def test_messages_together_of_more_are_too_large(api: Client) -> None:
    path = await a_talk(api)
    batch = [spoken("x" * (BATCH_BYTES // 3), id=name) for name in "abc"]
    assert stored_bytes(batch) < BATCH_BYTES + 300

    answer = await api.post(path, {"messages": batch})

    assert answer.refusal == (413, "payload_too_large")
    assert (await api.get(path)).json["data"] == []


async def test_the_operator_may_set_a_smaller_limit(serve: Serve, store: SessionStore) -> None:
    async with serve(store, max_message_bytes=10) as api:
        fits, breaks = [await api.post(ANYWHERE, spoken("x" * length)) for length in (10, 11)]

    assert fits.status == 201
    assert breaks.refusal == (413, "payload_too_large")


async def test_a_message_without_a_session_makes_one(api: Client) -> None:
    answer = await api.post(ANYWHERE, {**spoken("Hello"), "channel": "web", "session_name": "Mine"})

    session = (await api.get(f"{SESSIONS}/{answer.json['session_id']}")).json
    assert (answer.status, answer.json["message_count"], only(answer)["seq"]) == (201, 1, 1)
    assert (session["channel"], session["session_name"], session["message_count"]) == ("web", "Mine", 1)
    assert session["messages"] == answer.json["messages"]


async def test_two_messages_without_a_session_make_two(api: Client) -> None:
    first, second = await api.post(ANYWHERE, spoken()), await api.post(ANYWHERE, spoken())

    assert first.json["session_id"] != second.json["session_id"]
    assert len((await api.get(SESSIONS)).json["data"]) == 2


async def test_a_session_made_by_a_message_has_the_defaults_of_any_other(api: Client) -> None:
    made = (await api.post(ANYWHERE, {**spoken(), "session_id": None, "channel": None, "session_name": None})).json

    session = (await api.get(f"{SESSIONS}/{made['session_id']}")).json
    assert (session["channel"], session["session_name"], session["ttl_seconds"]) == ("default", None, 7_776_000)
    assert session["last_message_at"] == session["last_activity_at"] == session["created_at"]


async def test_a_message_to_a_session_that_is_not_there_makes_it_by_that_id(api: Client) -> None:
    answer = await api.post(ANYWHERE, {**spoken(), "session_id": "my-session"})

    assert (answer.status, answer.json["session_id"]) == (201, "my-session")
    assert (await api.get(f"{SESSIONS}/my-session")).json["message_count"] == 1


async def test_a_message_to_a_session_that_is_there_changes_neither_its_channel_nor_its_name(api: Client) -> None:
    path = await a_talk(api, "one", id="mine", channel="web", session_name="Old")

    answer = await api.post(ANYWHERE, {**spoken("two"), "session_id": "mine", "channel": "app", "session_name": "New"})

    session = (await api.get(path.removesuffix("/messages"))).json
    assert (answer.status, answer.json["message_count"]) == (201, 2)
    assert (session["channel"], session["session_name"]) == ("web", "Old")


async def test_a_batch_without_a_session_makes_one_with_all_of_it(api: Client) -> None:
    answer = await api.post(ANYWHERE, {"channel": "web", "messages": [spoken(str(number)) for number in range(20)]})

    page = await api.get(f"{SESSIONS}/{answer.json['session_id']}/messages?order=asc")
    assert (answer.status, seqs(page)) == (201, list(range(1, 21)))
    assert page.json["data"] == answer.json["messages"]


async def test_a_repeat_with_its_session_is_recognised_anywhere(api: Client) -> None:
    body = {**spoken("Hello", id="m1"), "session_id": "mine"}
    first = await api.post(ANYWHERE, body)

    again = await api.post(ANYWHERE, body)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json


@pytest.mark.parametrize(
    "fields",
    [{"session_id": "a/b"}, {"session_id": ""}, {"session_id": 5}, {"channel": "Web"}, {"session_name": "x" * 201},
     {"tags": []}, {"role": "robot"}, {"seq": 1}],
    ids=str,
)  # fmt: skip
async def test_a_message_that_is_refused_makes_no_session(api: Client, fields: dict[str, object]) -> None:
    answer = await api.post(ANYWHERE, {**spoken(), **fields})

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(f"{SESSIONS}?status=all")).json["data"] == []


async def test_a_message_that_is_too_large_makes_no_session(api: Client) -> None:
    assert (await api.post(ANYWHERE, spoken("x" * (MESSAGE_BYTES + 1)))).status == 413

    assert (await api.get(f"{SESSIONS}?status=all")).json["data"] == []


async def test_one_session_takes_messages_by_either_route(api: Client) -> None:
    session = await a_session(api, id="mine")
    await api.post(f"{SESSIONS}/mine/messages", spoken("one"))
    await api.post(ANYWHERE, {**spoken("two"), "session_id": session["id"]})

    assert contents(await api.get(f"{SESSIONS}/mine/messages?order=asc")) == ["one", "two"]
