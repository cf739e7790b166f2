"""The leases that this instance takes: none is kept for a reply that nobody here makes, whatever breaks it off."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.errors import ParleyError, StoreError
from shared.models import Lease
from shared.store.port import SessionStore
from shared.turns.claiming import reply_id_for

MARGIN_SECONDS = 10  # after a turn's whole time, for the write of its reply
GIVING_BACK_SECONDS = 2  # then it is left to its end


class Leases:
    """Makes leases, and gives them back in tasks of their own, which go on when whoever asks for it is broken off."""

    def __init__(self, store: SessionStore, turn_seconds: int) -> None:
        """Make leases for replies that take at most so long."""
        self._store = store
        self.seconds = turn_seconds + MARGIN_SECONDS  # that a lease lasts which is not given back
        self._being_given_back: set[asyncio.Task[None]] = set()

    def new(self, place: tuple[str, str], message_id: str) -> Lease:
        """Return a lease that nobody had before, for the reply to a message."""
        until = int(time.time()) + self.seconds
        return Lease(reply_id=reply_id_for(*place, message_id), holder=secrets.token_hex(8), until=until)

    @contextmanager
    def taking(self, place: tuple[str, str], lease: Lease) -> Iterator[None]:
        """Have a lease given back where the write that takes it ends so that nobody knows whether it was done."""
        try:
            yield
        except (StoreError, asyncio.CancelledError):
            self._begin_to_give_back(place, lease)
            raise

    async def give_back(self, place: tuple[str, str], lease: Lease) -> None:
        """Give a lease back, so that sending the turn again asks at once; else it ends by itself."""
        await asyncio.shield(self._begin_to_give_back(place, lease))

    async def settle(self) -> None:
        """Return when all that were to be given back are, or are left to their end."""
        if self._being_given_back:
            await asyncio.wait(self._being_given_back)

    def _begin_to_give_back(self, place: tuple[str, str], lease: Lease) -> asyncio.Task[None]:
        task = asyncio.create_task(self._end(place, lease))
        self._being_given_back.add(task)
        task.add_done_callback(self._being_given_back.discard)
        return task

    async def _end(self, place: tuple[str, str], lease: Lease) -> None:
        with suppress(ParleyError, TimeoutError):
            async with asyncio.timeout(GIVING_BACK_SECONDS):
                await self._store.end_turn(*place, lease.holder)
