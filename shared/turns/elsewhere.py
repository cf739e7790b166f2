"""A reply that another instance makes: its end is waited for in the store, because its words are only there."""

import asyncio
import time

from shared.errors import MessageNotFoundError, StoreError
from shared.models import Message, Session
from shared.store.port import SessionStore
from shared.turns.pending import Answered

FIRST_SECONDS = 0.1  # between two looks, longer from one to the next
MOST_SECONDS = 1.0


async def wait_for(
    store: SessionStore, place: tuple[str, str], said: list[Message], reply_id: str, *, lease_seconds: float
) -> Answered | None:
    """Return the reply once it is there; None when nobody makes it and it is not, whatever the reason.

    A store that is away may be back before the reply is; StoreError is raised if it is away for as long as leases last.
    """
    answered_at = time.monotonic()
    seconds = FIRST_SECONDS
    while True:
        await asyncio.sleep(seconds)
        seconds = min(1.5 * seconds, MOST_SECONDS)
        try:
            if session := await _if_left(store, place, reply_id):
                reply = await store.get_message(*place, reply_id)
                return Answered(said, reply, session.message_count, session.etag)
            answered_at = time.monotonic()
        except MessageNotFoundError:  # it failed there, or that instance is gone
            return None
        except StoreError:
            if time.monotonic() >= answered_at + lease_seconds:
                raise


async def _if_left(store: SessionStore, place: tuple[str, str], reply_id: str) -> Session | None:
    """Return the session if nobody makes the reply, as is known of its newest state alone."""
    session = await store.get(*place)
    if not _is_making(session, reply_id):
        await store.catch_up(*place)  # what says so may be a replica that is behind
        session = await store.get(*place)
    return None if _is_making(session, reply_id) else session


def _is_making(session: Session, reply_id: str) -> bool:
    lease = session.lease
    return lease is not None and lease.reply_id == reply_id and not lease.is_over(time.time())
