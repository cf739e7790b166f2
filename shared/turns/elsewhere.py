"""A reply that another instance makes: its end is waited for in the store, because its words are only there."""

import asyncio
import time

from shared.errors import MessageNotFoundError, ModelFailedError, ParleyError, StoreError
from shared.models import Message, Session
from shared.store.port import SessionStore
from shared.turns.making import Answered, Making

FIRST_SECONDS = 0.1  # between two looks, longer from one to the next
MOST_SECONDS = 1.0


async def wait_for(store: SessionStore, place: tuple[str, str], said: list[Message], making: Making) -> None:
    """Look for the reply until it is there, or until the lease for it is over; `making` says which."""
    outcome: Answered | Exception = ModelFailedError()
    try:
        outcome = await _look(store, place, said, making.reply_id)
    except ParleyError as error:
        outcome = error
    finally:
        making.finish(outcome)


async def _look(store: SessionStore, place: tuple[str, str], said: list[Message], reply_id: str) -> Answered:
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
                break
    try:
        reply = await store.get_message(*place, reply_id)
    except MessageNotFoundError as error:  # it failed there, or that instance is gone
        raise ModelFailedError from error
    return Answered(said, reply, session.message_count, session.etag)


def _is_making(session: Session, reply_id: str) -> bool:
    lease = session.lease
    return lease is not None and lease.reply_id == reply_id and not lease.is_over(time.time())
