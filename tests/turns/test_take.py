"""Say something, get the model's reply: both are stored, once."""

from typing import Any

import pytest

from tests.http.client import Client, a_session, a_talk, contents, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import after, streaming, text_of
from tests.turns.talking import HELLO, SESSIONS, ask, said

pytestmark = pytest.mark.on_both_stores


async def turns_of_a_session(api: Client, **fields: object) -> str:
    return f"{SESSIONS}/{(await a_session(api, **fields))['id']}/turns"


async def test_what_is_said_is_answered_and_both_are_stored(api: Client, model: FakeModel) -> None:
    turns = await turns_of_a_session(api)

    answer = await api.post(turns, spoken("Hi", id="m1"))

    assert answer.status == 201, answer
    assert [message["content"] for message in answer.json["messages"]] == ["Hi"]
    reply = answer.json["reply"]
    assert (reply["role"], reply["content"], reply["seq"]) == ("assistant", "Hello there.", 2)
    assert (answer.json["message_count"], answer.json["usage"]) == (2, {"input_tokens": 20, "output_tokens": 4})
    told = reply["metadata"]["reply"]
    assert (told["model"], told["finish_reason"]) == ("small-2026", "stop")
    assert told["history"] == {"messages": 1, "left_out": 0}
    assert contents(await api.get(turns.replace("turns", "messages?order=asc"))) == ["Hi", "Hello there."]
    assert answer.headers["etag"] == (await api.get(turns.removesuffix("/turns"))).headers["etag"]
    assert model.asked[0]["messages"] == [{"role": "user", "content": "Hi"}]


async def test_the_reply_comes_as_events(api: Client) -> None:
    turns = await turns_of_a_session(api)

    async with streaming(api, "POST", turns, spoken("Hi", id="m1")) as stream:
        events = await stream.all()

    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert (events[0].name, events[0].id, events[0].data["how"]) == ("turn", after(""), "started")
    assert [message["id"] for message in events[0].data["messages"]] == ["m1"]
    assert {event.name for event in events[1:-1]} == {"delta"}
    assert text_of(events) == "Hello there."
    assert (events[-1].name, events[-1].id) == ("done", after("Hello there."))
    assert events[-1].data["reply"]["id"] == events[0].data["reply_id"]
    assert events[-1].data["message_count"] == 2


async def test_each_piece_is_told_before_the_next_is_made(api: Client, model: FakeModel) -> None:
    model.next(Script([chunk("one "), None, *whole("two")]))
    turns = await turns_of_a_session(api)

    async with streaming(api, "POST", turns, spoken("Hi")) as stream:
        first = [await stream.next(), await stream.next()]
        model.go_on()
        rest = await stream.all()

    assert first[1]
    assert (first[1].data, first[1].id) == ({"text": "one "}, after("one "))
    assert text_of(rest) == "two"


async def test_a_repeat_finds_the_stored_reply_and_asks_no_model(api: Client, model: FakeModel) -> None:
    turns = await turns_of_a_session(api)
    first = await api.post(turns, spoken("Hi", id="m1"))

    again = await api.post(turns, spoken("Hi", id="m1"))

    assert again.status == 200
    assert again.json == first.json
    assert len(model.asked) == 1


async def test_a_repeat_is_recognised_by_its_key(api: Client, model: FakeModel) -> None:
    turns = await turns_of_a_session(api)
    first = await api.post(turns, spoken("Hi"), idempotency_key="k")

    again = await api.post(turns, spoken("Hi"), idempotency_key="k")

    assert (again.status, again.json) == (200, first.json)
    assert len(model.asked) == 1


async def test_a_session_is_made_if_need_be(api: Client, model: FakeModel) -> None:
    answer = await api.post("/api/chat/turns", {"session_id": "new", "channel": "web", **spoken("Hi", id="m1")})
    again = await api.post("/api/chat/turns", {"session_id": "new", "channel": "web", **spoken("Hi", id="m1")})

    assert (answer.status, again.status, answer.json["session_id"]) == (201, 200, "new")
    assert (await api.get(f"{SESSIONS}/new")).json["channel"] == "web"
    assert len(model.asked) == 1


async def test_the_history_goes_to_the_model_with_every_turn(api: Client, model: FakeModel) -> None:
    turns = await turns_of_a_session(api)
    for text in ("one", "two", "three"):
        await api.post(turns, spoken(text))

    said = [(message["role"], message["content"]) for message in model.asked[-1]["messages"]]
    reply = ("assistant", "Hello there.")
    assert said == [("user", "one"), reply, ("user", "two"), reply, ("user", "three")]


async def test_nothing_said_answers_the_newest_message(api: Client, model: FakeModel) -> None:
    path = await a_talk(api, "first", "second")
    turns = path.replace("messages", "turns")

    answer = await api.post(turns, {})
    again = await api.post(turns, {})

    assert (answer.status, again.status) == (201, 200)
    assert again.json["reply"] == answer.json["reply"]
    assert len(model.asked) == 1


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


async def test_usage_is_counted_by_session_and_by_owner(api: Client, chat: str) -> None:
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")
    await api.delete(f"{chat}/messages")

    usage = {"replies": 2, "input_tokens": 40, "output_tokens": 8}
    assert (await api.get(f"{chat}/stats")).json["usage"] == usage
    assert (await api.get("/api/chat/stats")).json["usage"] == usage
