"""The replies that this instance makes or waits for, each in a task of its own, and the room there is for them."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Self

from shared.errors import ModelFailedError, ModelThrottledError, ParleyError
from shared.freshness import current_freshness, fresh_as
from shared.logs import trace
from shared.turns.pending import Answered, PendingReply

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 5
CLOSING_STEP_SECONDS = 0.01


class Slot:
    """Room for one reply, kept to the end of a block, or to that of a task; `is_free` where there is none."""

    def __init__(self, room: "RepliesInProgress", *, is_free: bool) -> None:
        """Take the room, if there is any."""
        self.is_free = is_free
        self._room = room
        self._is_taken = is_free
        self._is_kept = False
        room.slots_taken += is_free

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._is_kept:
            self.release()

    def keep(self) -> None:
        """Keep it when the block ends, until it is given back."""
        self._is_kept = True

    def release(self) -> None:
        """Make room for another; once."""
        self._room.slots_taken -= self._is_taken
        self._is_taken = False


class RepliesInProgress:
    """Runs what makes or awaits replies, so that whoever asks for one finds it, and lets as many be made as may be."""

    def __init__(self, concurrency: int) -> None:
        """Let so many replies be made here at once."""
        self._concurrency = concurrency
        self._running = set[PendingReply]()
        self._newest: dict[tuple[str, str, str], PendingReply] = {}  # of each id; one before it may not have ended yet
        self.slots_taken = 0
        self.is_closing = False

    def find(self, place: tuple[str, str], reply_id: str) -> PendingReply | None:
        """Return the reply of that id, if it is made or waited for here and that is not over."""
        pending = self._newest.get((*place, reply_id))
        return pending if pending and pending.task and not pending.task.done() else None

    def forget(self, place: tuple[str, str], pending: PendingReply) -> None:
        """Let nobody find it any more; it goes on to its end."""
        if self._newest.get((*place, pending.reply_id)) is pending:
            del self._newest[*place, pending.reply_id]

    def slot(self) -> Slot:
        """Return room for one more reply; raises ModelThrottledError where there is none, or all is over."""
        slot = self.slot_if_free()
        if not slot.is_free:
            raise ModelThrottledError(1)
        return slot

    def slot_if_free(self) -> Slot:
        """Return room for one more reply if there is any."""
        return Slot(self, is_free=not self.is_closing and self.slots_taken < self._concurrency)

    def run(
        self,
        pending: PendingReply,
        place: tuple[str, str],
        work: Coroutine[None, None, Answered],
        slot: Slot | None = None,
    ) -> None:
        """Let a task of its own fill `pending`, which is over when the task is, however that ends; so is its slot."""
        self._newest[*place, pending.reply_id] = pending
        self._running.add(pending)
        if slot:
            slot.keep()
        with fresh_as(current_freshness().token):  # it sees what its request has seen, and goes on from there
            pending.task = asyncio.create_task(work)

        def done(task: asyncio.Task[Answered]) -> None:
            if slot:
                slot.release()
            self._running.discard(pending)
            self.forget(place, pending)
            pending.finish(_outcome_of(task))

        pending.task.add_done_callback(done)

    async def close(self) -> None:
        """Begin nothing more, and break off what is being made; what is paid for has CLOSING_SECONDS to be stored."""
        self.is_closing = True
        ends = time.monotonic() + CLOSING_SECONDS
        broken_off = set[PendingReply]()
        while self._running or self.slots_taken:
            is_late = time.monotonic() >= ends
            if is_late and not self._running:
                break  # what is at the store still has nothing to be broken off
            begun = self._running - broken_off
            await asyncio.sleep(CLOSING_STEP_SECONDS)  # a task that had not begun would do nothing at its end either
            for pending in begun:
                if pending.task and (is_late or not pending.is_paid):
                    pending.task.cancel()
                    broken_off.add(pending)


def _outcome_of(task: asyncio.Task[Answered]) -> Answered | ParleyError:
    """Return how a task has ended, as callers are told; one that was broken off, or has a fault, is a failed model."""
    if task.cancelled():
        return ModelFailedError()
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ParleyError):
        return error
    logger.error("a turn failed\n%s", trace(error))  # its text may hold what was said
    return ModelFailedError()
