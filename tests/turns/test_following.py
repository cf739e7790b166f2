"""Looking at a turn and following it, from wherever the client left off."""

import asyncio

import pytest

from shared.http.turn_events import Place
from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import after, streaming, text_of
from tests.turns.talking import HELLO, ask, taken_by_the_host

pytestmark = pytest.mark.on_both_stores


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
    answer = await taken_by_the_host(api, chat, accept="text/event-stream")

    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert answer.get_body().startswith(b"id: 0-00000000\nevent: turn\n")
    assert b"event: done" in answer.get_body()


async def test_text_and_events_agree(api: Client, chat: str) -> None:
    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        events = await stream.all()

    assert text_of(events) == events[-1].data["reply"]["content"]
    told = [Place.named(event.id).characters for event in events]
    assert told == sorted(told)
