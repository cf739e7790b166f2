"""The store as an import sees it: patient with outages, only looked at in a dry run, read back for comparison."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from typing import TypeVar

from shared.errors import (
    PreconditionFailedError,
    SessionExistsError,
    SessionNotFoundError,
    StoreError,
    StoreUnusableError,
)
from shared.models import ImportedMessage, ImportedSession, Message, MessageQuery, Session, SessionChanges
from shared.store.port import SessionStore

MAX_PAUSE_SECONDS = 30.0
PAGE = 200
COMPARED = {"session_name", "channel", "context", "tags", "pinned", "status", "created_at"}

Result = TypeVar("Result")


def says_the_same(found: Session, session: ImportedSession) -> bool:
    """Return whether a stored session says of itself what the imported one does."""
    return found.model_dump(include=COMPARED) == session.model_dump(include=COMPARED)


class Target:
    """Where sessions are stored; a dry run may do without a store that does not exist yet."""

    def __init__(self, store: SessionStore | None, *, dry_run: bool, patience_seconds: float) -> None:
        """Wait so long in all for a store that does not answer before its StoreError is raised."""
        self._store, self._dry_run, self._patience_seconds = store, dry_run, patience_seconds

    async def put(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> bool:
        """Import a session; False if it was before; raises SessionExistsError where another one has its id."""
        store = self._store
        if store is None:
            return True
        if not self._dry_run:
            return await self._patiently(lambda: store.import_session(session, messages)) is not None
        found = await self.find(session.user_id, session.id)
        if found is not None and found.fingerprint != session.fingerprint:
            raise SessionExistsError
        return found is None

    async def find(self, user_id: str, session_id: str) -> Session | None:
        """Return a session; None when the owner has none by that id."""
        store = self._store
        if store is None:
            return None
        try:
            return await self._patiently(lambda: store.get(user_id, session_id))
        except SessionNotFoundError:
            return None

    async def holds(self, user_id: str, session_id: str, messages: Sequence[ImportedMessage]) -> bool:
        """Return whether a session has each of these messages, exactly as they are."""
        missing = {message.id: message.document() for message in messages}
        async for stored in self._messages(user_id, session_id):
            wanted = missing.pop(stored.id, None)
            if wanted is not None and wanted != stored.document():
                return False
        return not missing

    async def proven(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        """Return a session that was imported before, if it has each of these messages; None if that is not certain.

        A replica that lags would still show what was deleted meanwhile, so a write on condition of the etag, which
        changes nothing but `updated_at`, proves what was read: only the newest state lets it pass.
        """
        store, found = self._store, await self.find(session.user_id, session.id)
        if store is None or found is None or not await self.holds(session.user_id, session.id, messages):
            return None
        nothing_new = SessionChanges(pinned=found.pinned)
        try:
            return await self._patiently(
                lambda: store.update(session.user_id, session.id, nothing_new, if_match=found.etag)
            )
        except (PreconditionFailedError, SessionNotFoundError):
            return None

    async def is_as_imported(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> bool:
        """Return whether a session reads back exactly as it was sent, nothing more and nothing less."""
        found = await self.find(session.user_id, session.id)
        if found is None or not says_the_same(found, session):
            return False
        same_length = found.message_count == len(messages)
        return same_length and await self.holds(session.user_id, session.id, messages)

    async def _messages(self, user_id: str, session_id: str) -> AsyncIterator[Message]:
        store = self._store
        query: MessageQuery | None = MessageQuery(limit=PAGE, order="asc")
        while store is not None and query:
            asked = query
            try:
                page = await self._patiently(lambda: store.read_messages(user_id, session_id, asked))  # noqa: B023
            except SessionNotFoundError:
                return
            for message in page.messages:
                yield message
            query = query.after_page(page)

    async def _patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        waited = 0.0
        for attempt in count():
            try:
                return await ask()
            except StoreError as error:
                if waited >= self._patience_seconds or isinstance(error, StoreUnusableError):
                    raise
                pause = min(error.retry_after_seconds * 2.0**attempt, MAX_PAUSE_SECONDS)
                pause *= random.uniform(0.5, 1)  # noqa: S311 - to spread tries, not to hide anything
                await asyncio.sleep(pause)
                waited += pause
        raise AssertionError
