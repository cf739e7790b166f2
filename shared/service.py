"""Use cases: what a chat application asks for, on top of the verbs a store has."""

import asyncio
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import (
    IdempotencyConflictError,
    MessageConflictError,
    PayloadTooLargeError,
    PreconditionFailedError,
    SessionExistsError,
    SessionNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from shared.idempotency import IdempotencyKey, fingerprint
from shared.models import (
    MAX_MESSAGES_PER_REQUEST,
    MAX_REQUEST_MESSAGES_BYTES,
    MAX_SEQ,
    Appended,
    Edited,
    ImportedMessage,
    ImportedSession,
    Lease,
    MessageFields,
    MessageInput,
    MessageQuery,
    NewMessage,
    NewSession,
    Session,
    SessionInput,
    SessionTarget,
    Share,
    ShareInput,
    stored_bytes,
    utc_now,
)
from shared.settings import Settings
from shared.store.port import SessionStore
from shared.store.rules import documents_bytes

HEALTH_SECONDS = 2.0  # an answer about the store's health is good for this long
PING_SECONDS = 3.0
MESSAGES_AT_ONCE = 200
LeaseMaker = Callable[[str, str], Lease]  # of a session and the last message said in it


class Closing(Protocol):
    """What goes on behind answers, and can be ended."""

    async def close(self) -> None: ...


class ChatService:
    """Decides ids, times, defaults and limits; everything else a caller asks the store directly."""

    def __init__(self, store: SessionStore, settings: Settings) -> None:
        """Work on this store, with these settings."""
        self.store = store
        self.settings = settings
        self._health = HealthCheck(store)
        self.closing: list[Closing] = []  # what is to end before the store does

    async def settle(self) -> None:
        """Let what goes on behind answers end."""
        for each in self.closing:
            await each.close()

    async def close(self) -> None:
        """Let what goes on behind answers end, and let go of the store."""
        await self.settle()
        await self.store.close()

    async def create_session(
        self, user_id: str, wanted: SessionInput, key: IdempotencyKey | None = None
    ) -> tuple[Session, bool]:
        """Create a session; the flag tells whether this request did, or one before it with the same key.

        Raises SessionExistsError when the owner has one by the id asked for, and
        IdempotencyConflictError when the key was used for another session.
        """
        session = self._new_session(user_id, wanted, utc_now())
        if key is None or wanted.id is not None:
            return await self.store.create(session), True
        session = session.model_copy(update={"id": key.id_of(0), "fingerprint": fingerprint(wanted)})
        try:
            return await self.store.create(session), True
        except SessionExistsError as error:
            found = await self.store.get(user_id, session.id)
            if found.fingerprint != session.fingerprint:
                raise IdempotencyConflictError from error
            return found, False

    async def append(  # noqa: PLR0913 - a route's request, and what only one caller says
        self,
        user_id: str,
        session_id: str,
        messages: Sequence[MessageInput],
        key: IdempotencyKey | None = None,
        *,
        if_match: str | None = None,
        lease_for: LeaseMaker | None = None,
    ) -> Appended:
        """Append messages to a session that exists; see SessionStore.append. A turn makes its lease of their last id.

        Raises PayloadTooLargeError too, and IdempotencyConflictError when the key was used for others.
        """
        new_messages = self._new_messages(messages, utc_now(), session_id, key)
        lease = lease_for(session_id, new_messages[-1].id) if lease_for else None
        return await self._append(user_id, session_id, new_messages, key, if_match, lease=lease)

    async def replace_tail(
        self,
        user_id: str,
        session_id: str,
        after_seq: int,
        messages: Sequence[MessageInput],
        *,
        if_match: str | None = None,
    ) -> Appended:
        """Let these be what follows `after_seq`; see SessionStore.replace_tail. Raises PayloadTooLargeError too."""
        new_messages = self._new_messages(messages, utc_now(), session_id, None)
        return await self.store.replace_tail(user_id, session_id, after_seq, new_messages, if_match)

    async def replace_message(
        self, user_id: str, session_id: str, message_id: str, message: MessageFields, *, if_match: str | None = None
    ) -> Edited:
        """Put another message in the place of one; see SessionStore.edit_message. Raises PayloadTooLargeError too."""
        new = _new_message(message, message_id, utc_now())
        self._check_sizes([new])
        return await self.store.edit_message(
            user_id, session_id, message_id, lambda found: found.replaced_by(new), if_match
        )

    async def append_anywhere(  # noqa: PLR0913 - a route's request, and what only one caller says
        self,
        user_id: str,
        target: SessionTarget,
        messages: Sequence[MessageInput],
        key: IdempotencyKey | None = None,
        *,
        ttl_seconds: int | None = None,
        if_match: str | None = None,
        lease_for: LeaseMaker | None = None,
    ) -> tuple[str, Appended]:
        """Append messages to the session named, or to a new one when it is unnamed or not there yet.

        A new one lives for `ttl_seconds`, or for its channel's default. It has no etag yet, so that with
        `if_match` none is made: PreconditionFailedError.
        """
        wanted = SessionInput(
            id=target.session_id or (key.id_of(0) if key else None),
            channel=target.channel,
            session_name=target.session_name,
            ttl_seconds=ttl_seconds,
        )
        now = utc_now()
        session = self._new_session(user_id, wanted, now)
        new_messages = self._new_messages(messages, now, session.id, key)
        lease = lease_for(session.id, new_messages[-1].id) if lease_for else None
        if target.session_id is not None or (key is not None and if_match is not None):
            try:
                return session.id, await self._append(user_id, session.id, new_messages, key, if_match, lease=lease)
            except SessionNotFoundError:
                pass  # then it is made, with the messages in it
        if if_match is not None:
            raise PreconditionFailedError
        try:
            created = await self.store.create(session, new_messages, lease)
        except SessionExistsError:  # somebody else made it meanwhile, or this very request before
            return session.id, await self._append(user_id, session.id, new_messages, key, lease=lease)
        return session.id, _first_messages(created, new_messages)

    async def share(self, user_id: str, session_id: str, wanted: ShareInput) -> tuple[Share, str]:
        """Make a link to the session's messages up to `up_to_seq`, or to all it has now; also return its token."""
        await self.store.catch_up(user_id, session_id)
        newest = await self.store.read_messages(user_id, session_id, MessageQuery(limit=1))
        last_seq = newest.messages[0].seq if newest.messages else 0
        token, now = secrets.token_urlsafe(32), utc_now()
        ends = None if wanted.expires_in_seconds is None else now + timedelta(seconds=wanted.expires_in_seconds)
        share = Share(
            id=secrets.token_hex(8),
            token_hash=token_hash(token),
            up_to_seq=last_seq if wanted.up_to_seq is None else min(wanted.up_to_seq, last_seq),
            created_at=now,
            expires_at=ends,
        )
        await self.store.add_share(user_id, session_id, share)
        return share, token

    async def fork(self, user_id: str, session_id: str, after_seq: int | None = None) -> Session:
        """Make a session of its own from another one's messages up to `after_seq`, numbered from 1.

        Feedback stays with the messages it was given to: statistics would count it again in every fork.
        """
        await self.store.catch_up(user_id, session_id)
        original = await self.store.get(user_id, session_id)
        messages = await self._messages_up_to(original, MAX_SEQ if after_seq is None else after_seq)
        now = utc_now()
        same = original.model_dump(include={"session_name", "channel", "context", "tags"})
        new = self._new_session(user_id, SessionInput(**same), now)
        times = {"updated_at": now, "last_activity_at": now, "last_seq": len(messages)}
        forked = await self.store.import_session(ImportedSession.model_validate(new.model_dump() | times), messages)
        if forked is None:  # only an import that has a fingerprint can have been there
            raise AssertionError
        return forked

    async def _messages_up_to(self, session: Session, seq: int) -> list[ImportedMessage]:
        messages: list[ImportedMessage] = []
        query: MessageQuery | None = MessageQuery(limit=MESSAGES_AT_ONCE, order="asc", before=seq + 1)
        while query:
            page = await self.store.read_messages(session.user_id, session.id, query)
            messages += [
                ImportedMessage.model_validate(message.model_dump(exclude={"feedback"})) for message in page.messages
            ]
            query = query.after_page(page)
        return messages

    async def _append(  # noqa: PLR0913 - as above
        self,
        user_id: str,
        session_id: str,
        messages: Sequence[NewMessage],
        key: IdempotencyKey | None,
        if_match: str | None = None,
        *,
        lease: Lease | None = None,
    ) -> Appended:
        try:
            appended = await self.store.append(user_id, session_id, messages, if_match, turn=lease)
        except MessageConflictError as conflict:
            derived = {key.id_of(index, session_id) for index in range(MAX_MESSAGES_PER_REQUEST)} if key else set()
            if derived.intersection(conflict.ids):
                raise IdempotencyConflictError from conflict
            raise
        if key is not None and not appended.created:
            await self._require_no_more(user_id, session_id, appended, key)
        return appended

    async def _require_no_more(self, user_id: str, session_id: str, repeated: Appended, key: IdempotencyKey) -> None:
        """Refuse a repeat that leaves off before the request it repeats did."""
        query = MessageQuery(limit=1, order="asc", after=repeated.messages[-1].seq)
        later = (await self.store.read_messages(user_id, session_id, query)).messages
        if later and later[0].id == key.id_of(len(repeated.messages), session_id):
            raise IdempotencyConflictError

    async def health(self) -> float:
        """Return the store's latency in milliseconds; raises StoreUnavailableError."""
        return await self._health.latency_ms()

    def _new_session(self, user_id: str, wanted: SessionInput, now: datetime) -> NewSession:
        channel_ttl = self.settings.channel_ttl_seconds.get(wanted.channel, self.settings.session_ttl_seconds)
        ttl = channel_ttl if wanted.ttl_seconds is None else wanted.ttl_seconds
        return NewSession(
            **wanted.model_dump(exclude={"id", "ttl_seconds"}),
            id=wanted.id or str(uuid.uuid4()),
            user_id=user_id,
            ttl_seconds=ttl,
            created_at=now,
        )

    def _new_messages(
        self, messages: Sequence[MessageInput], now: datetime, session_id: str, key: IdempotencyKey | None
    ) -> list[NewMessage]:
        def made_id(index: int) -> str:
            return key.id_of(index, session_id) if key else secrets.token_hex(10)

        new = [_new_message(message, message.id or made_id(index), now) for index, message in enumerate(messages)]
        self._check_sizes(new)
        return new

    def _check_sizes(self, messages: Sequence[NewMessage]) -> None:
        limit = self.settings.max_message_bytes
        for message in messages:
            text = message.content
            size = len(text.encode()) if isinstance(text, str) else stored_bytes(text)
            if size > limit:
                raise PayloadTooLargeError("The content of a message", size, limit)
        total = documents_bytes(message.document() for message in messages)
        if total > MAX_REQUEST_MESSAGES_BYTES:
            raise PayloadTooLargeError("The messages of this request together", total, MAX_REQUEST_MESSAGES_BYTES)


def _new_message(message: MessageFields, message_id: str, now: datetime) -> NewMessage:
    """Return the message with what the service decides."""
    decided = {
        "id": message_id,
        "role": message.role or message.message_type,
        "content": "" if message.content is None else message.content,
        "created_at": now,
    }
    return NewMessage.model_validate(message.__dict__ | decided)


def _first_messages(session: Session, messages: Sequence[NewMessage]) -> Appended:
    stored = [message.placed(seq, session.user_id) for seq, message in enumerate(messages, 1)]
    return Appended(messages=stored, message_count=len(stored), created=True, etag=session.etag)


def token_hash(token: str) -> str:
    """Return what is stored of a link's token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class HealthCheck:
    """Asks the store at most once in HEALTH_SECONDS, however many ask."""

    def __init__(self, store: SessionStore) -> None:
        """Check this store."""
        self._store = store
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._latency_ms = 0.0
        self._failure: StoreError | None = None

    async def latency_ms(self) -> float:
        """Return how long the store took to answer; raises StoreError as it was found."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= HEALTH_SECONDS:
                await self._ask()
        if self._failure is not None:
            raise self._failure
        return self._latency_ms

    async def _ask(self) -> None:
        started = time.monotonic()
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._store.ping()
            self._failure = None
        except StoreError as failure:
            self._failure = failure
        except TimeoutError:
            self._failure = StoreUnavailableError()
        self._asked_at = time.monotonic()
        self._latency_ms = round((self._asked_at - started) * 1000, 1)
