"""The port's verbs on SQLite, each one transaction."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TypeVar

from typing_extensions import override

from shared.errors import (
    MessageConflictError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionExistsError,
    SessionNotFoundError,
)
from shared.models import (
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
    ReplyUsage,
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
    utc_now,
)
from shared.settings import DEFAULT_ARCHIVE_TTL_SECONDS
from shared.store.port import SessionStore
from shared.store.rules import conflicting_ids, counts_after_rewind, ends_with, last_kept_seq, status_change
from shared.store.sqlite import messages as message_table
from shared.store.sqlite import sessions as session_table
from shared.store.sqlite import shares as share_table
from shared.store.sqlite import turns
from shared.store.sqlite.counting import owner_stats
from shared.store.sqlite.database import Database, Parameter, Transaction
from shared.store.sqlite.schema import BUSY_SECONDS
from shared.store.sqlite.search import search

Result = TypeVar("Result")


class SqliteStore(SessionStore):
    """Keeps sessions in one file that any number of processes may share; expiry is exact by `clock`."""

    name = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
        archive_ttl_seconds: int = DEFAULT_ARCHIVE_TTL_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Name the file; it and its folder are made at the first use. Writers wait `busy_seconds` for one another."""
        self._database = Database(path, clock, busy_seconds, tidy=turns.end_abandoned)
        self._archive_ttl_seconds = archive_ttl_seconds

    @override
    async def create(
        self, session: NewSession, messages: Sequence[NewMessage] = (), lease: Lease | None = None
    ) -> Session:
        owned = session.user_id, session.id

        def work(transaction: Transaction) -> Session:
            if session_table.find_any(transaction, *owned):
                raise SessionExistsError
            session_table.remove(transaction, *owned)
            session_table.insert(transaction, session, messages, self._archive_ttl_seconds, lease=lease)
            message_table.insert(transaction, *owned, messages, first_seq=1)
            return _session(transaction, *owned)

        return await self._write(work)

    @override
    async def import_session(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Session | None:
        owned = session.user_id, session.id

        def work(transaction: Transaction) -> Session | None:
            found = session_table.find_any(transaction, *owned)
            if found:
                if session.fingerprint is None or found["fingerprint"] != session.fingerprint:
                    raise SessionExistsError
                return None
            session_table.remove(transaction, *owned)
            session_table.insert_imported(transaction, session, messages, self._archive_ttl_seconds)
            first_seq = session.last_seq - len(messages) + 1
            message_table.insert(transaction, *owned, messages, first_seq=first_seq)
            return session_table.just_written(transaction, *owned)

        return await self._write(work)

    @override
    async def catch_up(self, user_id: str, session_id: str) -> None:
        """Do nothing: there is one state."""

    @override
    async def get(self, user_id: str, session_id: str) -> Session:
        return await self._database.read(lambda transaction: _session(transaction, user_id, session_id))

    @override
    async def read(
        self, user_id: str, session_id: str, limit: int, *, as_of: str | None = None
    ) -> tuple[Session, MessagePage]:
        def work(transaction: Transaction) -> tuple[Session, MessagePage]:
            session = _session(transaction, user_id, session_id)
            return session, message_table.page(transaction, user_id, session_id, MessageQuery(limit=limit))

        return await self._database.read(work)

    @override
    async def list_sessions(
        self, user_id: str, wanted: SessionFilter, limit: int, after: SessionKey | None = None
    ) -> SessionPage:
        return await self._database.read(
            lambda transaction: session_table.list_matching(transaction, user_id, wanted, limit, after)
        )

    @override
    async def walk_sessions(self, user_id: str, limit: int, after_id: str = "") -> list[Session]:
        return await self._database.read(
            lambda transaction: session_table.list_by_id(transaction, user_id, limit, after_id)
        )

    @override
    async def update(
        self, user_id: str, session_id: str, changes: SessionChanges, if_match: str | None = None
    ) -> Session:
        def work(transaction: Transaction) -> Session:
            row = session_table.find(transaction, user_id, session_id)
            session_table.require_match(row, if_match)
            given, now = changes.given(), format_time(transaction.now)
            status = status_change(
                was_active=row["status"] == "active", is_active=given.pop("is_active", None), now=now
            )
            if given or status:
                columns = {**session_table.columns_of(given), **status, "updated_at": now}
                session_table.change(transaction, row, columns, self._archive_ttl_seconds)
            return _session(transaction, user_id, session_id)

        return await self._write(work)

    @override
    async def delete(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        def work(transaction: Transaction) -> None:
            row = session_table.find(transaction, user_id, session_id)
            session_table.require_match(row, if_match)
            session_table.remove(transaction, user_id, session_id)

        await self._write(work)

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
        def work(transaction: Transaction) -> Appended:
            row = session_table.find(transaction, user_id, session_id)
            known = message_table.with_ids(transaction, user_id, session_id, [message.id for message in messages])
            conflicts = conflicting_ids(messages, dict(known))
            if len(known) == len(messages) and not conflicts:
                return _stored_before(row, [known[message.id] for message in messages])
            session_table.require_match(row, if_match)
            if row["status"] != "active":
                raise SessionArchivedError
            if conflicts:
                raise MessageConflictError(conflicts)
            return self._put(transaction, row, messages, row["last_seq"], turns.columns(transaction, row, turn))

        return await self._write(work)

    @override
    async def hold_turn(self, user_id: str, session_id: str, lease: Lease) -> None:
        await self._write(lambda transaction: turns.hold(transaction, user_id, session_id, lease))

    @override
    async def end_turn(self, user_id: str, session_id: str, holder: str) -> None:
        await self._write(lambda transaction: turns.end(transaction, user_id, session_id, holder))

    @override
    async def stop_turn(self, user_id: str, session_id: str, reply_id: str) -> bool:
        return await self._write(lambda transaction: turns.stop(transaction, user_id, session_id, reply_id))

    @override
    async def replace_tail(
        self,
        user_id: str,
        session_id: str,
        after_seq: int,
        messages: Sequence[NewMessage],
        if_match: str | None = None,
    ) -> Appended:
        def work(transaction: Transaction) -> Appended:
            row = session_table.find(transaction, user_id, session_id)
            first_seq = session_table.first_seq(row)
            kept_seq = min(last_kept_seq(after_seq, first_seq), row["last_seq"])
            newest = message_table.newest(transaction, user_id, session_id, len(messages))
            if row["last_seq"] - len(messages) <= kept_seq and ends_with(messages, newest):
                return _stored_before(row, newest)
            session_table.require_match(row, if_match)
            if row["status"] != "active":
                raise SessionArchivedError
            known = message_table.with_ids(transaction, user_id, session_id, [message.id for message in messages])
            kept = [message.id for message in messages if message.id in known and known[message.id].seq <= kept_seq]
            if kept:
                raise MessageConflictError(kept)
            message_table.remove_after(transaction, user_id, session_id, kept_seq)
            taken_away = {"lease": None} if kept_seq < row["last_seq"] else {}
            return self._put(transaction, row, messages, kept_seq, taken_away)

        return await self._write(work)

    @override
    async def read_messages(self, user_id: str, session_id: str, query: MessageQuery) -> MessagePage:
        def work(transaction: Transaction) -> MessagePage:
            session_table.find(transaction, user_id, session_id)
            return message_table.page(transaction, user_id, session_id, query)

        return await self._database.read(work)

    @override
    async def get_message(self, user_id: str, session_id: str, message_id: str) -> Message:
        def work(transaction: Transaction) -> Message:
            session_table.find(transaction, user_id, session_id)
            return message_table.find(transaction, user_id, session_id, message_id)

        return await self._database.read(work)

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
        def work(transaction: Transaction) -> Edited:
            row = session_table.find(transaction, user_id, session_id)
            found = message_table.find(transaction, user_id, session_id, message_id)
            session_table.require_match(row, if_match)
            changed = change(found)
            message_table.replace(transaction, session_id, changed)
            updated = {"updated_at": format_time(transaction.now), **turns.columns(transaction, row, turn)}
            etag = session_table.change(transaction, row, updated, self._archive_ttl_seconds)
            return Edited(message=changed, etag=etag)

        return await self._write(work)

    @override
    async def search(self, user_id: str, query: SearchQuery, after: SearchKey | None = None) -> SearchPage:
        return await self._database.read(lambda transaction: search(transaction, user_id, query, after))

    @override
    async def stats(self, user_id: str, session_id: str) -> SessionStats:
        return await self._database.read(lambda transaction: _stats(transaction, user_id, session_id))

    @override
    async def owner_stats(self, user_id: str, days: Sequence[str]) -> OwnerStats:
        return await self._database.read(lambda transaction: owner_stats(transaction, user_id, days))

    @override
    async def add_share(self, user_id: str, session_id: str, share: Share) -> None:
        await self._write(
            lambda transaction: share_table.insert(transaction, user_id, session_id, share, self._archive_ttl_seconds)
        )

    @override
    async def list_shares(self, user_id: str, session_id: str) -> list[Share]:
        return await self._database.read(lambda transaction: share_table.of_session(transaction, user_id, session_id))

    @override
    async def remove_share(self, user_id: str, session_id: str, share_id: str) -> None:
        await self._write(
            lambda transaction: share_table.remove(
                transaction, user_id, session_id, share_id, self._archive_ttl_seconds
            )
        )

    @override
    async def find_share(self, token_hash: str) -> tuple[Session, Share]:
        return await self._database.read(lambda transaction: share_table.find(transaction, token_hash))

    @override
    async def clear(self, user_id: str, session_id: str, if_match: str | None = None) -> None:
        def work(transaction: Transaction) -> None:
            row = session_table.find(transaction, user_id, session_id)
            session_table.require_match(row, if_match)
            message_table.remove_all(transaction, user_id, session_id)
            emptied = {
                "message_count": 0,
                "last_message_at": None,
                "updated_at": format_time(transaction.now),
                "lease": None,
            }
            session_table.change(transaction, row, emptied, self._archive_ttl_seconds)

        await self._write(work)

    @override
    async def rewind(self, user_id: str, session_id: str, after_seq: int, if_match: str | None = None) -> None:
        def work(transaction: Transaction) -> None:
            row = session_table.find(transaction, user_id, session_id)
            session_table.require_match(row, if_match)
            first_seq = session_table.first_seq(row)
            seq = last_kept_seq(after_seq, first_seq)
            if seq >= row["last_seq"]:
                return
            newest = message_table.remove_after(transaction, user_id, session_id, seq)
            moved = {"last_message_at": newest, "updated_at": format_time(transaction.now), "lease": None}
            counted = counts_after_rewind(first_seq, seq)
            session_table.change(transaction, row, {**counted, **moved}, self._archive_ttl_seconds)

        await self._write(work)

    @override
    async def idle_sessions(
        self, idle_since: datetime, limit: int, after: IdleSession | None = None
    ) -> list[IdleSession]:
        return await self._database.read(
            lambda transaction: session_table.list_idle(transaction, idle_since, limit, after)
        )

    @override
    async def archive_idle(self, session: IdleSession) -> bool:
        try:
            await self.update(session.user_id, session.id, SessionChanges(is_active=False), session.etag)
        except (PreconditionFailedError, SessionNotFoundError):
            return False
        return True

    @override
    async def maintain(self, limit: int) -> int:
        done = 0
        while done < limit:
            ended = await self._database.write(session_table.purge_expired)
            if ended is None:
                break
            done += ended
        return done

    @override
    async def erase(self, user_id: str, budget_seconds: float) -> Erased:
        deadline = monotonic() + budget_seconds
        sessions = messages = 0
        while monotonic() < deadline:
            row = await self._database.write(lambda transaction: session_table.erase_one(transaction, user_id))
            if row is None:
                return Erased(sessions=sessions, messages=messages, done=True)
            if not row["expired"]:
                sessions += 1
                messages += row["message_count"]
        return Erased(sessions=sessions, messages=messages, done=False)

    @override
    async def ping(self) -> None:
        await self._database.check()

    @override
    async def close(self) -> None:
        await self._database.close()

    async def _write(self, work: Callable[[Transaction], Result]) -> Result:
        def work_and_purge(transaction: Transaction) -> Result:
            result = work(transaction)
            session_table.purge_expired(transaction)
            return result

        return await self._database.write(work_and_purge)

    def _put(
        self,
        transaction: Transaction,
        row: sqlite3.Row,
        messages: Sequence[NewMessage],
        after_seq: int,
        changed: Mapping[str, Parameter],
    ) -> Appended:
        """Store messages as those that follow `after_seq`, the newest one that is there; also change these columns."""
        user_id, session_id = row["user_id"], row["id"]
        first_seq = session_table.first_seq(row)
        stored = message_table.insert(transaction, user_id, session_id, messages, first_seq=after_seq + 1)
        newest = message_table.newest(transaction, user_id, session_id, 1)
        last_message_at = format_time(newest[0].created_at) if newest else None
        moved = {"last_activity_at": last_message_at} if stored else {}
        columns = {
            **counts_after_rewind(first_seq, after_seq + len(stored)),
            **moved,
            "last_message_at": last_message_at,
            "updated_at": last_message_at if stored else format_time(transaction.now),
            **changed,
        }
        etag = session_table.change(transaction, row, columns, self._archive_ttl_seconds)
        message_count = int(columns["message_count"] or 0)
        return Appended(messages=stored, message_count=message_count, created=bool(stored), etag=etag)


def _stored_before(row: sqlite3.Row, messages: list[Message]) -> Appended:
    return Appended(messages=messages, message_count=row["message_count"], created=False, etag=row["etag"])


def _session(transaction: Transaction, user_id: str, session_id: str) -> Session:
    return session_table.session_from(session_table.find(transaction, user_id, session_id))


def _stats(transaction: Transaction, user_id: str, session_id: str) -> SessionStats:
    row = session_table.find(transaction, user_id, session_id)
    session = session_table.session_from(row)
    oldest = message_table.page(transaction, user_id, session_id, MessageQuery(limit=1, order="asc")).messages
    return SessionStats(
        message_count=session.message_count,
        by_role=message_table.count_by_role(transaction, user_id, session_id),
        first_message_at=oldest[0].created_at if oldest else None,
        last_message_at=session.last_message_at,
        is_active=session.status == "active",
        usage=ReplyUsage.model_validate(dict(row)),
    )
