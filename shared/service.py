"""Use cases: what a chat application asks for, on top of the verbs a store has."""

import asyncio
import secrets
import time
import uuid
from collections.abc import Sequence
from datetime import datetime

from shared.errors import (
    PayloadTooLargeError,
    SessionExistsError,
    SessionNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from shared.models import (
    MAX_REQUEST_MESSAGES_BYTES,
    Appended,
    MessageInput,
    NewMessage,
    NewSession,
    Session,
    SessionInput,
    SessionTarget,
    stored_bytes,
    utc_now,
)
from shared.settings import Settings
from shared.store.documents import documents_bytes
from shared.store.port import SessionStore

HEALTH_SECONDS = 2.0  # an answer about the store's health is good for this long
PING_SECONDS = 3.0


class ChatService:
    """Decides ids, times, defaults and limits; everything else a caller asks the store directly."""

    def __init__(self, store: SessionStore, settings: Settings) -> None:
        """Work on this store, with these settings."""
        self.store = store
        self._settings = settings
        self._health = HealthCheck(store)

    async def create_session(self, user_id: str, wanted: SessionInput) -> Session:
        """Create a session; raises SessionExistsError when the owner has one by that id."""
        return await self.store.create(self._new_session(user_id, wanted, utc_now()))

    async def append(self, user_id: str, session_id: str, messages: Sequence[MessageInput]) -> Appended:
        """Append messages to a session that exists; see SessionStore.append, and raises PayloadTooLargeError."""
        return await self.store.append(user_id, session_id, self._new_messages(messages, utc_now()))

    async def append_anywhere(
        self, user_id: str, target: SessionTarget, messages: Sequence[MessageInput]
    ) -> tuple[str, Appended]:
        """Append messages to the session named, or to a new one when it is unnamed or not there yet."""
        wanted = SessionInput(id=target.session_id, channel=target.channel, session_name=target.session_name)
        now = utc_now()
        session = self._new_session(user_id, wanted, now)
        new_messages = self._new_messages(messages, now)
        if target.session_id is not None:
            try:
                return session.id, await self.store.append(user_id, session.id, new_messages)
            except SessionNotFoundError:
                pass  # then it is made, with the messages in it
        try:
            await self.store.create(session, new_messages)
        except SessionExistsError:  # somebody else made it meanwhile
            return session.id, await self.store.append(user_id, session.id, new_messages)
        return session.id, _first_messages(user_id, new_messages)

    async def health(self) -> float:
        """Return the store's latency in milliseconds; raises StoreUnavailableError."""
        return await self._health.latency_ms()

    def _new_session(self, user_id: str, wanted: SessionInput, now: datetime) -> NewSession:
        channel_ttl = self._settings.channel_ttl_seconds.get(wanted.channel, self._settings.session_ttl_seconds)
        ttl = channel_ttl if wanted.ttl_seconds is None else wanted.ttl_seconds
        return NewSession(
            **wanted.model_dump(exclude={"id", "ttl_seconds"}),
            id=wanted.id or str(uuid.uuid4()),
            user_id=user_id,
            ttl_seconds=ttl,
            created_at=now,
        )

    def _new_messages(self, messages: Sequence[MessageInput], now: datetime) -> list[NewMessage]:
        new = [_new_message(message, now) for message in messages]
        self._check_sizes(new)
        return new

    def _check_sizes(self, messages: Sequence[NewMessage]) -> None:
        limit = self._settings.max_message_bytes
        for message in messages:
            text = message.content
            size = len(text.encode()) if isinstance(text, str) else stored_bytes(text)
            if size > limit:
                raise PayloadTooLargeError("The content of a message", size, limit)
        total = documents_bytes(message.document() for message in messages)
        if total > MAX_REQUEST_MESSAGES_BYTES:
            raise PayloadTooLargeError("The messages of this request together", total, MAX_REQUEST_MESSAGES_BYTES)


def _new_message(message: MessageInput, now: datetime) -> NewMessage:
    """Return a message that has been validated already, with what the service decides."""
    fields = dict(message)
    role = fields.pop("message_type")
    return NewMessage.model_construct(
        **fields
        | {
            "id": message.id or secrets.token_hex(10),
            "role": message.role or role,
            "content": "" if message.content is None else message.content,
            "created_at": now,
        }
    )


def _first_messages(user_id: str, messages: Sequence[NewMessage]) -> Appended:
    stored = [message.placed(seq, user_id) for seq, message in enumerate(messages, 1)]
    return Appended(messages=stored, message_count=len(stored), created=True)


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
