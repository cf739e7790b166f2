"""What others do while a reply is made: to the session, with the question, or by going away."""

import asyncio
from typing import Any

import pytest

from shared.store.port import SessionStore
from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import streaming
from tests.turns.talking import HELLO, SOON, ask, begun, said, taken_by_the_host

pytestmark = pytest.mark.on_both_stores

MEANWHILE = {
    "deleted": ("DELETE", "", None, (404, "session_not_found")),
    "expired": ("PATCH", "", {"ttl_seconds": 1}, (404, "session_not_found")),
    "archived": ("POST", "/archive", {}, (409, "session_archived")),
    "cleared": ("DELETE", "/messages", None, (404, "message_not_found")),
    "rewound": ("DELETE", "/messages?after=0", None, (404, "message_not_found")),
    "replaced": ("PUT", "/messages?after=0", {"messages": [spoken("Other")]}, (404, "message_not_found")),
}


LEFT = {"archived": ["Hi"], "replaced": ["Other"]}  # of what was said
GONE = ("deleted", "expired")


async def change_to(api: Client, chat: str, state: str) -> None:
    """Bring a session into this state."""
    method, path, body, _ = MEANWHILE[state]
    changed = await api.send(method, chat + path, b"" if body is None else body)
    assert changed.status < 300, changed
    while state == "expired" and (await api.get(chat)).status != 404:
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("state", ["deleted", "expired", "archived"])
async def test_what_is_said_to_a_session_that_takes_nothing_asks_no_model(
    api: Client, chat: str, model: FakeModel, state: str
) -> None:
    await change_to(api, chat, state)

    answers = [await ask(api, chat), await api.post(f"{chat}/turns", {})]

    assert answers[0].refusal == MEANWHILE[state][3]
    assert answers[1].status >= 400
    assert model.asked == []
    if state == "archived":
        assert await said(api, chat) == []


@pytest.mark.parametrize("state", MEANWHILE)
async def test_a_reply_to_what_is_gone_is_not_stored(api: Client, chat: str, model: FakeModel, state: str) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
        await change_to(api, chat, state)
        model.go_on()
        last = (await stream.all())[-1]

    assert (last.name, last.data["status"], last.data["code"]) == ("error", *MEANWHILE[state][3])
    if state not in GONE:
        assert await said(api, chat) == LEFT.get(state, [])


@pytest.mark.parametrize("state", MEANWHILE)
async def test_a_reply_to_what_goes_just_before_it_is_stored_is_not_stored(
    api: Client, chat: str, store: SessionStore, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    append = store.append

    async def late(user_id: str, session_id: str, messages: Any, *rest: Any, **options: Any) -> Any:
        if messages[0].role == "assistant":
            await change_to(api, chat, state)
        return await append(user_id, session_id, messages, *rest, **options)

    monkeypatch.setattr(store, "append", late)

    assert (await ask(api, chat)).refusal == MEANWHILE[state][3]
    if state not in GONE:
        assert await said(api, chat) == LEFT.get(state, [])


async def test_what_others_say_meanwhile_comes_before_the_reply(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
        await api.post(f"{chat}/messages", spoken("And you?"))
        model.go_on()
        await stream.all()

    assert await said(api, chat) == ["Hi", "And you?", "HalfRest"]


async def test_another_turn_meanwhile_is_refused(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
        other = await api.post(f"{chat}/turns", spoken("Other", id="m2"))
        model.go_on()
        await stream.all()

    assert other.refusal == (409, "turn_in_progress")
    assert 1 <= int(other.headers["retry-after"]) <= 5
    assert await said(api, chat) == ["Hi", "HalfRest"]


async def test_five_at_once_get_one_reply(api: Client, chat: str, model: FakeModel) -> None:
    answers = await asyncio.gather(*(ask(api, chat) for _ in range(5)))

    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.json["reply"]["id"] for answer in answers}) == 1
    assert await said(api, chat) == ["Hi", HELLO]
    assert len(model.asked) == 1


async def test_a_client_that_goes_away_stops_nothing(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
    model.go_on()

    answer = await ask(api, chat)

    assert answer.json["reply"]["content"] == "HalfRest"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stop"
    assert len(model.asked) == 1


@pytest.mark.parametrize("asked", [ask, taken_by_the_host], ids=["the connection", "the host's call"])
async def test_a_client_that_goes_away_without_a_stream_stops_nothing_either(
    api: Client, chat: str, model: FakeModel, asked: Any
) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(asked(api, chat))
    await model.waiting.wait()
    asking.cancel()
    await asyncio.wait([asking])
    model.go_on()

    async with asyncio.timeout(SOON):
        while (await api.get(f"{chat}/turns/m1")).json["state"] != "done":
            await asyncio.sleep(0.02)

    assert await said(api, chat) == ["Hi", "HalfRest"]
    assert (model.left, len(model.asked)) == (0, 1)


async def test_a_client_may_have_the_reply_end_when_it_goes(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    async with streaming(api, "POST", f"{chat}/turns?if_closed=stop", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)

    answer = await ask(api, chat)

    assert answer.json["reply"]["content"] == "Half"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"
