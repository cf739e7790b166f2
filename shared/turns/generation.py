"""PendingReply one reply: read the window, ask the model, store the reply; its own task, whoever waits for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TypeVar

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
from shared.models import JsonObject, Message, NewMessage, Replied, ReplyUsage, Session, utc_now
from shared.turns.chunks import Ended
from shared.turns.finding import asked_in, require_newest
from shared.turns.options import ModelRequest
from shared.turns.pending import Answered, PendingReply
from shared.turns.request import History, ReplyRequest, Resources
from shared.turns.window import MOST_MESSAGES, Window, fills, messages_for, prompt, window

LOOK_SECONDS = 5.0  # between two looks at the store, of a reply that takes longer: was it stopped, is its lease gone
STORE_PAUSES = (0.5, 1.0, 2.0, 4.0)  # before a paid reply is stored again: the store may be busy
MORE_AT_A_TIME = 4  # times as many messages are read where those that were are too little
SHORTER_TRIES = 3  # after the model found a prompt too long, each of half the size
TOLD = ("input_tokens", "output_tokens", "milliseconds")
MARGIN_TOKENS = 32  # for what a model puts around messages
Result = TypeVar("Result")


class Generation:
    """Makes one reply; the words that are asked about are stored, and the lease is held, when this begins."""

    def __init__(self, resources: Resources, request: ReplyRequest, pending: PendingReply) -> None:
        """Make this reply, and put into `pending` what comes."""
        self._resources = resources
        self._request = request
        self._pending = pending
        self._history: JsonObject = {"messages": 0, "left_out": 0}

    async def run(self) -> Answered:
        """Make the reply and return it; where there is none, the lease is given back before this raises why."""
        try:
            answered = await self._make()
        except BaseException as error:
            event("turn", {"ended": type(error).__name__}, level=logging.WARNING)
            await self._release()
            raise
        _tell(answered.reply)
        return answered

    async def _make(self) -> Answered:
        started = time.monotonic()
        session, messages, has_more = await self._read()
        stored = next((message for message in messages if message.id == self._pending.reply_id), None)
        if stored and not self._request.replaces:
            await self._release()
            return Answered(self._request.said, stored, session.message_count, session.etag)
        if not self._request.is_asked_in(messages):
            return await self._explain_loss()
        if self._request.replaces:
            if stored is None:
                return await self._explain_loss()
            require_newest(stored, messages)
            messages = [message for message in messages if message.seq < stored.seq]
        elif self._request.etag is None:  # looked at before the lease was held, too; another turn may have come between
            require_newest(self._request.question, messages)
        older = session.message_count - len(messages) - self._request.replaces if has_more else 0
        asked = ModelRequest(self._resources.settings, self._request.options, session.channel)
        ended = await self._asked(asked, History(messages, max(0, older)))
        self._pending.is_paid = True  # where it broke off, too
        milliseconds = round((time.monotonic() - started) * 1000)
        return await self._store(self._told(asked, ended, milliseconds), ended)

    async def _read(self) -> tuple[Session, list[Message], bool]:
        """Return the session, its newest messages, oldest first, and whether there are more.

        They are as many as a window takes, if they are as long as most; more where that is too little.
        """
        budget = self._resources.rate.bytes_for(
            self._resources.settings.context_tokens - self._resources.settings.max_tokens
        )
        limit = messages_for(budget)
        while True:
            session, page = await self._resources.store.read(*self._request.place, limit, as_of=self._request.etag)
            messages = page.messages[::-1]
            is_enough = self._request.is_asked_in(messages) and fills(messages, budget)
            if is_enough or not page.has_more or len(messages) < limit or limit == MOST_MESSAGES:
                return session, messages, page.has_more
            limit = min(MOST_MESSAGES, limit * MORE_AT_A_TIME)

    async def _asked(self, asked: ModelRequest, history: History) -> Ended:
        """Read the reply to its end, or to where it broke off if it had begun; raises ModelError where it had not."""
        reading = asyncio.ensure_future(self._read_reply(asked, history))
        self._pending.on_stop(reading.cancel)
        looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(self._resources.settings.timeout_seconds):
                return await reading
        except asyncio.CancelledError:
            if not self._pending.is_stopped or not reading.cancelled():
                raise
            return Ended("stopped")
        except TimeoutError:
            return self._broken_off(ModelTimeoutError())
        except ModelError as error:
            return self._broken_off(error)
        finally:
            looking.cancel()

    def _broken_off(self, error: ModelError) -> Ended:
        if self._request.replaces or not self._pending.text:
            raise error
        return Ended(error.finish_reason)

    async def _read_reply(self, asked: ModelRequest, history: History) -> Ended:
        """Ask with as much of the history as fits, with less where the model finds that too long.

        Raises NothingToAnswerError where nothing of what is asked is anything to a model.
        """
        settings, rate = self._resources.settings, self._resources.rate
        budget = rate.bytes_for(settings.context_tokens - asked.max_tokens - MARGIN_TOKENS) - asked.size
        for tried in range(SHORTER_TRIES + 1):
            found = self._window(history, budget, may_cut=tried > 0)  # first as it is: sizes are guessed
            left_out = history.left_out + len(history.messages) - found.sent
            self._history = {"messages": found.sent, "left_out": left_out + found.cut}
            try:
                ended = await self._stream(asked, found)
            except PromptTooLongError as error:
                rate.was_too_low()
                budget = min(budget, found.size) // 2
                if tried == SHORTER_TRIES:
                    raise ModelFailedError from error
            else:
                self._pending.is_paid = True
                return ended
        raise AssertionError

    def _window(self, history: History, budget: int, *, may_cut: bool) -> Window:
        """Return what is sent: up to the question alone, where what others said since would leave that no room."""
        up_to_question = [message for message in history.messages if message.seq <= self._request.question.seq]
        asked = {message.id for message in asked_in(up_to_question)}
        for messages in (history.messages, up_to_question):
            found = window(messages, budget, begins_whole=not history.left_out, may_cut=may_cut)
            if found.ids & asked:
                return found
        raise NothingToAnswerError

    async def _stream(self, asked: ModelRequest, found: Window) -> Ended:
        size = 0
        async with aclosing(self._resources.model.stream(asked.body(prompt(asked.instructions, found)))) as events:
            async for event in events:
                if isinstance(event, Ended):
                    if event.tokens:
                        self._resources.rate.learn(found.size + asked.size, event.tokens.input)
                    return self._whole(event)
                room = self._resources.max_bytes - size
                size += len(event.encode())
                if size > self._resources.max_bytes:
                    self._pending.add(event.encode()[:room].decode(errors="ignore"))
                    return Ended("length")
                self._pending.add(event)
        raise ModelFailedError

    def _whole(self, ended: Ended) -> Ended:
        """Return how it ended, if it says something; raises ModelError where nothing came."""
        if self._pending.text or ended.calls:
            return ended
        raise ContentFilteredError if ended.finish_reason == "content_filter" else ModelFailedError

    async def _look(self) -> None:
        """Look now and then whether somebody has stopped the turn on another instance, or taken it away."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(StoreError):  # the next look may be answered
                if await self._is_over_elsewhere():
                    self._pending.stop()
                    return

    async def _is_over_elsewhere(self) -> bool:
        try:
            lease = await self._resources.leases.held(self._request.place, self._request.lease.holder)
        except SessionNotFoundError:
            return True
        return lease is None or lease.is_stopped

    def _told(self, asked: ModelRequest, ended: Ended, milliseconds: int) -> JsonObject:
        """Return what the reply's metadata say of it."""
        return {
            "model": ended.model or asked.model,
            "finish_reason": ended.finish_reason,
            "input_tokens": ended.tokens.input if ended.tokens else None,
            "output_tokens": ended.tokens.output if ended.tokens else None,
            "milliseconds": milliseconds,
            "history": self._history,
        }

    async def _store(self, told: JsonObject, ended: Ended) -> Answered:
        """Store the reply where it still has its place; whose reply is there first, counts."""
        reply = NewMessage(
            id=self._pending.reply_id,
            role="assistant",
            content=self._pending.text,
            created_at=utc_now(),
            function_calls=[*ended.calls],
            metadata={"reply": told},
        )
        tokens = ended.tokens
        usage = ReplyUsage(
            replies=1, input_tokens=tokens.input if tokens else 0, output_tokens=tokens.output if tokens else 0
        )
        replied = Replied(holder=self._request.lease.holder, usage=usage)
        try:
            if self._request.replaces:
                return await self._replace(reply, replied)
            appended = await _patiently(
                lambda: self._resources.store.append(*self._request.place, [reply], turn=replied)
            )
        except (LeaseLostError, MessageConflictError):
            return await self._explain_loss()
        return Answered(self._request.said, appended.messages[0], appended.message_count, appended.etag)

    async def _replace(self, reply: NewMessage, replied: Replied) -> Answered:
        if self._pending.is_stopped:
            return await self._explain_loss()

        def change(found: Message) -> Message:
            earlier = found.metadata.get("reply")
            count = earlier.get("regenerated", 0) if isinstance(earlier, dict) else 0
            told = {"reply": {**reply.metadata["reply"], "regenerated": count + 1}}
            return found.replaced_by(reply.model_copy(update={"metadata": told})).model_copy(update={"feedback": None})

        edited = await _patiently(
            lambda: self._resources.store.edit_message(*self._request.place, reply.id, change, turn=replied)
        )
        session = await self._resources.store.get(*self._request.place)
        return Answered(self._request.said, edited.message, session.message_count, edited.etag)

    async def _explain_loss(self) -> Answered:
        """Give the lease back, and return the reply that is there in place of this one; raises why there is none."""
        await self._release()
        session = await self._resources.store.get(*self._request.place)
        if not self._request.is_asked_in(
            [await self._resources.store.get_message(*self._request.place, self._request.question.id)]
        ):
            raise MessageNotFoundError
        with suppress(MessageNotFoundError):
            reply = await self._resources.store.get_message(*self._request.place, self._pending.reply_id)
            return Answered(self._request.said, reply, session.message_count, session.etag)
        if session.status != "active":
            raise SessionArchivedError
        raise TurnInProgressError(self._pending.reply_id, 1)

    async def _release(self) -> None:
        await self._resources.leases.release(self._request.place, self._request.lease)


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
