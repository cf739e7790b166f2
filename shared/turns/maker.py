"""Making one reply: read the window, ask the model, store the reply; its own task, whoever waits for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from typing import NamedTuple, TypeVar

from shared.errors import (
    ContentFilteredError,
    LeaseLostError,
    MessageConflictError,
    MessageNotFoundError,
    ModelError,
    ModelFailedError,
    ModelTimeoutError,
    NothingToAnswerError,
    PromptTooLongError,
    SessionArchivedError,
    SessionNotFoundError,
    StoreError,
    TurnInProgressError,
)
from shared.logs import event
from shared.model_settings import ModelSettings
from shared.models import JsonObject, Lease, Message, NewMessage, Replied, ReplyUsage, Session, utc_now
from shared.store.port import SessionStore
from shared.turns.asking import Question, Wishes
from shared.turns.chunks import Ended
from shared.turns.finding import is_same, require_newest
from shared.turns.leases import Leases
from shared.turns.making import Answered, Making
from shared.turns.model import Model
from shared.turns.window import MOST_MESSAGES, TokenRate, Window, fills, messages_for, prompt, window

LOOK_SECONDS = 5.0  # between two looks at the store, of a reply that takes longer: was it stopped, is its lease gone
STORE_PAUSES = (0.5, 1.0, 2.0, 4.0)  # before a paid reply is stored again: the store may be busy
MORE_AT_A_TIME = 4  # times as many messages are read where those that were are too little
SHORTER_TRIES = 3  # after the model found a prompt too long, each of half the size
TOLD = ("input_tokens", "output_tokens", "milliseconds")
MARGIN_TOKENS = 32  # for what a model puts around messages
Result = TypeVar("Result")


class Turn(NamedTuple):
    """A reply to be made: in which session (owner and id), to what, under which lease; `replaces` one that is there.

    `etag` is the session's after the write that stored what was `said` and took the lease; what was stored before has
    none, and is looked at again.
    """

    place: tuple[str, str]
    said: list[Message]
    lease: Lease
    wishes: Wishes
    replaces: bool = False
    etag: str | None = None

    @property
    def question(self) -> Message:
        """What the reply answers."""
        return self.said[-1]

    def is_asked_in(self, messages: Iterable[Message]) -> bool:
        """Return whether the question is among these."""
        return any(is_same(message, self.question) for message in messages)


class History(NamedTuple):
    """What is there to be sent of a session: its messages up to the question, oldest first.

    `left_out` counts the older ones that were not read.
    """

    messages: list[Message]
    left_out: int


class Workshop(NamedTuple):
    """What all replies of this instance share."""

    store: SessionStore
    settings: ModelSettings
    model: Model
    leases: Leases
    rate: TokenRate
    max_bytes: int


class Maker:
    """Makes one reply; the words that are asked about are stored, and the lease is held, when this begins."""

    def __init__(self, workshop: Workshop, turn: Turn, making: Making) -> None:
        """Make this reply, and put into `making` what comes."""
        self._shop = workshop
        self._turn = turn
        self._making = making
        self._history: JsonObject = {}

    async def run(self) -> Answered:
        """Make the reply and return it; where there is none, the lease is given back before this raises why."""
        try:
            answered = await self._make()
        except BaseException as error:
            event("turn", {"ended": type(error).__name__}, level=logging.WARNING)
            await self._give_back()
            raise
        _tell(answered.reply)
        return answered

    async def _make(self) -> Answered:
        started = time.monotonic()
        session, messages, has_more = await self._read()
        stored = next((message for message in messages if message.id == self._making.reply_id), None)
        if stored and not self._turn.replaces:
            await self._give_back()
            return Answered(self._turn.said, stored, session.message_count, session.etag)
        if not self._turn.is_asked_in(messages):
            return await self._explain_loss()
        if self._turn.replaces:
            if stored is None:
                return await self._explain_loss()
            require_newest(stored, messages)
            messages = [message for message in messages if message.seq < stored.seq]
        elif self._turn.etag is None:  # looked at before the lease was held, too; another turn may have come between
            require_newest(self._turn.question, messages)
        older = session.message_count - len(messages) - self._turn.replaces if has_more else 0
        question = Question(self._shop.settings, self._turn.wishes, session.channel)
        ended = await self._asked(question, History(messages, max(0, older)))
        self._making.is_paid = True  # where it broke off, too
        milliseconds = round((time.monotonic() - started) * 1000)
        return await self._store(self._told(question, ended, milliseconds), ended)

    async def _read(self) -> tuple[Session, list[Message], bool]:
        """Return the session, its newest messages, oldest first, and whether there are more.

        They are as many as a window takes, if they are as long as most; more where that is too little.
        """
        budget = self._shop.rate.bytes_for(self._shop.settings.context_tokens - self._shop.settings.max_tokens)
        limit = messages_for(budget)
        while True:
            session, page = await self._shop.store.read(*self._turn.place, limit, as_of=self._turn.etag)
            messages = page.messages[::-1]
            is_enough = self._turn.is_asked_in(messages) and fills(messages, budget)
            if is_enough or not page.has_more or len(messages) < limit or limit == MOST_MESSAGES:
                return session, messages, page.has_more
            limit = min(MOST_MESSAGES, limit * MORE_AT_A_TIME)

    async def _asked(self, question: Question, history: History) -> Ended:
        """Read the reply to its end, or to where it broke off if it had begun; raises ModelError where it had not."""
        reading = asyncio.ensure_future(self._read_reply(question, history))
        self._making.on_stop(reading.cancel)
        looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(self._shop.settings.timeout_seconds):
                return await reading
        except asyncio.CancelledError:
            if not self._making.is_stopped or not reading.cancelled():
                raise
            return Ended("stopped")
        except TimeoutError:
            return self._broken_off(ModelTimeoutError())
        except ModelError as error:
            return self._broken_off(error)
        finally:
            looking.cancel()

    def _broken_off(self, error: ModelError) -> Ended:
        if self._turn.replaces or not self._making.text:
            raise error
        return Ended(error.finish_reason)

    async def _read_reply(self, question: Question, history: History) -> Ended:
        """Ask with as much of the history as fits, with less where the model finds that too long.

        Raises NothingToAnswerError where nothing of what was said is anything to a model.
        """
        settings, rate = self._shop.settings, self._shop.rate
        budget = rate.bytes_for(settings.context_tokens - question.max_tokens - MARGIN_TOKENS) - question.size
        for tried in range(SHORTER_TRIES + 1):
            # First the question as it is: sizes are guessed.
            found = window(history.messages, budget, begins_whole=not history.left_out, may_cut=tried > 0)
            if found.ids.isdisjoint(message.id for message in self._turn.said):
                raise NothingToAnswerError
            left_out = history.left_out + len(history.messages) - found.sent
            self._history = {"messages": found.sent, "left_out": left_out + found.cut}
            try:
                ended = await self._stream(question, found)
            except PromptTooLongError as error:
                rate.was_too_low()
                budget = min(budget, found.size) // 2
                if tried == SHORTER_TRIES:
                    raise ModelFailedError from error
            else:
                self._making.is_paid = True
                return ended
        raise AssertionError

    async def _stream(self, question: Question, found: Window) -> Ended:
        size = 0
        async with aclosing(self._shop.model.stream(question.asked(prompt(question.instructions, found)))) as events:
            async for event in events:
                if isinstance(event, Ended):
                    if event.tokens:
                        self._shop.rate.learn(found.size + question.size, event.tokens.input)
                    return self._whole(event)
                room = self._shop.max_bytes - size
                size += len(event.encode())
                if size > self._shop.max_bytes:
                    self._making.add(event.encode()[:room].decode(errors="ignore"))
                    return Ended("length")
                self._making.add(event)
        raise ModelFailedError

    def _whole(self, ended: Ended) -> Ended:
        """Return how it ended, if it says something; raises ModelError where nothing came."""
        if self._making.text or ended.calls:
            return ended
        raise ContentFilteredError if ended.finish_reason == "content_filter" else ModelFailedError

    async def _look(self) -> None:
        """Look now and then whether somebody has stopped the turn on another instance, or taken it away."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(StoreError):  # the next look may be answered
                if await self._is_over_elsewhere():
                    self._making.stop()
                    return

    async def _is_over_elsewhere(self) -> bool:
        try:
            lease = (await self._shop.store.get(*self._turn.place)).lease
        except SessionNotFoundError:
            return True
        return lease is None or lease.holder != self._turn.lease.holder or lease.is_stopped

    def _told(self, question: Question, ended: Ended, milliseconds: int) -> JsonObject:
        """Return what the reply's metadata say of it."""
        return {
            "model": ended.model or question.model,
            "finish_reason": ended.finish_reason,
            "input_tokens": ended.tokens.input if ended.tokens else None,
            "output_tokens": ended.tokens.output if ended.tokens else None,
            "milliseconds": milliseconds,
            "history": self._history,
        }

    async def _store(self, told: JsonObject, ended: Ended) -> Answered:
        """Store the reply where it still has its place; whose reply is there first, counts."""
        reply = NewMessage(
            id=self._making.reply_id,
            role="assistant",
            content=self._making.text,
            created_at=utc_now(),
            function_calls=[*ended.calls],
            metadata={"reply": told},
        )
        tokens = ended.tokens
        usage = ReplyUsage(
            replies=1, input_tokens=tokens.input if tokens else 0, output_tokens=tokens.output if tokens else 0
        )
        replied = Replied(holder=self._turn.lease.holder, usage=usage)
        try:
            if self._turn.replaces:
                return await self._replace(reply, replied)
            appended = await _patiently(lambda: self._shop.store.append(*self._turn.place, [reply], turn=replied))
        except (LeaseLostError, MessageConflictError):
            return await self._explain_loss()
        return Answered(self._turn.said, appended.messages[0], appended.message_count, appended.etag)

    async def _replace(self, reply: NewMessage, replied: Replied) -> Answered:
        if self._making.is_stopped:
            return await self._explain_loss()

        def change(found: Message) -> Message:
            earlier = found.metadata.get("reply")
            count = earlier.get("regenerated", 0) if isinstance(earlier, dict) else 0
            told = {"reply": {**reply.metadata["reply"], "regenerated": count + 1}}
            return found.replaced_by(reply.model_copy(update={"metadata": told})).model_copy(update={"feedback": None})

        edited = await _patiently(
            lambda: self._shop.store.edit_message(*self._turn.place, reply.id, change, turn=replied)
        )
        session = await self._shop.store.get(*self._turn.place)
        return Answered(self._turn.said, edited.message, session.message_count, edited.etag)

    async def _explain_loss(self) -> Answered:
        """Give the lease back, and return the reply that is there in place of this one; raises why there is none."""
        await self._give_back()
        session = await self._shop.store.get(*self._turn.place)
        if not self._turn.is_asked_in([await self._shop.store.get_message(*self._turn.place, self._turn.question.id)]):
            raise MessageNotFoundError
        with suppress(MessageNotFoundError):
            reply = await self._shop.store.get_message(*self._turn.place, self._making.reply_id)
            return Answered(self._turn.said, reply, session.message_count, session.etag)
        if session.status != "active":
            raise SessionArchivedError
        raise TurnInProgressError(self._making.reply_id, 1)

    async def _give_back(self) -> None:
        await self._shop.leases.give_back(self._turn.place, self._turn.lease)


def _tell(reply: Message) -> None:
    """Log what a reply says that it took: numbers alone, as anybody may have stored it."""
    metadata = reply.metadata.get("reply")
    told = metadata if isinstance(metadata, dict) else {}
    numbers = {name: told[name] for name in TOLD if isinstance(told.get(name), int)}
    event("turn", {"ended": "answered", **numbers})


async def _patiently(write: Callable[[], Awaitable[Result]]) -> Result:
    """Write what was paid for; while the store is busy or away, again for some seconds."""
    for pause in STORE_PAUSES:
        try:
            return await write()
        except StoreError as error:
            await asyncio.sleep(max(pause, min(error.retry_after_seconds, 2 * pause)))
    return await write()
