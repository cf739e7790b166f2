"""Replies that are being made, as this instance sees them: whoever waits for one follows its buffer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from shared.models import JsonObject, Message

if TYPE_CHECKING:
    from shared.turns.options import CallerOptions

How = Literal["started", "joined", "found"]


class Answered(NamedTuple):
    """A reply that is stored, what it answers, how much the session has then, and its etag if that is known."""

    messages: list[Message]
    reply: Message
    message_count: int
    etag: str | None = None


class PendingReply:
    """One reply, from its first word to its place in the store; `text` grows, `outcome` comes last.

    Nobody who follows it has any part in it: they may come late, go early, or be none. `holder` is that of the lease
    under which this instance makes it; None where another does, or where it is over. Of one that is made elsewhere
    `repeat` is what somebody waits for who sent the turn again: it is taken here where nothing comes of it there.
    """

    def __init__(
        self, reply_id: str, said: list[Message] | None = None, *, holder: str | None = None, replaces: bool = False
    ) -> None:
        """Begin a reply to what was `said`; it `replaces` one that is stored until this one is."""
        self.reply_id = reply_id
        self.said = said or []
        self.holder = holder
        self.replaces = replaces
        self.text = ""
        self.calls: list[JsonObject] = []
        self.outcome: Answered | Exception | None = None
        self.is_stopped = False
        self.is_paid = False  # the model has ended, and what is left to do is to store the reply
        self.repeat: tuple[list[Message], CallerOptions] | None = None
        self.task: asyncio.Task[Answered] | None = None
        self._followers = 0
        self._stop: Callable[[], object] | None = None
        self._changed = asyncio.Event()

    @classmethod
    def of(cls, answered: Answered) -> "PendingReply":
        """Return one that was over before anybody asked."""
        pending = cls(answered.reply.id, answered.messages)
        pending.finish(answered)
        return pending

    def take_over(self, holder: str) -> bool:
        """Let this instance make it, where another has failed; return whether anybody wants that still."""
        if self.is_stopped and not self._followers:
            return False
        self.holder, self.is_stopped, self._stop = holder, False, None
        return True

    def add(self, text: str) -> None:
        """Let the reply go on with this."""
        self.text += text
        self._tell()

    def finish(self, outcome: Answered | Exception) -> None:
        """Let it be over; what is stored counts, whatever came before."""
        if isinstance(outcome, Answered):
            content = outcome.reply.content
            self.text = content if isinstance(content, str) else self.text
            self.calls = [call for call in outcome.reply.function_calls if isinstance(call, dict)]
        self.outcome = outcome
        self._tell()

    def on_stop(self, stop: Callable[[], object]) -> None:
        """Call this when somebody asks for an end; at once if somebody has."""
        self._stop = stop
        if self.is_stopped:
            stop()

    def stop(self) -> None:
        """Ask for an end with what there is."""
        self.is_stopped = True
        if self._stop is not None:
            self._stop()

    @contextmanager
    def followed(self, *, stop_if_left: bool = False) -> Iterator[None]:
        """Follow it in this block; who leaves before its end may have it stopped."""
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if stop_if_left and self.outcome is None:
                self.stop()

    async def changed(self, seconds: float) -> bool:
        """Return whether there was news within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def answered(self) -> Answered:
        """Return the reply once it is stored; raises what kept it from that."""
        with self.followed():
            while self.outcome is None:
                await self._changed.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def _tell(self) -> None:
        told, self._changed = self._changed, asyncio.Event()
        told.set()


class Taken(NamedTuple):
    """A turn that was taken: in which session, what was said in it, how its reply comes, and where it is followed.

    `message_count` is how many messages the session had when this one stored what was said.
    """

    session_id: str
    messages: list[Message]
    how: How
    pending: PendingReply
    message_count: int = 0
