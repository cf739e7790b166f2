"""Turns: what is said is stored, then the model is asked, then its reply is stored; whoever repeats finds or joins."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from shared.errors import (
    MessageNotFoundError,
    ModelFailedError,
    ModelThrottledError,
    NoResponderError,
    NothingToAnswerError,
    ParleyError,
    PreconditionFailedError,
    SessionNotFoundError,
    TurnInProgressError,
    TurnNotNewestError,
)
from shared.freshness import current_freshness, fresh_as
from shared.idempotency import IdempotencyKey
from shared.logs import trace
from shared.models import Appended, Lease, Message, MessageInput, Session, SessionTarget
from shared.service import ChatService
from shared.turns.asking import NO_WISHES, Wishes
from shared.turns.claiming import NEWEST, claim
from shared.turns.elsewhere import wait_for
from shared.turns.leases import Leases, reply_id_for
from shared.turns.maker import Maker, Turn, Workshop
from shared.turns.making import Answered, Making, Taken
from shared.turns.model import Model
from shared.turns.window import TokenRate

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 5
CLOSING_STEP_SECONDS = 0.01


class Said(NamedTuple):
    """What is said in a turn, and what makes saying it again a repeat."""

    messages: Sequence[MessageInput]
    key: IdempotencyKey | None = None
    ttl_seconds: int | None = None  # of a session that is made
    if_match: str | None = None  # the session's etag, unless it is a repeat


def turns_of(chat: "ChatService") -> "Turns":
    """Return the turns of a service, which this instance takes."""
    known = next((each for each in chat.closing if isinstance(each, Turns)), None)
    if known is None:
        known = Turns(chat)
        chat.closing.append(known)
    return known


class Turns:
    """Takes turns, and knows of the replies that this instance makes or waits for."""

    def __init__(self, chat: ChatService) -> None:
        """Take the turns of this service's sessions."""
        self._chat = chat
        self._store = chat.store
        self._settings = chat.settings.model
        self.model = Model(self._settings)
        self.leases = Leases(chat.store, self._settings.timeout_seconds)
        self._shop = Workshop(
            chat.store,
            self._settings,
            self.model,
            self.leases,
            TokenRate(),
            max_bytes=chat.settings.max_message_bytes,
        )
        self._makings: dict[tuple[str, str, str], Making] = {}
        self._own = 0  # of these, and of those about to begin, how many ask the model here
        self._is_closing = False

    @property
    def is_configured(self) -> bool:
        """Whether there is a model to reply."""
        return self._settings.endpoint is not None

    async def say(self, user_id: str, target: str | SessionTarget, said: Said, wishes: Wishes = NO_WISHES) -> Taken:
        """Store what is said, in the session of that id, or in one that is made if need be, and have it answered.

        Nothing said means to answer what is there. Raises as an append does, and NoResponderError,
        CallerMayNotSetError, NothingToAnswerError, TurnInProgressError, TurnNotNewestError and ModelThrottledError:
        all of it before anything is stored, but the last two of a repeat.
        """
        self._require(wishes)
        session_id = target if isinstance(target, str) else target.session_id
        if not said.messages:
            if session_id is None:
                raise NothingToAnswerError
            return await self._go_on(user_id, session_id, said.if_match, wishes)
        if (said.messages[-1].role or said.messages[-1].message_type) == "assistant":
            raise NothingToAnswerError
        with self._room():
            session_id, appended, lease = await self._append(user_id, target, said)
            if not appended.created:
                return await self._repeat(user_id, session_id, appended.messages, wishes)
            words = appended.messages
            return self._start(Turn(user_id, session_id, words, words[-1].id, lease, wishes, etag=appended.etag))

    async def regenerate(self, user_id: str, session_id: str, message_id: str, wishes: Wishes = NO_WISHES) -> Taken:
        """Put another reply in the place of the newest one; raises TurnNotNewestError for any other, and as `say`."""
        self._require(wishes)
        reply_id = reply_id_for(user_id, session_id, message_id)
        if making := self._makings.get((user_id, session_id, reply_id)):
            return Taken(session_id, making.said, "joined", making)
        await self._store.catch_up(user_id, session_id)
        _, page = await self._store.read(user_id, session_id, NEWEST)
        newest = page.messages[:1]
        said = [message for message in page.messages if message.id == message_id]
        with self._room():
            if said and newest[0].id == message_id:
                return await self._repeat(user_id, session_id, said, wishes)
            if not (newest and newest[0].id == reply_id):
                await self._store.get_message(user_id, session_id, message_id)
                raise TurnNotNewestError
            lease = self.leases.new((user_id, session_id), message_id)
            await self.leases.hold((user_id, session_id), lease)
            return self._start(Turn(user_id, session_id, said, message_id, lease, wishes, replaces=True))

    async def look(self, user_id: str, session_id: str, message_id: str, *, follow: bool) -> Taken | None:
        """Return the turn of a message: its reply as it is made, here or elsewhere, or as it is stored; None without.

        Unless it is to be followed, one that is made elsewhere is not waited for, and stays as it is; only who follows
        gets the message too. Raises SessionNotFoundError, MessageNotFoundError.
        """
        reply_id = reply_id_for(user_id, session_id, message_id)
        if making := self._makings.get((user_id, session_id, reply_id)):
            return Taken(session_id, making.said, "joined", making)
        with suppress(SessionNotFoundError, MessageNotFoundError):
            if found := await self._look(user_id, session_id, message_id, follow=follow):
                return found
        await self._store.catch_up(user_id, session_id)  # nothing is there, on a replica that may be behind
        return await self._look(user_id, session_id, message_id, follow=follow)

    async def _look(self, user_id: str, session_id: str, message_id: str, *, follow: bool) -> Taken | None:
        said = [await self._store.get_message(user_id, session_id, message_id)] if follow else []
        reply_id = reply_id_for(user_id, session_id, message_id)
        session = await self._store.get(user_id, session_id)
        if session.lease and session.lease.reply_id == reply_id and not session.lease.is_over(time.time()):
            if follow:
                return self._join((user_id, session_id), said, reply_id)
            return Taken(session_id, said, "joined", Making(reply_id))
        try:
            reply = await self._store.get_message(user_id, session_id, reply_id)
        except MessageNotFoundError:
            await self._store.get_message(user_id, session_id, message_id)
            return None
        return _found(session, said, reply)

    async def stop(self, user_id: str, session_id: str, message_id: str) -> None:
        """End the turn of a message with what there is of its reply; elsewhere within some seconds.

        Where nothing is being made nothing happens; raises SessionNotFoundError, MessageNotFoundError.
        """
        reply_id = reply_id_for(user_id, session_id, message_id)
        making = self._makings.get((user_id, session_id, reply_id))
        if making and making.is_own:
            making.stop()
            while making.outcome is None:
                await making.changed(CLOSING_SECONDS)
            return
        if not await self._store.stop_turn(user_id, session_id, reply_id):
            await self._store.get_message(user_id, session_id, message_id)

    async def close(self) -> None:
        """Begin nothing more, break off what is being made, and let go of the model; leases are given back.

        What is paid for is stored, if that can be done within CLOSING_SECONDS.
        """
        self._is_closing = True
        ends = time.monotonic() + CLOSING_SECONDS
        broken_off = set[Making]()
        while self._makings or self._own:
            is_late = time.monotonic() >= ends
            if is_late and not self._makings:
                break  # what is at the store still has nothing to be broken off
            begun = set(self._makings.values()) - broken_off
            await asyncio.sleep(CLOSING_STEP_SECONDS)  # a task that had not begun would do nothing at its end either
            for making in begun:
                if making.task and (is_late or not making.is_paid):
                    making.task.cancel()
                    broken_off.add(making)
        await self.leases.settle()
        await self.model.close()

    def require_model(self) -> None:
        """Raise NoResponderError without a model."""
        if not self.is_configured:
            raise NoResponderError

    def _require(self, wishes: Wishes) -> None:
        self.require_model()
        wishes.require_allowed(self._settings)

    async def _append(self, user_id: str, target: str | SessionTarget, said: Said) -> tuple[str, Appended, Lease]:
        messages, key, ttl_seconds, if_match = said
        made: list[Lease] = []
        with ExitStack() as taking:

            def lease_for(session_id: str, message_id: str) -> Lease:
                place = user_id, session_id
                lease = self.leases.new(place, message_id)
                taking.enter_context(self.leases.taking(place, lease))
                made.append(lease)
                return lease

            if isinstance(target, str):
                session_id = target
                appended = await self._chat.append(
                    user_id, target, messages, key, if_match=if_match, lease_for=lease_for
                )
            else:
                session_id, appended = await self._chat.append_anywhere(
                    user_id, target, messages, key, ttl_seconds=ttl_seconds, if_match=if_match, lease_for=lease_for
                )
        return session_id, appended, made[0]

    async def _go_on(self, user_id: str, session_id: str, if_match: str | None, wishes: Wishes) -> Taken:
        """Answer the newest message; if that is a reply it is the answer."""
        await self._store.catch_up(user_id, session_id)
        session, page = await self._store.read(user_id, session_id, 1)
        if not page.messages:
            raise NothingToAnswerError
        (newest,) = page.messages
        if newest.role == "assistant":
            return _found(session, [], newest)
        if if_match not in {None, session.etag}:
            raise PreconditionFailedError
        with self._room():
            return await self._repeat(user_id, session_id, [newest], wishes)

    async def _repeat(self, user_id: str, session_id: str, said: list[Message], wishes: Wishes) -> Taken:
        """Have what is stored already answered: find its reply, join whoever makes it, or make it."""
        turn = self._turn((user_id, session_id), said, wishes)
        reply_id = turn.lease.reply_id
        if (*turn.place, reply_id) in self._makings:
            return self._join(turn.place, said, reply_id, wishes)
        try:
            found = await claim(self._store, self.leases, turn.place, said, turn.lease)
        except TurnInProgressError as error:
            if error.reply_id != reply_id:
                raise
            return self._join(turn.place, said, reply_id, wishes)
        return Taken(session_id, said, "found", Making.of(found)) if found else self._start(turn)

    def _start(self, turn: Turn) -> Taken:
        making = Making(turn.lease.reply_id, turn.said, is_own=True)
        self._run(making, turn.place, Maker(self._shop, turn, making).run())
        return Taken(turn.session_id, turn.said, "started", making)

    def _join(self, place: tuple[str, str], said: list[Message], reply_id: str, repeats: Wishes | None = None) -> Taken:
        making = self._makings.get((*place, reply_id))
        if making is None:
            if self._is_closing:
                raise ModelThrottledError(1)
            making = Making(reply_id, said)
            self._run(making, place, self._wait(place, said, making))
        if repeats is not None:
            making.repeat = making.repeat or (said, repeats)
        return Taken(place[1], said, "joined", making)

    async def _wait(self, place: tuple[str, str], said: list[Message], making: Making) -> Answered:
        """Wait for a reply that is made elsewhere; where nothing comes of it, make it if a repeat waits for it."""
        seconds = self.leases.seconds
        while not (found := await wait_for(self._store, place, said, making.reply_id, lease_seconds=seconds)):
            if making.repeat is None:
                raise ModelFailedError
            said, wishes = making.repeat
            turn = self._turn(place, said, wishes)
            try:
                with self._room():
                    found = await claim(self._store, self.leases, turn.place, said, turn.lease)
                    making.is_own = found is None
                    self._own += making.is_own
            except TurnInProgressError as error:
                if error.reply_id != making.reply_id:
                    raise
            else:
                return found or await Maker(self._shop, turn, making).run()
        return found

    def _turn(self, place: tuple[str, str], said: list[Message], wishes: Wishes) -> Turn:
        return Turn(*place, said, said[-1].id, self.leases.new(place, said[-1].id), wishes)

    def _run(self, making: Making, place: tuple[str, str], work: Coroutine[None, None, Answered]) -> None:
        """Let a task of its own fill `making`, which is over when the task is, however that ends."""
        key = (*place, making.reply_id)
        self._makings[key] = making
        self._own += making.is_own
        with fresh_as(current_freshness().token):  # it sees what its request has seen, and goes on from there
            making.task = asyncio.create_task(work)

        def done(task: asyncio.Task[Answered]) -> None:
            self._own -= making.is_own
            if self._makings.get(key) is making:
                del self._makings[key]
            making.finish(_outcome_of(task))

        making.task.add_done_callback(done)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Keep room for one more reply; raises ModelThrottledError where as many are made as may be, or all is over."""
        if self._is_closing or self._own >= self._settings.concurrency:
            raise ModelThrottledError(1)
        self._own += 1
        try:
            yield
        finally:
            self._own -= 1


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


def _found(session: Session, said: list[Message], reply: Message) -> Taken:
    answered = Answered(said, reply, session.message_count, session.etag)
    return Taken(session.id, said, "found", Making.of(answered))
