"""One turn of a chat, on the routes that answered with a model's reply."""

from typing import NamedTuple

from pydantic import Field

from shared.errors import ModelThrottledError, ParleyError, SessionNotFoundError, StoreError, TurnInProgressError
from shared.models import MessageInput, SessionTarget
from shared.service import ChatService

SUCCESS = Field(description="Always true; what fails is a problem document.")
REPLY = Field(description="The reply; null where no model is configured, or where it failed.")


class Turn(NamedTuple):
    """What came of a user's words: where they are stored, how much is there, and the reply if there is one."""

    session_id: str
    message_count: int
    reply: str | None


async def take_turn(
    chat: ChatService, user_id: str, target: SessionTarget, said: MessageInput, *, ttl_seconds: int | None = None
) -> Turn:
    """Store what the user said and get the model's reply; None where there is no model, or no reply of it.

    Those clients know no turns: where another reply, or too many, are being made, their words are stored without one.
    """
    if chat.settings.model.endpoint is not None:
        try:
            return await _answered(chat, user_id, target, said, ttl_seconds=ttl_seconds)
        except (TurnInProgressError, ModelThrottledError):
            pass  # nothing was stored yet
    session_id, appended = await chat.append_anywhere(user_id, target, [said], ttl_seconds=ttl_seconds)
    return Turn(session_id, appended.message_count, reply=None)


async def _answered(
    chat: ChatService, user_id: str, target: SessionTarget, said: MessageInput, *, ttl_seconds: int | None
) -> Turn:
    from shared.turns.saying import Said  # noqa: PLC0415 - where no model is configured nothing needs it
    from shared.turns.turns import turns_of  # noqa: PLC0415 - where no model is configured nothing needs it

    taken = await turns_of(chat).say(user_id, target, Said([said], ttl_seconds=ttl_seconds))
    try:
        answered = await taken.pending.answered()
    except ParleyError:  # the words are stored, and may have been removed again: refused, they would be said twice
        try:
            session = await chat.store.get(user_id, taken.session_id)
        except SessionNotFoundError:
            return Turn(taken.session_id, 0, reply=None)
        except StoreError:
            return Turn(taken.session_id, taken.message_count, reply=None)
        return Turn(session.id, session.message_count, reply=None)
    content = answered.reply.content
    return Turn(taken.session_id, answered.message_count, content if isinstance(content, str) else None)
