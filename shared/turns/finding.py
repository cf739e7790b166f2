"""The reply to a question that is stored, or that there is none and may still be one."""

from collections.abc import Sequence

from shared.errors import MessageNotFoundError, TurnNotNewestError
from shared.models import Message
from shared.store.port import SessionStore
from shared.turns.pending import Answered

NEWEST = 50  # messages among which a question is looked for that is to be answered again
SPEAKS = {"user", "assistant", "tool"}


def require_newest(message: Message, messages: Sequence[Message]) -> None:
    """Raise TurnNotNewestError where somebody spoke after a message: a reply would stand in the wrong place."""
    if any(other.seq > message.seq and other.role in SPEAKS for other in messages):
        raise TurnNotNewestError


def asked_in(messages: Sequence[Message]) -> list[Message]:
    """Return what the last of these, oldest first, asks together with what was said just before by users and tools."""
    since = next((place for place, each in enumerate(reversed(messages)) if each.role == "assistant"), len(messages))
    newest = messages[len(messages) - since :]
    return [message for message in newest if message.role in {"user", "tool", messages[-1].role}]


def is_same(message: Message, other: Message) -> bool:
    """Return whether two are the same message, edited or not; an id may be given again once its message is removed."""
    return (message.id, message.seq, message.created_at) == (other.id, other.seq, other.created_at)


async def find_reply(
    store: SessionStore, place: tuple[str, str], said: list[Message], reply_id: str
) -> Answered | None:
    """Return the reply that is stored, None without; raises TurnNotNewestError where more was said since."""
    session, page = await store.read(*place, NEWEST)
    reply = next((message for message in page.messages if message.id == reply_id), None)
    try:
        reply = reply or await store.get_message(*place, reply_id)
    except MessageNotFoundError:
        require_newest(said[-1], page.messages)
        return None
    return Answered(said, reply, session.message_count, session.etag)
