"""A reply that another instance makes: its end is waited for in the store, because its words are only there."""

import asyncio
import time

from shared.errors import MessageNotFoundError, StoreError
from shared.models import Message, Session
from shared.store.port import SessionStore
from shared.turns.making import Answered

FIRST_SECONDS = 0.1  # between two looks, longer from one to the next
MOST_SECONDS = 1.0


async def wait_for(store: SessionStore, place: tuple[str, str], said: list[Message], reply_id: str) -> Answered | None:
    """Return the reply once it is there; None when the lease for it is over and it is not, whatever the reason."""
    session = await _last_seen(store, place, reply_id)
    try:
        reply = await store.get_message(*place, reply_id)
    except MessageNotFoundError:  # it failed there, or that instance is gone
        return None
    return Answered(said, reply, session.message_count, session.etag)


async def _last_seen(store: SessionStore, place: tuple[str, str], reply_id: str) -> Session:
    """Look until nobody makes the reply any more, and return the session as it is then."""
    seconds = FIRST_SECONDS
    while True:
        await asyncio.sleep(seconds)
        seconds = min(1.5 * seconds, MOST_SECONDS)
        try:
            session = await store.get(*place)
        except StoreError:
            continue  # it may be back before the reply is
        if not _is_making(session, reply_id):
            await store.catch_up(*place)  # what says so may be a replica that is behind
            session = await store.get(*place)
            if not _is_making(session, reply_id):
                return session


def _is_making(session: Session, reply_id: str) -> bool:
    lease = session.lease
    return lease is not None and lease.reply_id == reply_id and not lease.is_over(time.time())
