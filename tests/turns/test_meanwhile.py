"""What others do while a reply is made: to the session, with the question, or by going away."""

import asyncio

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.streams import streaming
from tests.turns.talking import HELLO, ask, begun, said

pytestmark = pytest.mark.on_both_stores

MEANWHILE = {
    "deleted": ("DELETE", "", None, (404, "session_not_found")),
    "archived": ("POST", "/archive", {}, (409, "session_archived")),
    "cleared": ("DELETE", "/messages", None, (404, "message_not_found")),
    "rewound": ("DELETE", "/messages?after=0", None, (404, "message_not_found")),
    "replaced": ("PUT", "/messages?after=0", {"messages": [spoken("Other")]}, (404, "message_not_found")),
}


@pytest.mark.parametrize("change", MEANWHILE)
async def test_a_reply_to_what_is_gone_is_not_stored(api: Client, chat: str, model: FakeModel, change: str) -> None:
    method, path, body, refusal = MEANWHILE[change]
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    async with streaming(api, "POST", f"{chat}/turns", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)
        await api.send(method, chat + path, b"" if body is None else body)
        model.go_on()
        last = (await stream.all())[-1]

    assert (last.name, last.data["status"], last.data["code"]) == ("error", *refusal)
    if change != "deleted":
        assert await said(api, chat) == {"archived": ["Hi"], "replaced": ["Other"]}.get(change, [])


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


async def test_a_client_may_have_the_reply_end_when_it_goes(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    async with streaming(api, "POST", f"{chat}/turns?if_closed=stop", spoken("Hi", id="m1")) as stream:
        await begun(model, stream)

    answer = await ask(api, chat)

    assert answer.json["reply"]["content"] == "Half"
    assert answer.json["reply"]["metadata"]["reply"]["finish_reason"] == "stopped"
