"""Turns: what is said is stored, then the model is asked, then its reply is stored; whoever repeats finds or joins."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
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
from shared.idempotency import IdempotencyKey
from shared.models import Appended, Lease, Message, MessageInput, Session, SessionTarget
from shared.service import ChatService
from shared.turns.asking import NO_WISHES, Wishes
from shared.turns.elsewhere import wait_for
from shared.turns.finding import NEWEST, find_reply
from shared.turns.in_progress import RepliesInProgress, Slot
from shared.turns.leases import Leases, reply_id_for
from shared.turns.maker import Maker, Turn, Workshop
from shared.turns.making import Answered, Making, Taken
from shared.turns.model import Model
from shared.turns.window import TokenRate

NO_ETAG = "none"  # that no session ever has


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
        self._replies = RepliesInProgress(self._settings.concurrency)

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
        with self._replies.slot_if_free() as slot:
            session_id, appended, lease = await self._append(user_id, target, said, only_if_repeated=not slot.is_free)
            place, words = (user_id, session_id), appended.messages
            if appended.created:
                return self._start(Turn(place, words, lease, wishes, etag=appended.etag), slot)
        return await self._repeat(place, words, wishes)

    async def regenerate(self, user_id: str, session_id: str, message_id: str, wishes: Wishes = NO_WISHES) -> Taken:
        """Put another reply in the place of the newest one; raises TurnNotNewestError for any other, and as `say`."""
        self._require(wishes)
        place = user_id, session_id
        reply_id = reply_id_for(*place, message_id)
        if making := await self._current(place, reply_id):
            return Taken(session_id, making.said, "joined", making)
        await self._store.catch_up(*place)
        _, page = await self._store.read(*place, NEWEST)
        newest = page.messages[:1]
        said = [message for message in page.messages if message.id == message_id]
        if said and said[0].role == "assistant":
            raise NothingToAnswerError
        if said and newest[0].id == message_id:
            return await self._repeat(place, said, wishes)
        if not (said and newest[0].id == reply_id):
            await self._store.get_message(*place, message_id)
            raise TurnNotNewestError
        with self._replies.slot() as slot:
            lease = self.leases.new(place, message_id)
            try:
                await self.leases.hold(place, lease)
            except TurnInProgressError as error:
                if error.reply_id != reply_id:
                    raise
                return self._join(place, said, reply_id)
            return self._start(Turn(place, said, lease, wishes, replaces=True), slot)

    async def look(self, user_id: str, session_id: str, message_id: str, *, follow: bool) -> Taken | None:
        """Return the turn of a message: its reply as it is made, here or elsewhere, or as it is stored; None without.

        Unless it is to be followed, one that is made elsewhere is not waited for, and stays as it is; only who follows
        gets the message too. Raises SessionNotFoundError, MessageNotFoundError.
        """
        reply_id = reply_id_for(user_id, session_id, message_id)
        with suppress(SessionNotFoundError):
            if making := await self._current((user_id, session_id), reply_id):
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
        making = self._replies.find((user_id, session_id), reply_id)
        if making and making.holder:
            making.stop()
            try:
                await making.answered()
            except (SessionNotFoundError, MessageNotFoundError):
                raise
            except ParleyError:
                pass
            return
        if not await self._store.stop_turn(user_id, session_id, reply_id):
            await self._store.get_message(user_id, session_id, message_id)

    async def close(self) -> None:
        """Begin nothing more, break off what is being made, and let go of the model; leases are given back.

        What is paid for is stored, if that can be done within some seconds.
        """
        await self._replies.close()
        await self.leases.settle()
        await self.model.close()

    def require_model(self) -> None:
        """Raise NoResponderError without a model."""
        if not self.is_configured:
            raise NoResponderError

    def _require(self, wishes: Wishes) -> None:
        self.require_model()
        wishes.require_allowed(self._settings)

    async def _append(
        self, user_id: str, target: str | SessionTarget, said: Said, *, only_if_repeated: bool
    ) -> tuple[str, Appended, Lease]:
        """Store what is said, and take the lease; ModelThrottledError where it is new and only a repeat may be."""
        messages, key, ttl_seconds, if_match = said if not only_if_repeated else said._replace(if_match=NO_ETAG)
        made: list[Lease] = []
        with ExitStack() as taking:

            def lease_for(session_id: str, message_id: str) -> Lease:
                place = user_id, session_id
                lease = self.leases.new(place, message_id)
                taking.enter_context(self.leases.taking(place, lease))
                made.append(lease)
                return lease

            try:
                if isinstance(target, str):
                    session_id = target
                    appended = await self._chat.append(
                        user_id, target, messages, key, if_match=if_match, lease_for=lease_for
                    )
                else:
                    session_id, appended = await self._chat.append_anywhere(
                        user_id, target, messages, key, ttl_seconds=ttl_seconds, if_match=if_match, lease_for=lease_for
                    )
            except PreconditionFailedError as error:
                if only_if_repeated:
                    raise ModelThrottledError(1) from error
                raise
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
        return await self._repeat((user_id, session_id), [newest], wishes)

    async def _repeat(self, place: tuple[str, str], said: list[Message], wishes: Wishes) -> Taken:
        """Have what is stored already answered: find its reply, join whoever makes it, or make it."""
        lease = self.leases.new(place, said[-1].id)
        making = await self._current(place, lease.reply_id)
        if making and not making.replaces:
            return self._join(place, said, lease.reply_id, wishes)
        if answered := await find_reply(self._store, place, said, lease.reply_id):
            return Taken(place[1], said, "found", Making.of(answered))
        with self._replies.slot() as slot:
            try:
                await self.leases.hold(place, lease)
            except TurnInProgressError as error:
                if error.reply_id != lease.reply_id:
                    raise
                return self._join(place, said, lease.reply_id, wishes)
            return self._start(Turn(place, said, lease, wishes), slot)

    async def _current(self, place: tuple[str, str], reply_id: str) -> Making | None:
        """Return the reply of that id that is in progress here; not one that has lost its lease, which is told to end.

        Raises SessionNotFoundError.
        """
        making = self._replies.find(place, reply_id)
        if making is None or making.holder is None:
            return making
        lease = (await self._store.get(*place)).lease
        if lease and lease.holder == making.holder:
            return making
        self._replies.forget(place, making)
        if not making.is_paid:
            making.stop()
        return None

    def _start(self, turn: Turn, slot: Slot) -> Taken:
        making = Making(turn.lease.reply_id, turn.said, holder=turn.lease.holder, replaces=turn.replaces)
        self._replies.run(making, turn.place, Maker(self._shop, turn, making).run(), slot)
        return Taken(turn.place[1], turn.said, "started", making)

    def _join(self, place: tuple[str, str], said: list[Message], reply_id: str, repeats: Wishes | None = None) -> Taken:
        making = self._replies.find(place, reply_id)
        if making is None:
            if self._replies.is_closing:
                raise ModelThrottledError(1)
            making = Making(reply_id, said)
            making.on_stop(lambda: self.leases.stop(place, reply_id))
            self._replies.run(making, place, self._wait(place, said, making))
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
            if found := await find_reply(self._store, place, said, making.reply_id):
                return found
            with self._replies.slot():
                lease = self.leases.new(place, said[-1].id)
                try:
                    await self.leases.hold(place, lease)
                except TurnInProgressError as error:
                    if error.reply_id != making.reply_id:
                        raise
                    continue
                if not making.take_over(lease.holder):
                    await self.leases.give_back(place, lease)
                    raise ModelFailedError
                return await Maker(self._shop, Turn(place, said, lease, wishes), making).run()
        return found


def _found(session: Session, said: list[Message], reply: Message) -> Taken:
    answered = Answered(said, reply, session.message_count, session.etag)
    return Taken(session.id, said, "found", Making.of(answered))
