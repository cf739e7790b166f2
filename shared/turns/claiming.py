"""The right to answer what is stored: its reply if it has one, else the lease to make it."""

from collections.abc import Sequence

from shared.errors import MessageNotFoundError, TurnNotNewestError
from shared.models import Lease, Message
from shared.store.port import SessionStore
from shared.turns.leases import Leases
from shared.turns.making import Answered

NEWEST = 50  # messages among which a question is looked for that is to be answered again
SPEAKS = {"user", "assistant", "tool"}


def require_newest(question: Message, messages: Sequence[Message]) -> None:
    """Raise TurnNotNewestError where somebody spoke behind a question: its reply would stand in the wrong place."""
    if any(message.seq > question.seq and message.role in SPEAKS for message in messages):
        raise TurnNotNewestError


async def claim(
    store: SessionStore, leases: Leases, place: tuple[str, str], said: list[Message], lease: Lease
) -> Answered | None:
    """Return the reply that is stored; None where there was none, and the lease is held now.

    Raises TurnNotNewestError where more was said since, TurnInProgressError where somebody else holds a lease.
    """
    session, page = await store.read(*place, NEWEST)
    try:
        reply = await _among(store, place, page.messages, lease.reply_id)
    except MessageNotFoundError:
        pass
    else:
        return Answered(said, reply, session.message_count, session.etag)
    require_newest(said[-1], page.messages)
    await leases.hold(place, lease)
    return None


async def _among(store: SessionStore, place: tuple[str, str], newest: Sequence[Message], message_id: str) -> Message:
    found = next((message for message in newest if message.id == message_id), None)
    return found or await store.get_message(*place, message_id)
