"""Nobody puts before a model what another user has said."""

from collections.abc import Iterable
from typing import Any

import pytest

from shared.model_settings import CALLER_MAY_SET
from shared.openapi.operations import Operation
from tests.builders import an_owner
from tests.hostile.requests import OWNED, path_of
from tests.http.client import NO_BODY, Client, a_session, spoken
from tests.turns.model_server import FakeModel
from tests.turns.talking import HELLO, SESSIONS, ask, said

SESSION, CHANNEL = "same", "scriptwriter"
IN_PATH = {"session_id": SESSION, "channel": CHANNEL, "message_id": "m1", "share_id": "s1"}
ONLY_LOOKS = {"look_at_turn"}  # it waits for a model that somebody else has asked
MAKES_A_SESSION = {"take_turn_anywhere", "ask", "say_in_channel"}  # of the caller's own, where they have none


@pytest.fixture
def model_settings() -> dict[str, Any]:
    return {"caller_may_set": frozenset(CALLER_MAY_SET)}


async def has_a_secret(client: Client) -> None:
    """Let a user have a session with one message, which nobody has answered."""
    await a_session(client, id=SESSION, channel=CHANNEL)
    answer = await client.post(f"{SESSIONS}/{SESSION}/messages", spoken("secret", id="m1"))
    assert answer.status == 201


def bodies_of(route: Operation) -> Iterable[object]:
    """Return the examples of a route's body, about that session wherever a body says which."""
    named = any("session_id" in model.model_fields for model in route.endpoint.bodies)
    for example in route.bodies.values() or [{}]:
        body = {name: value for name, value in dict(example).items() if name != "id"}
        yield body | ({"session_id": SESSION} if named else {}) if route.endpoint.bodies else NO_BODY


async def asked_by(client: Client, model: FakeModel, route: Operation, body: object) -> list[str]:
    """Send a request, and return what the model was asked because of it."""
    model.asked.clear()
    await client.send(route.method, path_of(route, **IN_PATH), body)
    return [str(asked["messages"]) for asked in model.asked]


async def test_each_route_that_asks_a_model_says_so_and_asks_it_with_the_owners_history(
    api: Client, model: FakeModel
) -> None:
    asking = set()
    for route in OWNED:
        for body in bodies_of(route):
            owner = api.speaking_for(an_owner())
            await has_a_secret(owner)
            asked = await asked_by(owner, model, route, body)
            asking |= {route.operation_id for each in asked if "secret" in each}

    declared = {route.operation_id for route in OWNED if route.endpoint.waits_for_model}
    assert asking == declared - ONLY_LOOKS


async def test_no_route_puts_anothers_history_before_a_model(api: Client, model: FakeModel) -> None:
    await has_a_secret(api)
    asked = [
        (route.operation_id, each)
        for route in OWNED
        for body in bodies_of(route)
        for each in await asked_by(api.speaking_for(an_owner()), model, route, body)
    ]

    assert [(name, each) for name, each in asked if "secret" in each] == []
    assert {name for name, _ in asked} == MAKES_A_SESSION
    assert await said(api, f"{SESSIONS}/{SESSION}") == ["secret"]


@pytest.mark.on_both_stores
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
async def test_anothers_turns_are_as_unknown_as_those_that_never_were(
    api: Client, chat: str, model: FakeModel, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await ask(api, chat, "secret")
    stranger = api.speaking_for(an_owner())

    answer = await stranger.send(method, chat + path, b"" if body is None else body)

    assert answer.refusal == (404, "session_not_found")
    assert len(model.asked) == 1
    assert await said(api, chat) == ["secret", HELLO]


EVERYWHERE = {
    "/api/chat/turns": spoken("Hi", id="m1"),
    "/api/chat": {"query": "Hi"},
    f"/api/unified/{CHANNEL}-chat": {"message": "Hi"},
}


@pytest.mark.on_both_stores
@pytest.mark.parametrize("path", EVERYWHERE)
async def test_a_turn_anywhere_knows_only_its_owners_sessions(api: Client, model: FakeModel, path: str) -> None:
    await has_a_secret(api)

    answer = await api.speaking_for(an_owner()).post(path, EVERYWHERE[path] | {"session_id": SESSION})

    assert answer.status in {200, 201}
    assert [asked["messages"] for asked in model.asked] == [[{"role": "user", "content": "Hi"}]]
    assert await said(api, f"{SESSIONS}/{SESSION}") == ["secret"]
