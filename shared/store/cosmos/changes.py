"""Changing a session's settings, its time to live and its status, each in one guarded write of the head."""

from dataclasses import dataclass, replace
from time import time

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.models import KEEP, JsonObject, Session, SessionChanges, format_time, utc_now
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import VISIBLE, literal, log_unchanged_since, writable
from shared.store.cosmos.head import FAR_FUTURE, Head, folded_name, last_message_hint, renewal_due
from shared.store.cosmos.log import read_head, renew_if_due
from shared.store.cosmos.pages import lengthen_pages, list_counted, shorten_pages
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.retry import Retries
from shared.store.rules import applied_ttl

MAX_OPERATIONS = 10  # of one Patch; learn: cosmos-db/partial-document-update


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A change of a session, on condition of an etag or not, and how long archived sessions live at least."""

    fields: JsonObject
    is_active: bool | None
    if_match: str | None
    archive_ttl_seconds: int

    @classmethod
    def of(cls, changes: SessionChanges, if_match: str | None, archive_ttl_seconds: int) -> "SettingsChange":
        """Return the change that a caller asks for, as of now."""
        given = changes.given()
        is_active = given.pop("is_active", None)
        if "session_name" in given:
            given |= folded_name(given["session_name"])
        return cls(given | {"updated_at": format_time(utc_now())}, is_active, if_match, archive_ttl_seconds)

    @property
    def moves_expiry(self) -> bool:
        """Return whether the session's life depends on what is changed."""
        return self.is_active is not None or bool(self.fields.keys() & {"pinned", "ttl_seconds"})


def set_fields(**fields: object) -> list[JsonObject]:
    """Return Patch operations that set fields of the head."""
    return [{"op": "set", "path": f"/{name}", "value": value} for name, value in fields.items()]


@proven
async def update(partition: Partition, session_id: str, change: SettingsChange) -> Session:
    """Apply a change; see SessionStore.update."""
    write = _update_life if change.moves_expiry else _update_fields
    retries = Retries()
    while True:
        try:
            return (await write(partition, session_id, change)).session()
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError as refusal:
            head = await read_head(partition, session_id)
            if change.if_match not in {None, head.etag}:
                if refusal.repeated and change.fields.items() <= head.document.items():
                    return head.session()  # it was this change that moved the etag; its answer was lost
                raise PreconditionFailedError from refusal
            renewed = await renew_if_due(partition, head, change.if_match)
            if renewed and change.if_match is not None:
                change = replace(change, if_match=renewed.etag)
            await retries.again()


async def _update_fields(partition: Partition, session_id: str, change: SettingsChange) -> Head:
    where = writable(int(time()))
    return Head(await partition.patch(session_id, set_fields(**change.fields), where, change.if_match))


async def _update_life(partition: Partition, session_id: str, change: SettingsChange) -> Head:
    """SettingsChange what the session's life depends on: longer means its pages first, shorter means its head first."""
    head = await read_head(partition, session_id)
    if change.if_match not in {None, head.etag}:
        raise ItemRefusedError
    fields = change.fields | _status_fields(head, change)
    if fields.keys() == {"updated_at"}:
        if partition.pinned:
            return head
        await partition.pin(session_id)  # it is so on a replica; it may not be any more
        raise ItemRefusedError
    start = int(time())
    after = head.document | fields
    archive_ttl = change.archive_ttl_seconds
    ttl = applied_ttl(after["ttl_seconds"], archive_ttl, pinned=after["pinned"], status=after["status"])
    shorter = bool(head.counted_pages) and ttl != KEEP and (head.ttl == KEEP or ttl < head.ttl)
    pages: list[JsonObject] = []
    if ttl != head.ttl:
        fields |= {"ttl": ttl, "renew_at": _renew_at(head, start, ttl, shorter=shorter)}
        pages = await list_counted(partition, head)
        if not shorter:
            await lengthen_pages(partition, pages, ttl)
    changed = await _write(partition, head, fields | ({"pending": True} if shorter else {}), change.if_match)
    if not shorter:
        return changed
    try:
        await shorten_pages(partition, pages, ttl)
    except ItemRefusedError:
        return changed  # still pending
    if head.document["pending"]:  # of something else too, which the timer has to finish
        return changed
    return await clear_pending(partition, changed)


def _renew_at(head: Head, start: int, ttl: int, *, shorter: bool) -> int:
    """Return when the pages need renewal; until they are shortened they live as the old ttl had it."""
    if not head.generation:
        return FAR_FUTURE
    due = renewal_due(start, ttl)
    return min(due, head.document["renew_at"]) if shorter else due


def _status_fields(head: Head, change: SettingsChange) -> JsonObject:
    """Return what archiving or restoring changes; nothing for a session that is so already."""
    now = change.fields["updated_at"]
    if change.is_active is None or change.is_active == (head.status == "active"):
        return {}
    if not change.is_active:
        return {"status": "archived", "archived_at": now}
    return {
        "status": "active",
        "archived_at": None,
        "last_activity_at": now,
        "quiet": last_message_hint(now, head.last_message_at()),
    }


async def _write(partition: Partition, head: Head, fields: JsonObject, if_match: str | None) -> Head:
    """Set the fields, provided that the session's terms are as they were read."""
    operations = set_fields(**fields)
    if len(operations) <= MAX_OPERATIONS:
        where = f"{writable(int(time()))} AND {log_unchanged_since(head)} AND {_same_terms(head)}"
        return Head(await partition.patch(head.id, operations, where, if_match))
    if head.document["renew_at"] <= int(time()):
        raise ItemRefusedError
    return Head(await partition.replace(head.document | fields, head.etag))


def _same_terms(head: Head) -> str:
    terms = head.document
    pinned = "true" if terms["pinned"] else "false"
    return (
        f"c.status = {literal(head.status)} AND c.pinned = {pinned} AND c.ttl_seconds = {terms['ttl_seconds']:d}"
        f" AND c.updated_at = {literal(terms['updated_at'])}"
    )


async def clear_pending(partition: Partition, head: Head) -> Head:
    """Note that nothing is pending for this head any more, unless something new is or a rewind is being built."""
    unchanged = f"{log_unchanged_since(head)} AND c.updated_at = {literal(head.document['updated_at'])}"
    where = f"{VISIBLE} AND {unchanged} AND IS_NULL(c.building)"
    try:
        return Head(await partition.patch(head.id, set_fields(pending=False), where))
    except (ItemRefusedError, ItemMissingError):
        return head
