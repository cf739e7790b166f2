"""One turn of a chat, on the routes that answered with a model's reply."""

from typing import NamedTuple

from pydantic import Field

from shared.models import MessageInput, SessionTarget
from shared.service import ChatService

SUCCESS = Field(description="Always true; what fails is a problem document.")
REPLY = Field(description="The reply; null as long as nothing here replies.")


class Turn(NamedTuple):
    """What came of a user's words: where they are stored, how much is there, and the reply if there is one."""

    session_id: str
    message_count: int
    reply: str | None


async def take_turn(
    chat: ChatService, user_id: str, target: SessionTarget, said: MessageInput, *, ttl_seconds: int | None = None
) -> Turn:
    """Store what the user said; nothing answers it yet, so the reply is None.

    A responder's place is here: behind the append, before the count.
    """
    session_id, appended = await chat.append_anywhere(user_id, target, [said], ttl_seconds=ttl_seconds)
    return Turn(session_id, appended.message_count, reply=None)
