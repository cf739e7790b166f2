"""What most tests of turns say, and what is stored of it."""

from typing import Any

from tests.http.client import Answer, Client, contents, spoken
from tests.turns.model_server import REPLY, FakeModel
from tests.turns.streams import Stream

SESSIONS = "/api/chat/sessions"
HELLO = "".join(REPLY)


async def ask(api: Client, chat: str, text: str = "Hi", message_id: str = "m1", **fields: Any) -> Answer:
    """Say something in a session and wait for the reply."""
    return await api.post(f"{chat}/turns", {**spoken(text, id=message_id), **fields})


async def said(api: Client, chat: str) -> list[object]:
    """Return what the messages of a session say, oldest first."""
    return contents(await api.get(f"{chat}/messages?order=asc"))


async def begun(model: FakeModel, stream: Stream) -> None:
    """Return when the reply has begun, and the model waits."""
    assert await stream.next()
    assert await stream.next()
    await model.waiting.wait()
