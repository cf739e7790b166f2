"""The Cosmos DB store: the port's verbs, each on the module that knows how."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from typing_extensions import override

from shared.errors import PreconditionFailedError
from shared.models import (
    ROLES,
    Appended,
    Edited,
    Erased,
    IdleSession,
    ImportedMessage,
    ImportedSession,
    Lease,
    Message,
    MessagePage,
    MessageQuery,
    NewMessage,
    NewSession,
    OwnerStats,
    Replied,
    SearchKey,
    SearchPage,
    SearchQuery,
    Session,
    SessionChanges,
    SessionFilter,
    SessionKey,
    SessionPage,
    SessionStats,
    Share,
    format_time,
)
from shared.settings import DEFAULT_ARCHIVE_TTL_SECONDS, Settings
from shared.store.cosmos import (
    counting,
    editing,
    history,
    importing,
    lifecycle,
    listing,
    log,
    maintenance,
    search,
    shares,
    turns,
)
from shared.store.cosmos.background import Background
from shared.store.cosmos.changes import SettingsChange, update
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.errors import ItemMissingError
from shared.store.cosmos.items import Items
from shared.store.cosmos.limits import Clock, Limits
from shared.store.cosmos.rewinding import replace_tail, rewind
from shared.store.port import SessionStore


class CosmosStore(SessionStore):
    """Sessions in one Cosmos DB container, partitioned by owner: see docs/storage.md for the documents."""

    name = "cosmos"

    def __init__(  # noqa: PLR0913 - where the container is takes four names
        self,
        endpoint: str,
        key: str | None,
        database: str,
        container: str,
        *,
        emulator: bool = False,
        archive_ttl_seconds: int = DEFAULT_ARCHIVE_TTL_SECONDS,
        clock: Clock = time.time,
        limits: Limits | None = None,
        background: Background | None = None,
        traced: bool = False,
    ) -> None:
        """Remember where the container is; nothing is sent before the first verb."""
        self._connection = Connection(
            endpoint, key, database, container, emulator=emulator, limits=limits, traced=traced
        )
        self._items = Items(self._connection, clock, background)
        self._archive_ttl = archive_ttl_seconds

    @classmethod
    def from_settings(cls, settings: Settings) -> "CosmosStore":
        """Make the store that the settings name."""
        return cls(
            settings.cosmos_endpoint or "",
            settings.cosmos_key,
            settings.cosmos_database,
            settings.cosmos_container,
            emulator=settings.cosmos_emulator,
            archive_ttl_seconds=settings.archive_ttl_seconds,
            traced=settings.opentelemetry,
        )

    @override
    async def create(
        self, session: NewSession, messages: Sequence[NewMessage] = (), lease: Lease | None = None
    ) -> Session:
        return await lifecycle.create(self._items.of(session.user_id), session, messages, lease)

    @override
    async def import_session(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        return await importing.import_session(
            self._items.of(session.user_id), session, messages, archive_ttl=self._archive_ttl
        )

    @override
    async def catch_up(self, user_id: str, session_id: str) -> None:
        await self._items.of(user_id).pin(session_id)

    @override
    async def get(self, user_id: str, session_id: str) -> Session:
        return (await log.read_head(self._items.of(user_id), session_id)).session()

    @override
    async def read(
        self, user_id: str, session_id: str, limit: int, *, as_of: str | None = None
    ) -> tuple[Session, MessagePage]:
        partition = self._items.of(user_id)
        head, page = await history.read_session(partition, session_id, MessageQuery(limit=limit), as_of=as_of)
        return head.session(), page

    @override
    async def list_sessions(
        self, user_id: str, wanted: SessionFilter, limit: int, after: SessionKey | None = None
    ) -> SessionPage:
        return await listing.list_sessions(self._items.of(user_id), wanted, limit, after)

    @override
    async def walk_sessions(self, user_id: str, limit: int, after_id: str = "") -> list[Session]:
        return await listing.walk_sessions(self._items.of(user_id), limit, after_id)

    @override
    async def update(
        self, user_id: str, session_id: str, changes: SessionChanges, if_match: str | None = None
    ) -> Session:
        if not changes.given():
            return await self._unchanged(user_id, session_id, if_match)
        change = SettingsChange.of(changes, if_match, self._archive_ttl)
        return await update(self._items.of(user_id), session_id, change)

    async def _unchanged(self, user_id: str, session_id: str, if_match: str | None) -> Session:
        session = await self.get(user_id, session_id)
        if if_match not in {None, session.etag}:
            raise PreconditionFailedError
        return session

    @override
    async def delete(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        await lifecycle.delete(self._items.of(user_id), session_id, if_match)

    @override
    async def append(
        self,
        user_id: str,
        session_id: str,
        messages: Sequence[NewMessage],
        if_match: str | None = None,
        *,
        turn: Lease | Replied | None = None,
    ) -> Appended:
        return await log.append(self._items.of(user_id), session_id, messages, if_match, turn=turn)

    @override
    async def hold_turn(self, user_id: str, session_id: str, lease: Lease) -> None:
        await turns.hold(self._items.of(user_id), session_id, lease)

    @override
    async def end_turn(self, user_id: str, session_id: str, holder: str) -> None:
        await turns.end(self._items.of(user_id), session_id, holder)

    @override
    async def stop_turn(self, user_id: str, session_id: str, reply_id: str) -> bool:
        return await turns.stop(self._items.of(user_id), session_id, reply_id)

    @override
    async def replace_tail(
        self,
        user_id: str,
        session_id: str,
        after_seq: int,
        messages: Sequence[NewMessage],
        if_match: str | None = None,
    ) -> Appended:
        return await replace_tail(self._items.of(user_id), session_id, after_seq, messages, if_match)

    @override
    async def read_messages(self, user_id: str, session_id: str, query: MessageQuery) -> MessagePage:
        return (await history.read_session(self._items.of(user_id), session_id, query))[1]

    @override
    async def get_message(self, user_id: str, session_id: str, message_id: str) -> Message:
        return await editing.read_message(self._items.of(user_id), session_id, message_id)

    @override
    async def edit_message(
        self,
        user_id: str,
        session_id: str,
        message_id: str,
        change: Callable[[Message], Message],
        if_match: str | None = None,
        *,
        turn: Replied | None = None,
    ) -> Edited:
        return await editing.edit_message(self._items.of(user_id), session_id, message_id, change, if_match, turn=turn)

    @override
    async def search(self, user_id: str, query: SearchQuery, after: SearchKey | None = None) -> SearchPage:
        return await search.search(self._items.of(user_id), query, after)

    @override
    async def stats(self, user_id: str, session_id: str) -> SessionStats:
        head = await log.read_head(self._items.of(user_id), session_id)
        roles = Counter(head.count_roles())
        return SessionStats.model_validate(
            {
                "message_count": head.document["message_count"],
                "by_role": {role: roles[role] for role in ROLES},
                "first_message_at": head.first_message_at(),
                "last_message_at": head.last_message_at(),
                "is_active": head.status == "active",
                "usage": head.usage,
            }
        )

    @override
    async def owner_stats(self, user_id: str, days: Sequence[str]) -> OwnerStats:
        return await counting.owner_stats(self._items.of(user_id), days)

    @override
    async def add_share(self, user_id: str, session_id: str, share: Share) -> None:
        await shares.add_share(self._items.of(user_id), session_id, share)

    @override
    async def list_shares(self, user_id: str, session_id: str) -> list[Share]:
        return await shares.list_shares(self._items.of(user_id), session_id)

    @override
    async def remove_share(self, user_id: str, session_id: str, share_id: str) -> None:
        await shares.remove_share(self._items.of(user_id), session_id, share_id)

    @override
    async def find_share(self, token_hash: str) -> tuple[Session, Share]:
        return await shares.find_share(self._items, token_hash)

    @override
    async def clear(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        await lifecycle.clear(self._items.of(user_id), session_id, if_match)

    @override
    async def rewind(self, user_id: str, session_id: str, after_seq: int, if_match: str | None = None) -> None:
        await rewind(self._items.of(user_id), session_id, after_seq, if_match)

    @override
    async def idle_sessions(
        self, idle_since: datetime, limit: int, after: IdleSession | None = None
    ) -> list[IdleSession]:
        return await maintenance.idle_sessions(self._items, format_time(idle_since), limit, after)

    @override
    async def archive_idle(self, session: IdleSession) -> bool:
        return await maintenance.archive_idle(self._items.of(session.user_id), session, self._archive_ttl)

    @override
    async def maintain(self, limit: int) -> int:
        return await maintenance.maintain(self._items, limit)

    @override
    async def erase(self, user_id: str, budget_seconds: float) -> Erased:
        return await maintenance.erase(self._items.of(user_id), budget_seconds)

    @override
    async def ping(self) -> None:
        with suppress(ItemMissingError):
            await self._items.of("health").read("health")

    async def settle(self) -> None:
        """Return when nothing is being done behind answers any more."""
        await self._items.background.settle()

    @override
    async def close(self) -> None:
        await self.settle()
        await self._connection.close()
