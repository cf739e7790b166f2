"""Turns beyond a question and its reply: another reply, tools, what a request may set, following, and statistics."""

import asyncio
import json
import logging
from typing import Any

import azure.functions as func
import pytest

from shared.http.boundary import respond
from shared.http.endpoint import Route
from tests.http.client import Answer, Client, a_session, contents, spoken
from tests.turns.model_server import REPLY, FakeModel, Script, chunk, whole
from tests.turns.streams import after, streaming, text_of

pytestmark = pytest.mark.on_both_stores

SESSIONS = "/api/chat/sessions"
HELLO = "".join(REPLY)
NUMBERS = {"input_tokens", "output_tokens", "milliseconds"}
TOOLS = [{"type": "function", "function": {"name": "trains", "parameters": {"type": "object"}}}]


@pytest.fixture
def model_settings() -> dict[str, Any]:
    return {
        "instructions": "Be kind.",
        "channel_instructions": {"web": "Be brief."},
        "caller_may_set": frozenset({"instructions", "tools"}),
        "max_tokens": 100,
        "max_tokens_field": "max_tokens",
    }


@pytest.fixture
async def chat(api: Client) -> str:
    return f"{SESSIONS}/{(await a_session(api, channel='web'))['id']}"


async def said(api: Client, chat: str) -> list[object]:
    return contents(await api.get(f"{chat}/messages?order=asc"))


async def ask(api: Client, chat: str, text: str = "Hi", message_id: str = "m1", **fields: Any) -> Answer:
    return await api.post(f"{chat}/turns", {**spoken(text, id=message_id), **fields})


# Another reply


async def test_another_reply_takes_the_place_of_the_first(api: Client, chat: str, model: FakeModel) -> None:
    first = (await ask(api, chat)).json["reply"]
    await api.patch(f"{chat}/messages/{first['id']}", {"feedback": {"rating": "down"}})
    model.next(Script(whole("Better.")))

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    second = answer.json["reply"]
    assert (answer.status, second["id"], second["seq"]) == (200, first["id"], 2)
    assert (second["content"], second["feedback"]) == ("Better.", None)
    assert second["edited_at"]
    assert second["metadata"]["reply"]["regenerated"] == 1
    assert await said(api, chat) == ["Hi", "Better."]
    assert [message["role"] for message in model.asked[-1]["messages"]] == ["system", "user"]
    assert answer.headers["etag"] == (await api.get(chat)).headers["etag"]
    assert (await api.get(f"{chat}/stats")).json["usage"]["replies"] == 2


@pytest.mark.parametrize(
    "script", [Script(status=500, body={}), Script([chunk("Half")]), Script([chunk("Half"), {"error": {}}])]
)
async def test_the_first_reply_stays_where_the_second_is_not_whole(
    api: Client, chat: str, model: FakeModel, script: Script
) -> None:
    await ask(api, chat)
    model.next(script)

    failed = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert failed.refusal == (502, "model_failed")
    assert await said(api, chat) == ["Hi", HELLO]
    assert (await api.post(f"{chat}/turns/m1/regenerate", {})).status == 200


async def test_the_first_reply_stays_where_the_second_is_stopped(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat)
    model.next(Script([chunk("Half"), None]))
    again = asyncio.create_task(api.post(f"{chat}/turns/m1/regenerate", {}))
    await model.waiting.wait()

    await api.delete(f"{chat}/turns/m1")

    assert (await again).json["reply"]["content"] == HELLO
    assert await said(api, chat) == ["Hi", HELLO]


async def test_only_the_newest_turn_has_another_reply(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")

    assert (await api.post(f"{chat}/turns/m1/regenerate", {})).refusal == (409, "turn_not_newest")
    assert (await api.post(f"{chat}/turns/never/regenerate", {})).refusal == (404, "message_not_found")
    assert len(model.asked) == 2


async def test_a_question_without_a_reply_gets_its_first(api: Client, chat: str) -> None:
    await api.post(f"{chat}/messages", spoken("Hi", id="m1"))

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert answer.json["reply"]["content"] == HELLO
    assert await said(api, chat) == ["Hi", HELLO]


async def test_a_repeat_of_an_old_question_without_a_reply_is_refused(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script(status=500, body={}))
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")

    assert (await ask(api, chat)).refusal == (409, "turn_not_newest")


# Tools


def calling(*pieces: str, name: str = "trains") -> list[Any]:
    """Return the chunks of a call whose arguments come in these pieces."""
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in pieces]
    return [
        *(chunk(delta={"tool_calls": [call]}) for call in (first, *rest)),
        chunk(finish_reason="tool_calls"),
    ]


async def test_calls_of_tools_are_handed_through_and_their_results_are_the_next_turn(
    api: Client, chat: str, model: FakeModel
) -> None:
    model.next(Script(calling('{"to": ', '"Lisbon"}')))
    call = {"id": "call_1", "type": "function", "function": {"name": "trains", "arguments": '{"to": "Lisbon"}'}}

    body = {**spoken("When?", id="m1"), "tools": TOOLS, "tool_choice": "auto"}
    async with streaming(api, "POST", f"{chat}/turns", body) as stream:
        events = await stream.all()
    result = {"role": "tool", "content": "05:40", "tool_call_id": "call_1"}
    answer = await api.post(f"{chat}/turns", {"messages": [result], "tools": TOOLS})

    assert [(event.name, event.data) for event in events[1:-1]] == [("tool_calls", {"function_calls": [call]})]
    assert events[-1].data["reply"]["function_calls"] == [call]
    assert (model.asked[0]["tools"], model.asked[0]["tool_choice"]) == (TOOLS, "auto")
    assert answer.json["reply"]["content"] == HELLO
    sent = model.asked[1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert (sent[2]["tool_calls"], sent[2]["content"], sent[3]["tool_call_id"]) == ([call], "", "call_1")


async def test_a_call_that_was_cut_off_is_no_reply(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script(calling('{"to": ')[:2]))

    assert (await ask(api, chat, tools=TOOLS)).refusal == (502, "model_failed")


# What a request may set


async def test_the_deployment_and_the_channel_instruct_the_model_before_the_request(
    api: Client, chat: str, model: FakeModel
) -> None:
    await ask(api, chat, instructions="Rhyme.")

    assert model.asked[0]["messages"][0] == {"role": "system", "content": "Be kind.\n\nBe brief.\n\nRhyme."}
    assert model.asked[0]["model"] == "small"
    assert model.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(("wanted", "asked"), [(None, 100), (10, 10), (1000, 100)])
async def test_a_reply_is_at_most_as_long_as_the_deployment_allows(
    api: Client, chat: str, model: FakeModel, wanted: int | None, asked: int
) -> None:
    await ask(api, chat, max_output_tokens=wanted)

    assert model.asked[0]["max_tokens"] == asked


@pytest.mark.parametrize(
    "fields", [{"model": "large"}, {"temperature": 1.5}, {"response_format": {"type": "json_object"}}]
)
async def test_what_a_deployment_keeps_to_itself_is_refused(
    api: Client, chat: str, model: FakeModel, fields: dict[str, Any]
) -> None:
    assert (await ask(api, chat, **fields)).refusal == (403, "forbidden")
    assert (await said(api, chat), model.asked) == ([], [])


@pytest.mark.parametrize(
    "body", [{"role": "assistant", "content": "Hi"}, {}, {"content": "Hi"}, {**spoken("Hi"), "tools": [{}] * 129}]
)
async def test_a_turn_that_says_nothing_to_answer_is_refused(
    api: Client, chat: str, model: FakeModel, body: dict[str, Any]
) -> None:
    assert (await api.post(f"{chat}/turns", body)).refusal == (422, "validation_failed")
    assert (await said(api, chat), model.asked) == ([], [])


async def test_other_words_under_a_used_id_are_a_conflict(api: Client, chat: str) -> None:
    await ask(api, chat)

    assert (await ask(api, chat, "Other")).refusal == (409, "message_conflict")


async def test_words_for_another_version_of_the_session_are_refused_but_a_repeat_is_not(
    api: Client, chat: str, model: FakeModel
) -> None:
    first = (await api.get(chat)).headers["etag"]

    taken = await api.post(f"{chat}/turns", spoken("Hi", id="m1"), if_match=first)
    again = await api.post(f"{chat}/turns", spoken("Hi", id="m1"), if_match=first)
    late = await api.post(f"{chat}/turns", spoken("More", id="m2"), if_match=first)
    elsewhere = await api.post("/api/chat/turns", spoken("Hi", session_id="none-yet"), if_match=first)
    await api.post(f"{chat}/messages", spoken("Unanswered", id="m3"))
    silent = await api.post(f"{chat}/turns", if_match=first)

    assert (taken.status, again.status) == (201, 200)
    assert {answer.refusal for answer in (late, elsewhere, silent)} == {(412, "precondition_failed")}
    assert contents(await api.get(f"{chat}/messages?order=asc")) == ["Hi", HELLO, "Unanswered"]
    assert len(model.asked) == 1


# Following


async def test_a_turn_can_be_looked_at(api: Client, chat: str, model: FakeModel) -> None:
    await api.post(f"{chat}/messages", spoken("Before", id="m0"))
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(ask(api, chat))
    await model.waiting.wait()

    running = await api.get(f"{chat}/turns/m1")
    model.go_on()
    answer = await asking
    done = await api.get(f"{chat}/turns/m1")

    assert running.json == {"state": "running", "reply": None}
    assert done.json == {"state": "done", "reply": answer.json["reply"]}
    assert (await api.get(f"{chat}/turns/m0")).json == {"state": "none", "reply": None}
    assert (await api.get(f"{chat}/turns/never")).refusal == (404, "message_not_found")


async def test_the_stream_of_a_message_that_nobody_answers_says_what_was_said_and_ends(api: Client, chat: str) -> None:
    said = (await api.post(f"{chat}/messages", spoken("Before", id="m0"))).json["messages"]

    async with streaming(api, "GET", f"{chat}/turns/m0") as stream:
        turn, error = await stream.all()
    answer = await api.post(f"{chat}/turns")

    assert (turn.name, turn.data["messages"]) == ("turn", said)
    assert turn.data["reply_id"] == answer.json["reply"]["id"]
    assert (error.name, error.data["code"]) == ("error", "model_failed")


async def test_a_stream_has_the_headers_of_every_answer(api: Client, chat: str) -> None:
    whole_answer = await ask(api, chat)

    async with streaming(api, "GET", f"{chat}/turns/m1") as stream:
        headers = stream.response.headers

    for name in ("cache-control", "x-content-type-options", "access-control-expose-headers"):
        assert headers[name] == whole_answer.headers[name]


async def test_a_turn_is_joined_where_the_client_left_off(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("One "), chunk("two "), None, *whole("three")]))
    asking = asyncio.create_task(ask(api, chat))
    await model.waiting.wait()

    async with streaming(api, "GET", f"{chat}/turns/m1", last_event_id=after("One ")) as stream:
        first = [await stream.next(), await stream.next()]
        model.go_on()
        events = [event for event in [*first, *(await stream.all())] if event]

    assert events[0].data["how"] == "joined"
    assert text_of(events) == "two three"
    answer = (await asking).json
    assert events[0].data["messages"] == answer["messages"]
    assert (events[-1].name, events[-1].id, events[-1].data) == ("done", after("One two three"), answer)


@pytest.mark.parametrize(
    ("last", "rest"),
    [
        (after(""), HELLO),
        (after(HELLO[:6]), HELLO[6:]),
        (after(HELLO), ""),
        (after("Hallo "), HELLO),
        (after(HELLO + HELLO), HELLO),
        ("99-0000000g", HELLO),
        ("x", HELLO),
    ],
)
async def test_a_turn_that_is_over_is_told_from_where_the_client_left_off(
    api: Client, chat: str, last: str, rest: str
) -> None:
    answer = await ask(api, chat)

    async with streaming(api, "GET", f"{chat}/turns/m1", last_event_id=last) as stream:
        events = await stream.all()

    assert text_of(events) == rest
    assert events[0].data["how"] == "found"
    assert (events[-1].name, events[-1].data) == ("done", answer.json)


async def test_where_the_host_cannot_stream_the_events_arrive_together(api: Client, chat: str) -> None:
    import function_app  # noqa: PLC0415 - it is imported with settings of the tests

    request = func.HttpRequest(
        "POST",
        f"http://parley.test{chat}/turns",
        headers={"x-user-id": str(api.user), "accept": "text/event-stream", "content-type": "application/json"},
        route_params={"session_id": chat.rpartition("/")[2]},
        body=b'{"role": "user", "content": "Hi"}',
    )

    endpoint = Route("take_turn", ["POST"], "", "turns.take").endpoint
    answer = await respond(request, function_app.chat, endpoint, route="take_turn")

    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert answer.get_body().startswith(b"id: 0-00000000\nevent: turn\n")
    assert b"event: done" in answer.get_body()


async def test_a_streamed_reply_has_its_line_when_the_last_of_it_is_sent_and_its_turn_another(
    api: Client, chat: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        sent = await stream.response.read()

    while not any("take_turn" in message for message in caplog.messages):
        await asyncio.sleep(0.01)  # until the host has closed the stream
    told = [json.loads(message) for message in caplog.messages if message.startswith('{"event": ')]
    (line,) = [each for each in told if each["event"] == "request" and each["route"] == "take_turn"]
    (turn,) = [each for each in told if each["event"] == "turn"]
    assert (line["status"], line["bytes_out"]) == (200, len(sent))
    assert (turn["ended"], turn["request_id"]) == ("answered", line["request_id"])
    assert turn.keys() <= {"event", "request_id", "ended", "instance", "version", *NUMBERS}


# Whose, and what is told of it


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/turns", spoken("stolen")),
        ("POST", "/turns", spoken("Hi", id="m1")),
        ("POST", "/turns", {}),
        ("POST", "/turns/m1/regenerate", {}),
        ("GET", "/turns/m1", None),
        ("DELETE", "/turns/m1", None),
    ],
)
async def test_nobody_puts_anothers_history_before_a_model(
    api: Client, chat: str, model: FakeModel, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await ask(api, chat, "secret")
    stranger = api.speaking_for("stranger")

    answer = await stranger.send(method, chat + path, b"" if body is None else body)

    assert answer.refusal == (404, "session_not_found")
    assert len(model.asked) == 1
    assert await said(api, chat) == ["secret", HELLO]


async def test_a_turn_anywhere_knows_only_its_owners_sessions(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat, "secret")
    body = {"session_id": chat.rpartition("/")[2], **spoken("Hi", id="m1")}

    answer = await api.speaking_for("stranger").post("/api/chat/turns", body)

    assert answer.status == 201
    assert "secret" not in str(model.asked[-1])


async def test_usage_is_counted_by_session_and_by_owner(api: Client, chat: str) -> None:
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")
    await api.delete(f"{chat}/messages")

    usage = {"replies": 2, "input_tokens": 40, "output_tokens": 8}
    assert (await api.get(f"{chat}/stats")).json["usage"] == usage
    assert (await api.get("/api/chat/stats")).json["usage"] == usage


async def test_nothing_said_and_no_key_reaches_a_log(
    api: Client, chat: str, model: FakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "shared")
    caplog.set_level(logging.DEBUG, "parley")
    model.next(
        Script(whole("WORDS")),
        Script(status=500, body={"error": {"message": "WORDS"}}),
        Script(status=401, body={"error": {"message": "WORDS sk-very-secret"}}),
        Script([b"WORDS"]),
    )

    for number in range(4):
        await ask(api, chat, "WORDS", f"m{number}")

    assert model.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert caplog.text
    assert "WORDS" not in caplog.text
    assert "sk-very" not in caplog.text
    assert "sk-very" not in repr(model.settings)


# The routes of the earlier systems


async def test_the_earlier_routes_answer_with_the_model(api: Client, model: FakeModel) -> None:
    asked = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})
    told = await api.post("/api/unified/scriptwriter-chat", {"message": "Hi"})

    assert (asked.json["response"], asked.json["conversation_length"]) == (HELLO, 2)
    assert told.json["result"] == HELLO


async def test_on_the_earlier_routes_a_model_that_fails_is_null(api: Client, model: FakeModel) -> None:
    model.next(Script(status=500, body={}), Script([]))

    asked = await api.post("/api/chat", {"query": "Hi", "session_id": "old"})
    told = await api.post("/api/unified/scriptwriter-chat", {"message": "Hi"})

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 1)
    assert (told.status, told.json["result"]) == (200, None)


async def test_on_the_earlier_routes_words_are_stored_once_though_their_reply_lost_its_place(
    api: Client, model: FakeModel
) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(api.post("/api/chat", {"query": "Hi", "session_id": "old"}))
    await model.waiting.wait()
    messages = "/api/chat/sessions/old/messages"
    await api.post(messages, spoken("A note", id="note"))
    await api.delete(f"{messages}?after=1")
    model.go_on()

    asked = await asking

    assert (asked.status, asked.json["response"], asked.json["conversation_length"]) == (200, None, 1)
    assert [message["content"] for message in (await api.get(messages)).json["data"]] == ["Hi"]
