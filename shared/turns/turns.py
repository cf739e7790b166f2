"""Turns: what is said is stored, then the model is asked, then its reply is stored; whoever repeats finds or joins."""

import time
from contextlib import suppress

from shared.errors import (
    MessageNotFoundError,
    ModelFailedError,
    ModelThrottledError,
    NoResponderError,
    NothingToAnswerError,
    ParleyError,
    PreconditionFailedError,
    SessionNotFoundError,
    StoreError,
    TurnInProgressError,
    TurnNotNewestError,
)
from shared.models import Message, Session, SessionTarget
from shared.service import ChatService
from shared.turns.elsewhere import wait_for
from shared.turns.finding import NEWEST, find_reply
from shared.turns.generation import Generation
from shared.turns.in_progress import RepliesInProgress, Slot
from shared.turns.leases import Leases, reply_id_for
from shared.turns.model import Model
from shared.turns.options import NO_OPTIONS, CallerOptions
from shared.turns.pending import Answered, PendingReply, Taken
from shared.turns.request import ReplyRequest, Resources
from shared.turns.saying import Said, store_said
from shared.turns.window import TokenRate


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
        self._resources = Resources(
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

    async def say(
        self, user_id: str, target: str | SessionTarget, said: Said, options: CallerOptions = NO_OPTIONS
    ) -> Taken:
        """Store what is said, in the session of that id, or in one that is made if need be, and have it answered.

        Nothing said means to answer what is there. Raises as an append does, and NoResponderError,
        CallerMayNotSetError, NothingToAnswerError, TurnInProgressError, TurnNotNewestError and ModelThrottledError:
        all of it before anything is stored, but the last two of a repeat.
        """
        self._require(options)
        session_id = target if isinstance(target, str) else target.session_id
        if not said.messages:
            if session_id is None:
                raise NothingToAnswerError
            return await self._go_on(user_id, session_id, said.if_match, options)
        if (said.messages[-1].role or said.messages[-1].message_type) == "assistant":
            raise NothingToAnswerError
        with self._replies.slot_if_free() as slot:
            session_id, appended, lease = await store_said(
                self._chat, self.leases, user_id, target, said, only_if_repeated=not slot.is_free
            )
            place, words = (user_id, session_id), appended.messages
            if appended.created:
                taken = self._start(ReplyRequest(place, words, lease, options, etag=appended.etag), slot)
                return taken._replace(message_count=appended.message_count)
        return await self._repeat(place, words, options)

    async def regenerate(
        self, user_id: str, session_id: str, message_id: str, options: CallerOptions = NO_OPTIONS
    ) -> Taken:
        """Put another reply in the place of the newest one; raises TurnNotNewestError for any other, and as `say`."""
        self._require(options)
        place = user_id, session_id
        reply_id = reply_id_for(*place, message_id)
        if pending := await self._current(place, reply_id):
            return Taken(session_id, pending.said, "joined", pending)
        await self._store.catch_up(*place)
        _, page = await self._store.read(*place, NEWEST)
        newest = page.messages[:1]
        said = [message for message in page.messages if message.id == message_id]
        if said and said[0].role == "assistant":
            raise NothingToAnswerError
        if said and newest[0].id == message_id:
            return await self._repeat(place, said, options)
        if not (said and newest[0].id == reply_id):
            await self._store.get_message(*place, message_id)
            raise TurnNotNewestError
        with self._replies.slot() as slot:
            lease = self.leases.new(place, message_id)
            try:
                await self.leases.acquire(place, lease)
            except TurnInProgressError as error:
                if error.reply_id != reply_id:
                    raise
                return self._join(place, said, reply_id)
            return self._start(ReplyRequest(place, said, lease, options, replaces=True), slot)

    async def look(self, user_id: str, session_id: str, message_id: str, *, follow: bool) -> Taken | None:
        """Return the turn of a message: its reply as it is made, here or elsewhere, or as it is stored; None without.

        Unless it is to be followed, one that is made elsewhere is not waited for, and stays as it is; only who follows
        gets the message too. Raises SessionNotFoundError, MessageNotFoundError.
        """
        reply_id = reply_id_for(user_id, session_id, message_id)
        with suppress(SessionNotFoundError):
            if pending := await self._current((user_id, session_id), reply_id):
                return Taken(session_id, pending.said, "joined", pending)
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
            return Taken(session_id, said, "joined", PendingReply(reply_id))
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
        pending = await self._current((user_id, session_id), reply_id)
        if pending and pending.holder:
            pending.stop()
            try:
                await pending.answered()
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

    def _require(self, options: CallerOptions) -> None:
        self.require_model()
        options.require_allowed(self._settings)

    async def _go_on(self, user_id: str, session_id: str, if_match: str | None, options: CallerOptions) -> Taken:
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
        return await self._repeat((user_id, session_id), [newest], options)

    async def _repeat(self, place: tuple[str, str], said: list[Message], options: CallerOptions) -> Taken:
        """Have what is stored already answered: find its reply, join whoever makes it, or make it."""
        lease = self.leases.new(place, said[-1].id)
        pending = await self._current(place, lease.reply_id)
        if pending and pending.holder and not pending.replaces:
            return self._join(place, said, lease.reply_id, options)
        try:
            if answered := await find_reply(self._store, place, said, lease.reply_id):
                return Taken(place[1], said, "found", PendingReply.of(answered))
        except TurnNotNewestError:
            if not pending:
                raise
        if pending:
            return self._join(place, said, lease.reply_id, options)
        with self._replies.slot() as slot:
            try:
                await self.leases.acquire(place, lease)
            except TurnInProgressError as error:
                if error.reply_id != lease.reply_id:
                    raise
                return self._join(place, said, lease.reply_id, options)
            return self._start(ReplyRequest(place, said, lease, options), slot)

    async def _current(self, place: tuple[str, str], reply_id: str) -> PendingReply | None:
        """Return the reply of that id that is in progress here; not one that has lost its lease, which is told to end.

        Raises SessionNotFoundError.
        """
        pending = self._replies.find(place, reply_id)
        if pending is None or pending.holder is None:
            return pending
        try:
            if await self.leases.held(place, pending.holder):
                return pending
        except StoreError:  # so nobody knows that it is lost
            return pending
        self._replies.forget(place, pending)
        if not pending.is_paid:
            pending.stop()
        return None

    def _start(self, request: ReplyRequest, slot: Slot) -> Taken:
        lease, said = request.lease, request.said
        pending = PendingReply(lease.reply_id, said, holder=lease.holder, replaces=request.replaces)
        self._replies.run(pending, request.place, Generation(self._resources, request, pending).run(), slot)
        return Taken(request.place[1], said, "started", pending)

    def _join(
        self, place: tuple[str, str], said: list[Message], reply_id: str, repeats: CallerOptions | None = None
    ) -> Taken:
        pending = self._replies.find(place, reply_id)
        if pending is None:
            if self._replies.is_closing:
                raise ModelThrottledError(1)
            pending = PendingReply(reply_id, said)
            pending.on_stop(lambda: self.leases.stop(place, reply_id))
            self._replies.run(pending, place, self._wait(place, said, pending))
        if repeats is not None:
            pending.repeat = pending.repeat or (said, repeats)
        return Taken(place[1], said, "joined", pending)

    async def _wait(self, place: tuple[str, str], said: list[Message], pending: PendingReply) -> Answered:
        """Wait for a reply that is made elsewhere; where nothing comes of it, make it if a repeat waits for it."""
        seconds = self.leases.seconds
        while not (found := await wait_for(self._store, place, said, pending.reply_id, lease_seconds=seconds)):
            if pending.repeat is None:
                raise ModelFailedError
            said, options = pending.repeat
            if found := await find_reply(self._store, place, said, pending.reply_id):
                return found
            with self._replies.slot():
                lease = self.leases.new(place, said[-1].id)
                try:
                    await self.leases.acquire(place, lease)
                except TurnInProgressError as error:
                    if error.reply_id != pending.reply_id:
                        raise
                    continue
                if not pending.take_over(lease.holder):
                    await self.leases.release(place, lease)
                    raise ModelFailedError
                return await Generation(self._resources, ReplyRequest(place, said, lease, options), pending).run()
        return found


def _found(session: Session, said: list[Message], reply: Message) -> Taken:
    answered = Answered(said, reply, session.message_count, session.etag)
    return Taken(session.id, said, "found", PendingReply.of(answered))
