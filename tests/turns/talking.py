"""What most tests of turns say, and what is stored of it."""

import asyncio
from typing import Any

import azure.functions as func

from shared.http.boundary import respond
from shared.http.endpoint import Route
from tests.http.client import Answer, Client, contents, spoken
from tests.turns.model_server import REPLY, FakeModel
from tests.turns.streams import Stream

SESSIONS = "/api/chat/sessions"
HELLO = "".join(REPLY)
SOON = 15  # seconds; a lease here lasts for 30


async def ask(api: Client, chat: str, text: str = "Hi", message_id: str = "m1", **fields: Any) -> Answer:
    """Say something in a session and wait for the reply; not until a lease is over that nobody gave back."""
    async with asyncio.timeout(SOON):
        return await api.post(f"{chat}/turns", {**spoken(text, id=message_id), **fields})


async def said(api: Client, chat: str) -> list[object]:
    """Return what the messages of a session say, oldest first."""
    return contents(await api.get(f"{chat}/messages?order=asc"))


async def begun(model: FakeModel, stream: Stream) -> None:
    """Return when the reply has begun, and the model waits."""
    assert await stream.next()
    assert await stream.next()
    await model.waiting.wait()


async def taken_by_the_host(api: Client, chat: str, **headers: str) -> func.HttpResponse:
    """Say "Hi" as a host has it said that knows no streams: it calls the function, and may break that off."""
    import function_app  # noqa: PLC0415 - it is imported with settings of the tests

    request = func.HttpRequest(
        "POST",
        f"http://parley.test{chat}/turns",
        headers={"x-user-id": str(api.user), "content-type": "application/json", **headers},
        route_params={"session_id": chat.rpartition("/")[2]},
        body=b'{"role": "user", "content": "Hi", "id": "m1"}',
    )
    endpoint = Route("take_turn", ["POST"], "", "turns.take").endpoint
    return await respond(request, function_app.chat, endpoint, route="take_turn")
