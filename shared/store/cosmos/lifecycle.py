"""Making, changing, clearing and deleting sessions; whatever a crash leaves behind can be finished later."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import time

from shared.errors import PreconditionFailedError, SessionExistsError, SessionNotFoundError, StoreUnavailableError
from shared.models import (
    KEEP,
    JsonObject,
    NewMessage,
    NewSession,
    Session,
    format_time,
    utc_now,
)
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import NOT_DELETED, literal, same_log, writable
from shared.store.cosmos.head import FAR_FUTURE, Head, fresh_log, head_document, renewal_due
from shared.store.cosmos.items import Items, pause
from shared.store.cosmos.log import TRIES, read_head, renew_if_due, rotate_new
from shared.store.cosmos.pages import retime_pages, sweep
from shared.store.documents import applied_ttl, message_document


def _set(**fields: object) -> list[JsonObject]:
    return [{"op": "set", "path": f"/{name}", "value": value} for name, value in fields.items()]


async def create(items: Items, session: NewSession, messages: Sequence[NewMessage]) -> Session:
    """Store a new session; see SessionStore.create."""
    document = head_document(session, [message_document(message) for message in messages])
    for attempt in range(TRIES):
        try:
            head = Head(document | await items.create(document))
        except ItemExistsError:
            found = await _free_id(items, session.user_id, session.id, document["log"]["epoch"])
            if found is not None:
                return found.session()
            await pause(attempt)
        else:
            await rotate_new(items, head)
            return head.session()
    raise StoreUnavailableError


async def _free_id(items: Items, user_id: str, session_id: str, epoch: str) -> Head | None:
    """Finish a deletion that holds the id; return the head if it is the one being made (its answer was lost)."""
    try:
        head = Head(await items.read(user_id, session_id))
    except ItemMissingError:
        return None
    if head.is_deleted:
        await finish_delete(items, head)
        return None
    if head.epoch == epoch:
        return head
    raise SessionExistsError


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a session's fields, on condition of an etag or not, and how long archived ones live at least."""

    fields: JsonObject
    if_match: str | None
    archive_ttl_seconds: int

    @property
    def moves_expiry(self) -> bool:
        """Tell whether the session's life depends on what is changed."""
        return bool(self.fields.keys() & {"pinned", "ttl_seconds"})


async def update(items: Items, user_id: str, session_id: str, change: Change) -> Session:
    """Apply a change; see SessionStore.update."""
    change = replace(change, fields=change.fields | {"updated_at": format_time(utc_now())})
    write = _update_life if change.moves_expiry else _update_fields
    for attempt in range(TRIES):
        try:
            return (await write(items, user_id, session_id, change)).session()
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError as refusal:
            head = await read_head(items, user_id, session_id)
            if change.if_match not in {None, head.etag}:
                if refusal.repeated and change.fields.items() <= head.document.items():
                    return head.session()  # it was this change that moved the etag; its answer was lost
                raise PreconditionFailedError from refusal
            renewed = await renew_if_due(items, head)
            if renewed and change.if_match is not None:
                change = replace(change, if_match=renewed.etag)
            await pause(attempt)
    raise StoreUnavailableError


async def _update_fields(items: Items, user_id: str, session_id: str, change: Change) -> Head:
    where = writable(int(time()))
    return Head(await items.patch(user_id, session_id, _set(**change.fields), where, change.if_match))


async def _update_life(items: Items, user_id: str, session_id: str, change: Change) -> Head:
    """Change what the session's life depends on: longer means its pages first, shorter means its head first."""
    head = await read_head(items, user_id, session_id)
    if change.if_match not in {None, head.etag}:
        raise ItemRefusedError
    start = int(time())
    after = head.document | change.fields
    archive_ttl = change.archive_ttl_seconds
    ttl = applied_ttl(after["ttl_seconds"], archive_ttl, pinned=after["pinned"], status=after["status"])
    shorter = bool(head.counted_pages) and ttl != KEEP and (head.ttl == KEEP or ttl < head.ttl)
    if head.counted_pages and ttl != head.ttl and not shorter:
        await retime_pages(items, head, ttl)
    fields = change.fields | {"ttl": ttl, "renew_at": _renewal_after(head, ttl, start)}
    if shorter:
        fields["pending"] = True
    where = f"{writable(start)} AND {same_log(head)} AND {_same_terms(head)}"
    changed = Head(await items.patch(user_id, session_id, _set(**fields), where, change.if_match))
    if not shorter:
        return changed
    await retime_pages(items, changed, ttl)
    return await settle(items, changed)


def _renewal_after(head: Head, ttl: int, start: int) -> int:
    """Return when renewal is due under a new ttl; the pages' clocks were not touched if it is the old one."""
    if ttl == head.ttl:
        return int(head.document["renew_at"])
    return renewal_due(start, ttl) if head.generation else FAR_FUTURE


def _same_terms(head: Head) -> str:
    terms = head.document
    pinned = "true" if terms["pinned"] else "false"
    return (
        f"c.status = {literal(head.status)} AND c.pinned = {pinned} AND c.ttl_seconds = {terms['ttl_seconds']:d}"
        f" AND c.renew_at = {terms['renew_at']:d}"
    )


async def settle(items: Items, head: Head) -> Head:
    """Note that nothing is pending for this head any more, unless something new is."""
    where = f"{NOT_DELETED} AND {same_log(head)} AND c.updated_at = {literal(head.document['updated_at'])}"
    try:
        return Head(await items.patch(head.user_id, head.id, _set(pending=False), where))
    except (ItemRefusedError, ItemMissingError):
        return head


async def clear(items: Items, user_id: str, session_id: str) -> None:
    """Start the log over under a new epoch, then sweep the pages of the old one; see SessionStore.clear."""
    operations = _set(
        log=fresh_log(), message_count=0, updated_at=format_time(utc_now()), renew_at=FAR_FUTURE, pending=True
    )
    try:
        head = Head(await items.patch(user_id, session_id, operations, NOT_DELETED))
    except (ItemMissingError, ItemRefusedError) as error:
        raise SessionNotFoundError from error
    await sweep(items, user_id, session_id)
    await settle(items, head)


async def delete(items: Items, user_id: str, session_id: str) -> None:
    """Bury the session under a tombstone, which everyone reads as missing, then remove it; see SessionStore.delete."""
    tombstone = _set(
        status="deleted",
        log=fresh_log(),
        message_count=0,
        session_name=None,
        context={},
        tags=[],
        ttl=KEEP,
        pending=True,
    )
    try:
        head = Head(await items.patch(user_id, session_id, tombstone, NOT_DELETED))
    except ItemMissingError as error:
        await sweep(items, user_id, session_id)
        raise SessionNotFoundError from error
    except ItemRefusedError as error:
        await _finish_found(items, user_id, session_id)
        if error.repeated:
            return
        raise SessionNotFoundError from error
    await finish_delete(items, head)


async def _finish_found(items: Items, user_id: str, session_id: str) -> None:
    try:
        head = Head(await items.read(user_id, session_id))
    except ItemMissingError:
        return
    if head.is_deleted:
        await finish_delete(items, head)


async def finish_delete(items: Items, tombstone: Head) -> None:
    """Remove what a tombstone stands for, and the tombstone; a late page may land meanwhile, so sweep twice."""
    await sweep(items, tombstone.user_id, tombstone.id)
    try:
        await items.delete(tombstone.user_id, tombstone.id, tombstone.etag)
    except (ItemMissingError, ItemRefusedError):
        return
    await sweep(items, tombstone.user_id, tombstone.id)
