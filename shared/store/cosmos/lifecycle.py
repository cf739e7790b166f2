"""Creating, clearing and deleting sessions; whatever a crash leaves can be finished later."""

from collections.abc import Collection, Sequence
from typing import cast

from shared.errors import PreconditionFailedError, SessionExistsError, SessionNotFoundError
from shared.models import (
    KEEP,
    Lease,
    NewMessage,
    NewSession,
    Session,
    format_time,
    utc_now,
)
from shared.store.cosmos.changes import clear_pending
from shared.store.cosmos.documents import MessageDocument, NewHeadDocument, NewPageDocument
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import all_of, builds, epoch_unchanged_since, matching, set_fields
from shared.store.cosmos.head import Head, advanced, fresh_log, head_document, last_message_hint
from shared.store.cosmos.lifetimes import FAR_FUTURE
from shared.store.cosmos.log import read_head
from shared.store.cosmos.pages import left_to_the_timer, page_document, sweep
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.retry import Retries
from shared.store.rules import first_activity


async def create(
    partition: Partition, session: NewSession, messages: Sequence[NewMessage], lease: Lease | None = None
) -> Session:
    """Store a new session; see SessionStore.create.

    Every try has an epoch of its own: the one before it may have been carried out, and its session deleted since.
    """
    documents = [message.document() for message in messages]
    tried: set[str] = set()

    def make() -> list[NewHeadDocument | NewPageDocument]:
        head, *page = _new_documents(partition, session, documents)
        if lease:
            head = cast("NewHeadDocument", {**head, "lease": lease.model_dump()})
        tried.add(cast("NewHeadDocument", head)["log"]["epoch"])
        return [head, *page]

    retries = Retries(partition.limits)
    while True:
        try:
            head = Head(await partition.create_anew(make))
        except ItemExistsError:
            found = await _free_id(partition, session.id, tried)
            if found is not None:
                return found.session()
            await retries.again()
        else:
            return head.session()


def _new_documents(
    partition: Partition, session: NewSession, documents: Sequence[MessageDocument]
) -> list[NewHeadDocument | NewPageDocument]:
    """Return the head of a new session, and the first page where its messages would fill the head."""
    now, empty = partition.milliseconds, head_document(session, partition.milliseconds)
    fields, leaving = advanced(empty, documents, room=partition.limits.generation_bytes, milliseconds=now)
    if documents:
        last_message_at = documents[-1]["created_at"]
        activity = first_activity(empty["created_at"], last_message_at)
        fields |= {"last_activity_at": activity, "quiet": last_message_hint(activity, last_message_at)}
    head = cast("NewHeadDocument", {**empty, **fields})
    if not leaving:
        return [head]
    return [head, page_document(head, leaving, epoch=head["log"]["epoch"], generation=0, first_seq=1)]


async def _free_id(partition: Partition, session_id: str, tried: set[str]) -> Head | None:
    """Finish a deletion that holds the id; return the head if it is the one being made (its answer was lost)."""
    head = await _read_if_there(partition, session_id)
    if head is None:
        return None
    if head.is_hidden:
        await finish_delete(partition, head)
        return None
    if head.epoch in tried:
        return head
    raise SessionExistsError


@proven
async def clear(partition: Partition, session_id: str, if_match: str | None = None) -> None:
    """Start the log over under a new epoch, then sweep the pages of the old one; see SessionStore.clear.

    The guard is the old epoch: a write whose answer was lost is sent again, and would bring back an epoch
    that has pages by then.
    """
    begun: set[str] = set()
    over: set[str] = set()
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        try:
            if head.epoch in begun:  # by a try whose answer was lost
                cleared = head
            elif if_match not in {None, head.version}:
                raise PreconditionFailedError
            else:
                over.add(head.epoch)  # it is, whether this is accepted or refused
                cleared = await _start_over(partition, head, begun, if_match)
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError:
            await retries.again()
        else:
            with left_to_the_timer():
                await sweep(partition, session_id, over)
                await clear_pending(partition, cleared)
            return


async def _start_over(partition: Partition, head: Head, begun: set[str], if_match: str | None) -> Head:
    log = fresh_log(partition.milliseconds)
    begun.add(log["epoch"])
    operations = set_fields(
        log=log,
        message_count=0,
        updated_at=format_time(utc_now()),
        renew_at=FAR_FUTURE,
        building=None,
        pending=True,
        lease=None,
    )
    where = all_of(epoch_unchanged_since(head), *matching(if_match))
    return Head(await partition.patch(head.id, operations, where))


@proven
async def delete(partition: Partition, session_id: str, if_match: str | None = None) -> None:
    """Bury the session under a tombstone, which everyone reads as missing, then remove it; see SessionStore.delete.

    The guard is the epoch, as for a clear: a tombstone sent again must not bury a session that was made meanwhile.
    """
    done = False  # perhaps: a tombstone was sent whose answer was lost
    created_at: str | None = None
    retries = Retries(partition.limits)
    while True:
        head = await _read_if_there(partition, session_id)
        if head is None or head.is_hidden or created_at not in {None, head.document["created_at"]}:
            if partition.pinned:
                await _finish_what_is_there(partition, session_id, head)
            if done:
                return
            raise SessionNotFoundError
        created_at = head.document["created_at"]
        if if_match not in {None, head.version}:
            raise PreconditionFailedError
        try:
            tombstone = await _write_tombstone(partition, head, if_match)
        except (ItemMissingError, ItemRefusedError) as error:
            done = done or error.repeated
            await retries.again()
        else:
            with left_to_the_timer():
                await finish_delete(partition, tombstone, head.living_epochs)
            return


async def _finish_what_is_there(partition: Partition, session_id: str, head: Head | None) -> None:
    """Go on with a deletion that was begun before, or remove pages that have outlived their session."""
    with left_to_the_timer():
        if head is not None and head.is_hidden:
            await finish_delete(partition, head)
        else:
            await sweep(partition, session_id)


async def _write_tombstone(partition: Partition, head: Head, if_match: str | None) -> Head:
    operations = set_fields(
        status="deleted",
        log=fresh_log(partition.milliseconds),
        session_name=None,
        folded_name=None,
        context={},
        tags=[],
        ttl=KEEP,
        building=None,
        shares=[],
        pending=True,
    )
    where = all_of(epoch_unchanged_since(head), *matching(if_match))
    return Head(await partition.patch(head.id, operations, where))


async def _read_if_there(partition: Partition, session_id: str) -> Head | None:
    try:
        return Head(await partition.read(session_id))
    except ItemMissingError:
        return None


async def abandon(partition: Partition, head: Head, epoch: str) -> Head:
    """Give up what is being built under that epoch, so that a sweep takes its pages; raises as Items.patch does."""
    return Head(await partition.patch(head.id, set_fields(building=None), builds(epoch)))


async def finish_delete(partition: Partition, tombstone: Head, over: Collection[str] = ()) -> None:
    """Remove what a tombstone stands for, and the tombstone; a late page may land meanwhile, so sweep twice.

    `over` are epochs that this tombstone has ended. A session that is still being imported is taken away from
    whoever builds it.
    """
    ended = set(over)
    try:
        if tombstone.building is not None:
            ended.add(tombstone.building["epoch"])
            tombstone = await abandon(partition, tombstone, tombstone.building["epoch"])
        now = await sweep(partition, tombstone.id, ended) or tombstone
        if now.epoch != tombstone.epoch:
            return  # somebody else has finished this, and another session has the id
        await partition.delete(tombstone.id, now.etag)
        await sweep(partition, tombstone.id, ended)
    except (ItemMissingError, ItemRefusedError):
        return
