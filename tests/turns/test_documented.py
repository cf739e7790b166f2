"""What the routes of turns are told when the session changes under the reply: as the OpenAPI document says.

Whoever serves in these tests holds every answer against that document (tests/http/documented.py).
"""

import asyncio
from typing import Any

import pytest

from tests.http.client import Answer, Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole

SESSION = "/api/chat/sessions/trip"
ROUTES = {
    "take_turn": (f"{SESSION}/turns", spoken()),
    "take_turn_anywhere": ("/api/chat/turns", spoken(session_id="trip")),
}
EARLIER_ROUTES = {
    "chat": ("/api/chat", {"query": "Hello", "session_id": "trip"}),
    "channel": ("/api/unified/scriptwriter-chat", {"message": "Hello", "session_id": "trip"}),
}
MEANWHILE = {
    "deleted": ("DELETE", SESSION, (404, "session_not_found")),
    "archived": ("POST", f"{SESSION}/archive", (409, "session_archived")),
    "cleared": ("DELETE", f"{SESSION}/messages", (404, "message_not_found")),
}


async def answered_meanwhile(api: Client, model: FakeModel, route: tuple[str, Any], change: str) -> Answer:
    """Return how a route answers whose session is changed under the reply."""
    path, body = route
    method, changed, _ = MEANWHILE[change]
    await api.post("/api/chat/sessions", {"id": "trip", "channel": "scriptwriter"})
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(api.post(path, body))
    await model.waiting.wait()
    await api.send(method, changed)
    model.go_on()
    return await asking


@pytest.mark.parametrize("change", MEANWHILE)
@pytest.mark.parametrize("route", ROUTES)
async def test_a_reply_to_what_is_gone_is_refused_as_documented(
    api: Client, model: FakeModel, route: str, change: str
) -> None:
    answer = await answered_meanwhile(api, model, ROUTES[route], change)

    assert answer.refusal == MEANWHILE[change][2]


@pytest.mark.parametrize("change", MEANWHILE)
@pytest.mark.parametrize("route", EARLIER_ROUTES)
async def test_on_the_earlier_routes_it_is_null(api: Client, model: FakeModel, route: str, change: str) -> None:
    answer = await answered_meanwhile(api, model, EARLIER_ROUTES[route], change)

    assert answer.status == 200
    assert (answer.json.get("response"), answer.json.get("result")) == (None, None)


async def test_nothing_to_answer_in_a_session_that_never_was_is_refused_as_documented(api: Client) -> None:
    assert (await api.post("/api/chat/turns", {"session_id": "never.was"})).refusal == (404, "session_not_found")
