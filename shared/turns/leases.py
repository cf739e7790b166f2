"""The leases that this instance takes; what breaks off the work that one was taken for has it given back."""

import asyncio
import json
import logging
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from shared.errors import ParleyError, StoreError
from shared.idempotency import NAMESPACE
from shared.logs import trace
from shared.models import Lease
from shared.store.port import SessionStore

logger = logging.getLogger(__name__)

MARGIN_SECONDS = 10  # after a turn's whole time, for the write of its reply
TELLING_SECONDS = 2  # then it is left to its end


def reply_id_for(user_id: str, session_id: str, message_id: str) -> str:
    """Return the id of the reply to a message: the same wherever, and whenever, it is made."""
    return str(uuid.uuid5(NAMESPACE, json.dumps([user_id, session_id, message_id, "reply"])))


class Leases:
    """Makes leases, and gives them back in tasks of their own, which go on when whoever asks for it is broken off."""

    def __init__(self, store: SessionStore, turn_seconds: int) -> None:
        """Make leases for replies that take at most so long."""
        self._store = store
        self.seconds = turn_seconds + MARGIN_SECONDS  # that a lease lasts which is not given back
        self._being_told: set[asyncio.Task[None]] = set()

    def new(self, place: tuple[str, str], message_id: str) -> Lease:
        """Return a lease that nobody had before, for the reply to a message."""
        until = int(time.time()) + self.seconds
        return Lease(reply_id=reply_id_for(*place, message_id), holder=secrets.token_hex(8), until=until)

    async def acquire(self, place: tuple[str, str], lease: Lease) -> None:
        """Take a lease that no append takes; see SessionStore.hold_turn."""
        with self.taking(place, lease):
            await self._store.hold_turn(*place, lease)

    @contextmanager
    def taking(self, place: tuple[str, str], lease: Lease) -> Iterator[None]:
        """Have a lease given back where the write that takes it ends so that nobody knows whether it was done."""
        try:
            yield
        except (StoreError, asyncio.CancelledError):
            self._begin(lambda: self._store.end_turn(*place, lease.holder))
            raise

    async def release(self, place: tuple[str, str], lease: Lease) -> None:
        """Give a lease back, so that sending the turn again asks at once; else it ends by itself."""
        await asyncio.shield(self._begin(lambda: self._store.end_turn(*place, lease.holder)))

    async def held(self, place: tuple[str, str], holder: str) -> Lease | None:
        """Return the session's lease if it is this holder's; None is said of its newest state alone."""
        lease = (await self._store.get(*place)).lease
        if lease is None or lease.holder != holder:
            await self._store.catch_up(*place)  # what says so may be a replica that is late
            lease = (await self._store.get(*place)).lease
        return lease if lease and lease.holder == holder else None

    def stop(self, place: tuple[str, str], reply_id: str) -> None:
        """Ask whoever makes a reply elsewhere to end with what there is."""
        self._begin(lambda: self._store.stop_turn(*place, reply_id))

    async def settle(self) -> None:
        """Return when all that were to be given back are, or are left to their end."""
        if self._being_told:
            await asyncio.wait(self._being_told)

    def _begin(self, tell: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
        task = asyncio.create_task(_told(tell))
        self._being_told.add(task)
        task.add_done_callback(self._being_told.discard)
        return task


async def _told(tell: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(TELLING_SECONDS):
            await tell()
    except (ParleyError, TimeoutError):
        pass
    except Exception as error:  # noqa: BLE001 - a task's own boundary: it must not hide why the lease goes
        logger.error("the store was not told of a lease's end\n%s", trace(error))  # noqa: TRY400 - may name a session
