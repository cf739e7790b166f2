"""Making, changing, clearing and deleting sessions; whatever a crash leaves behind can be finished later."""

from collections.abc import Sequence

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
from shared.store.cosmos.changes import set_fields, settle
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import NOT_DELETED, literal
from shared.store.cosmos.head import FAR_FUTURE, Head, fresh_log, head_document
from shared.store.cosmos.items import Items, pause
from shared.store.cosmos.log import TRIES, read_head, rotate_new
from shared.store.cosmos.pages import sweep


async def create(items: Items, session: NewSession, messages: Sequence[NewMessage]) -> Session:
    """Store a new session; see SessionStore.create.

    Every try has an epoch of its own: the one before it may have been carried out, and its session deleted since.
    """
    documents = [message.document() for message in messages]
    tried: set[str] = set()

    def make() -> JsonObject:
        document = head_document(session, documents)
        tried.add(document["log"]["epoch"])
        return document

    for attempt in range(TRIES):
        try:
            head = Head(await items.create(make))
        except ItemExistsError:
            found = await _free_id(items, session.user_id, session.id, tried)
            if found is not None:
                return found.session()
            await pause(attempt)
        else:
            await rotate_new(items, head)
            return head.session()
    raise StoreUnavailableError


async def _free_id(items: Items, user_id: str, session_id: str, tried: set[str]) -> Head | None:
    """Finish a deletion that holds the id; return the head if it is the one being made (its answer was lost)."""
    head = await _read_if_there(items, user_id, session_id)
    if head is None:
        return None
    if head.is_deleted:
        await finish_delete(items, head)
        return None
    if head.epoch in tried:
        return head
    raise SessionExistsError


async def clear(items: Items, user_id: str, session_id: str) -> None:
    """Start the log over under a new epoch, then sweep the pages of the old one; see SessionStore.clear.

    The guard is the old epoch: a write whose answer was lost is sent again, and would bring back an epoch
    that has pages by then.
    """
    begun: set[str] = set()
    for attempt in range(TRIES):
        head = await read_head(items, user_id, session_id)
        try:
            cleared = head if head.epoch in begun else await _start_over(items, head, begun)
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError:
            await pause(attempt)
        else:
            await sweep(items, user_id, session_id)
            await settle(items, cleared)
            return
    raise StoreUnavailableError


async def _start_over(items: Items, head: Head, begun: set[str]) -> Head:
    log = fresh_log()
    begun.add(log["epoch"])
    operations = set_fields(
        log=log,
        message_count=0,
        updated_at=format_time(utc_now()),
        renew_at=FAR_FUTURE,
        building=None,
        pending=True,
    )
    where = f"{NOT_DELETED} AND c.log.epoch = {literal(head.epoch)}"
    return Head(await items.patch(head.user_id, head.id, operations, where))


async def delete(items: Items, user_id: str, session_id: str, if_match: str | None = None) -> None:
    """Bury the session under a tombstone, which everyone reads as missing, then remove it; see SessionStore.delete.

    The guard is the epoch, as for a clear: a tombstone sent again must not bury a session that was made meanwhile.
    """
    done = False  # perhaps: a tombstone was sent whose answer was lost
    created_at: str | None = None
    for attempt in range(TRIES):
        head = await _read_if_there(items, user_id, session_id)
        if head is None or head.is_deleted or created_at not in {None, head.document["created_at"]}:
            await (finish_delete(items, head) if head and head.is_deleted else sweep(items, user_id, session_id))
            if done:
                return
            raise SessionNotFoundError
        created_at = head.document["created_at"]
        if if_match not in {None, head.etag}:
            raise PreconditionFailedError
        try:
            tombstone = await _bury(items, head, if_match)
        except (ItemMissingError, ItemRefusedError) as error:
            done = done or error.repeated
            await pause(attempt)
        else:
            await finish_delete(items, tombstone)
            return
    raise StoreUnavailableError


async def _bury(items: Items, head: Head, if_match: str | None) -> Head:
    operations = set_fields(
        status="deleted",
        log=fresh_log(),
        message_count=0,
        session_name=None,
        context={},
        tags=[],
        ttl=KEEP,
        building=None,
        shares=[],
        pending=True,
    )
    where = f"{NOT_DELETED} AND c.log.epoch = {literal(head.epoch)}"
    return Head(await items.patch(head.user_id, head.id, operations, where, if_match))


async def _read_if_there(items: Items, user_id: str, session_id: str) -> Head | None:
    try:
        return Head(await items.read(user_id, session_id))
    except ItemMissingError:
        return None


async def abandon(items: Items, head: Head, epoch: str) -> Head:
    """Give up what is being built under that epoch, so that a sweep takes its pages; raises as Items.patch does."""
    where = f"c.building.epoch = {literal(epoch)}"
    return Head(await items.patch(head.user_id, head.id, set_fields(building=None), where))


async def finish_delete(items: Items, tombstone: Head) -> None:
    """Remove what a tombstone stands for, and the tombstone; a late page may land meanwhile, so sweep twice.

    A session that is still being imported is taken away from whoever builds it.
    """
    try:
        if tombstone.building is not None:
            tombstone = await abandon(items, tombstone, tombstone.building["epoch"])
        await sweep(items, tombstone.user_id, tombstone.id)
        await items.delete(tombstone.user_id, tombstone.id, tombstone.etag)
    except (ItemMissingError, ItemRefusedError):
        return
    await sweep(items, tombstone.user_id, tombstone.id)
