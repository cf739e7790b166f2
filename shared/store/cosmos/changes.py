"""Changing a session's settings, its time to live and its status, each in one guarded write of the head."""

from typing import NamedTuple

from shared.errors import PreconditionFailedError, SessionNotFoundError
from shared.models import JsonObject, Session, SessionChanges, format_time, utc_now
from shared.models.exact import context_as_stored
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    MAX_OPERATIONS,
    all_of,
    matching,
    nothing_pending_since,
    set_fields,
    settings_unchanged_since,
    updated_at_other_than,
    writable,
)
from shared.store.cosmos.head import Head, changed_at, folded_name, last_message_hint
from shared.store.cosmos.lifetimes import longer, renew_at
from shared.store.cosmos.log import read_head
from shared.store.cosmos.pages import left_to_the_timer
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import lengthen_pages, list_counted, renew_if_due, shorten_pages
from shared.store.cosmos.retry import Retries
from shared.store.rules import applied_ttl, status_change


class SettingsChange(NamedTuple):
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
        if "context" in given:
            given["context"] = context_as_stored(given["context"])
        return cls(given | {"updated_at": format_time(utc_now())}, is_active, if_match, archive_ttl_seconds)

    def is_in(self, head: Head) -> bool:
        """Return whether the head has everything that was to be set."""
        return self.fields.items() <= {**head.document, "updated_at": changed_at(head.document)}.items()

    def told_from(self, head: Head) -> "SettingsChange":
        """Return the change with a time that the head does not bear, so that the session's version moves."""
        if self.fields["updated_at"] != head.document["updated_at"]:
            return self
        return self._replace(fields=self.fields | {"updated_at": format_time(utc_now())})

    @property
    def moves_expiry(self) -> bool:
        """Return whether the session's life depends on what is changed."""
        return self.is_active is not None or bool(self.fields.keys() & {"pinned", "ttl_seconds"})


@proven
async def update(partition: Partition, session_id: str, change: SettingsChange) -> Session:
    """Apply a change; see SessionStore.update."""
    write = _update_life if change.moves_expiry else _update_fields
    retries = Retries(partition.limits)
    while True:
        try:
            return (await write(partition, session_id, change)).session()
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError as refusal:
            head = await read_head(partition, session_id)
            if refusal.repeated and change.is_in(head):
                return head.session()  # it was this change that moved the etag; its answer was lost
            if change.if_match not in {None, head.version}:
                raise PreconditionFailedError from refusal
            change = change.told_from(head)
            if change.moves_expiry:
                partition.known(session_id).hold_still()  # or a page comes whenever all others were changed
            await renew_if_due(partition, head)
            await retries.again()


async def _update_fields(partition: Partition, session_id: str, change: SettingsChange) -> Head:
    other = updated_at_other_than(change.fields["updated_at"])
    where = all_of(writable(partition.now), other, *matching(change.if_match))
    return Head(await partition.patch(session_id, set_fields(**change.fields), where))


async def _update_life(partition: Partition, session_id: str, change: SettingsChange) -> Head:
    """Change what the session's life depends on: longer means its pages first, shorter means its head first."""
    head = await read_head(partition, session_id)
    if change.if_match not in {None, head.version} or change.told_from(head) is not change:
        raise ItemRefusedError
    fields = change.fields | _status_change(head, change)
    if fields.keys() == {"updated_at"}:
        if partition.pinned:
            return head
        await partition.pin(session_id)  # it is so on a replica; it may not be any more
        raise ItemRefusedError
    start = partition.now
    after: JsonObject = {**head.document, **fields}
    archive_ttl = change.archive_ttl_seconds
    ttl = applied_ttl(after["ttl_seconds"], archive_ttl, pinned=after["pinned"], status=after["status"])
    shorter = bool(head.counted_pages) and longer(ttl, head.ttl) != ttl
    pages = await list_counted(partition, head) if ttl != head.ttl else []
    if ttl != head.ttl:
        fields |= {"ttl": ttl, "renew_at": _renew_at(head, start, ttl, shorter=shorter)}
        if not shorter:
            await lengthen_pages(partition, pages, ttl)
    changed = await _write(partition, head, fields | ({"pending": True} if shorter else {}), if_match=change.if_match)
    if not shorter:
        return changed
    with left_to_the_timer():
        await shorten_pages(partition, pages, ttl)
        if not head.document["pending"]:  # of something else, which the timer has to finish
            return await clear_pending(partition, changed)
    return changed


def _renew_at(head: Head, start: int, ttl: int, *, shorter: bool) -> int:
    """Return when the pages need renewal; until they are shortened they live as the old ttl had it."""
    due = renew_at(start, ttl, head.generation)
    return min(due, head.document["renew_at"]) if shorter else due


def _status_change(head: Head, change: SettingsChange) -> JsonObject:
    now: str = change.fields["updated_at"]
    fields: JsonObject = {**status_change(was_active=head.status == "active", is_active=change.is_active, now=now)}
    if "last_activity_at" in fields:
        fields["quiet"] = last_message_hint(now, head.last_message_at())
    return fields


async def _write(partition: Partition, head: Head, fields: JsonObject, *, if_match: str | None) -> Head:
    """Set the fields, provided that the session's terms are as they were read."""
    if len(fields) > MAX_OPERATIONS and fields.get("archived_at"):
        fields = {name: value for name, value in fields.items() if name != "updated_at"}  # the same time says it
    operations = set_fields(**fields)
    if len(operations) <= MAX_OPERATIONS:
        where = all_of(settings_unchanged_since(head, partition.now), *matching(if_match))
        return Head(await partition.patch(head.id, operations, where))
    if head.document["renew_at"] <= partition.now:
        raise ItemRefusedError
    return Head(await partition.replace(head.document | fields, head.etag))


async def clear_pending(partition: Partition, head: Head) -> Head:
    """Note that nothing is pending for this head any more, unless something new is or a rewind is being built."""
    try:
        return Head(await partition.patch(head.id, set_fields(pending=False), nothing_pending_since(head)))
    except (ItemRefusedError, ItemMissingError):
        return head
