"""Work that no request waits for: archiving idle sessions, finishing what crashes left, erasing an owner."""

import logging
from contextlib import suppress
from time import monotonic

from shared.errors import PreconditionFailedError, SessionNotFoundError, StoreError
from shared.logs import trace
from shared.models import Erased, IdleSession, JsonObject, SessionChanges, format_time, utc_now
from shared.store.cosmos.changes import SettingsChange, clear_pending, update
from shared.store.cosmos.concurrency import AT_ONCE, for_each
from shared.store.cosmos.errors import ItemError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import all_of, matching, set_fields, without_pages, writable
from shared.store.cosmos.head import Head
from shared.store.cosmos.items import Items
from shared.store.cosmos.lifecycle import abandon, delete, finish_delete
from shared.store.cosmos.pages import session_of, sweep
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.renewal import renew
from shared.store.cosmos.versions import VERSION_COLUMNS, Version
from shared.store.rules import applied_ttl

logger = logging.getLogger(__name__)

BUILDING_SECONDS = 900  # nobody builds this long: a function ends after 300 seconds, an HTTP answer after 230
HEADS_AT_ONCE = 100
NOBODY = "nobody"  # an id to ask a partition about; it does not matter whether it is there

_IDLE = (
    "SELECT TOP @limit c.id, c.user_id, c.last_activity_at, c.ttl_seconds, c.log.generation, @version FROM c"
    " WHERE c.type = 'session' AND c.status = 'active' AND c.pinned = false AND c.last_activity_at <= @idle_since"
).replace("@version", VERSION_COLUMNS)
_AFTER = (
    " AND (c.last_activity_at > @at OR (c.last_activity_at = @at"
    " AND (c.user_id > @user_id OR (c.user_id = @user_id AND c.id > @id))))"
)
_ORDER = " ORDER BY c.type, c.status, c.pinned, c.last_activity_at, c.user_id, c.id"

_PENDING = (
    "SELECT TOP @limit c.id, c.user_id FROM c WHERE c.type = 'session' AND c.pending = true"
    " AND (NOT IS_DEFINED(c.building.since) OR c.building.since <= @abandoned)"
)


async def idle_sessions(items: Items, idle_since: str, limit: int, after: IdleSession | None) -> list[IdleSession]:
    """Return idle sessions of all owners; see SessionStore.idle_sessions."""
    parameters: JsonObject = {"idle_since": idle_since}
    if after is not None:
        parameters |= {"at": format_time(after.last_activity_at), "user_id": after.user_id, "id": after.id}
    sql = f"{_IDLE}{_AFTER if after else ''}{_ORDER}".replace("@limit", f"{limit:d}")
    rows = await items.query_everywhere(sql, parameters, limit)
    return [
        IdleSession(
            last_activity_at=row["last_activity_at"],
            user_id=row["user_id"],
            id=row["id"],
            ttl_seconds=row["ttl_seconds"],
            has_pages=row["generation"] > 1,
            etag=Version.of_row(row).etag,
        )
        for row in rows
    ]


async def archive_idle(partition: Partition, session: IdleSession, archive_ttl: int) -> bool:
    """Archive a session that is still as it was seen; see SessionStore.archive_idle."""
    if session.has_pages:
        return await _archive_with_pages(partition, session, archive_ttl)
    now = format_time(utc_now())
    ttl = applied_ttl(session.ttl_seconds, archive_ttl, pinned=False, status="archived")
    fields = set_fields(status="archived", archived_at=now, updated_at=now, ttl=ttl)
    try:
        where = all_of(writable(partition.now), without_pages(), *matching(session.etag))
        await partition.patch(session.id, fields, where, no_response=True)
    except ItemRefusedError as error:
        if error.repeated:  # perhaps by the try whose answer was lost
            return await _archived_at(partition, session) == now
        return await _archive_with_pages(partition, session, archive_ttl)
    except ItemMissingError:
        return False
    return True


async def _archived_at(partition: Partition, session: IdleSession) -> str | None:
    try:
        archived_at: str | None = (await partition.read(session.id))["archived_at"]
    except ItemMissingError:
        return None
    return archived_at


async def _archive_with_pages(partition: Partition, session: IdleSession, archive_ttl: int) -> bool:
    """Archive a session whose pages must outlive their head, or which is due for renewal, if its etag still holds."""
    change = SettingsChange.of(SessionChanges(is_active=False), session.etag, archive_ttl)
    try:
        await update(partition, session.id, change)
    except (PreconditionFailedError, SessionNotFoundError):
        return False
    return True


async def maintain(items: Items, limit: int) -> int:
    """Finish what is pending; see SessionStore.maintain. What has expired the service removes by itself."""
    parameters: JsonObject = {"abandoned": int(items.clock()) - BUILDING_SECONDS}
    rows = await items.query_everywhere(_PENDING.replace("@limit", f"{limit:d}"), parameters, limit)
    finished = [await _finish_alone(items.of(row["user_id"]), row["id"]) for row in rows]
    return sum(finished)


async def _finish_alone(partition: Partition, session_id: str) -> bool:
    """Finish one session for itself: if it cannot be done now, the others are not kept waiting."""
    try:
        return await _finish(partition, session_id)
    except (StoreError, ItemError) as error:
        logger.warning("a pending session could not be finished\n%s", trace(error))
        return False


async def _finish(partition: Partition, session_id: str) -> bool:
    """Finish one session; return whether that was done here and now, so that nobody comes back for it at once."""
    try:
        head = Head(await partition.read(session_id))
        if head.building is not None and head.building["since"] > partition.now - BUILDING_SECONDS:
            return False
        if head.is_hidden:
            await finish_delete(partition, head)
            return True
        if head.building is not None:
            head = await abandon(partition, head, head.building["epoch"])
        renewed = await renew(partition, head) if head.counted_pages else head
        await clear_pending(partition, await sweep(partition, session_id) or renewed)
    except (ItemMissingError, ItemRefusedError):
        return False  # somebody else went on with it
    return True


async def erase(partition: Partition, budget_seconds: float) -> Erased:
    """Delete the owner's sessions until none is found, then pages without one; see SessionStore.erase."""
    deadline = monotonic() + budget_seconds
    sessions = messages = 0
    await partition.pin(NOBODY)  # whatever replica answers now has all that the owner had when this began
    while monotonic() < deadline:
        rows = await _heads(partition)
        if not rows:
            await _sweep_orphans(partition)
            return Erased(sessions=sessions, messages=messages, done=True)
        for start in range(0, len(rows), AT_ONCE):
            if monotonic() >= deadline:
                break
            some = rows[start : start + AT_ONCE]
            erased = await for_each(some, lambda row: _erase_one(partition, row["id"]))
            sessions += sum(erased)
            messages += sum(row["message_count"] for row, done in zip(some, erased, strict=True) if done)
    return Erased(sessions=sessions, messages=messages, done=False)


async def _heads(partition: Partition) -> list[JsonObject]:
    sql = f"SELECT TOP {HEADS_AT_ONCE} c.id, c.message_count FROM c WHERE c.type = 'session'"  # noqa: S608 - a constant
    return await partition.query(sql, {}, at_most=HEADS_AT_ONCE)


async def _erase_one(partition: Partition, session_id: str) -> bool:
    """Delete a session; return whether there was one for its owner to see."""
    try:
        await delete(partition, session_id)
    except SessionNotFoundError:
        return False
    return True


async def _sweep_orphans(partition: Partition) -> None:
    """Remove pages whose session is gone: a rotator that lost its session may have left one."""
    found = await partition.query("SELECT VALUE c.id FROM c WHERE c.type = 'page'", {})
    for session_id in {session_of(item_id) for item_id in found}:
        with suppress(ItemRefusedError):
            await sweep(partition, session_id)
