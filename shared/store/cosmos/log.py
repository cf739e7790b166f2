"""Writing to a session's log: append, rotate, renew. Each change of the head is one guarded Patch."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from time import time

from shared.errors import (
    MessageConflictError,
    SessionArchivedError,
    SessionNotFoundError,
    StoreError,
)
from shared.logs import trace
from shared.models import Appended, JsonObject, Message, NewMessage
from shared.store.cosmos.batch import Batch, find_stored
from shared.store.cosmos.errors import ItemError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    Operation,
    all_of,
    append_to,
    increment,
    log_unchanged_since,
    move,
    renewable,
    set_at,
    set_fields,
    writable,
)
from shared.store.cosmos.head import (
    FAR_FUTURE,
    HEAD_CAP_BYTES,
    PREVIOUS_CAP_BYTES,
    Head,
    renewal_due,
    summary,
)
from shared.store.cosmos.pages import (
    create_previous_page,
    lengthen_pages,
    list_counted,
    shorten_pages,
    sweep,
)
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.retry import Retries
from shared.store.rules import conflicting_ids, documents_bytes

logger = logging.getLogger(__name__)

MESSAGES_PER_PATCH = 6  # with four operations for the counters that makes ten, the most a Patch may have


async def read_head(partition: Partition, session_id: str) -> Head:
    """Return the head of a session that exists; raises SessionNotFoundError."""
    try:
        head = Head(await partition.read(session_id))
    except ItemMissingError as error:
        raise SessionNotFoundError from error
    if head.is_hidden:
        raise SessionNotFoundError
    return head


@proven
async def append(partition: Partition, session_id: str, messages: Sequence[NewMessage]) -> Appended:
    """Append the messages, all or none; see SessionStore.append."""
    batch = Batch(session_id, messages)
    write = _append_few if len(messages) <= MESSAGES_PER_PATCH else _append_many
    retries = Retries()
    while True:
        try:
            head = await write(partition, session_id, batch)
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError:
            stored = await _explain(partition, await read_head(partition, session_id), messages, batch)
            if stored is not None:
                return stored
            await retries.again()
        else:
            await _rotate_if_due(partition, head, batch.size)
            first_seq = head.last_seq - len(messages) + 1
            placed = [message.placed(seq, partition.user_id) for seq, message in enumerate(messages, first_seq)]
            return Appended(messages=placed, message_count=head.document["message_count"], created=True)


async def _append_few(partition: Partition, session_id: str, batch: Batch) -> Head:
    operations = [
        *(append_to("/log/messages", document) for document in batch.documents),
        increment("/log/bytes", batch.size),
        *batch.counters(),
    ]
    return Head(await partition.patch(session_id, operations, batch.guard()))


async def _append_many(partition: Partition, session_id: str, batch: Batch) -> Head:
    head = await read_head(partition, session_id)
    if head.generation:
        await create_previous_page(partition, head)
    operations = [*_rotation(head, batch.documents), *batch.counters()]
    where = all_of(batch.guard(), log_unchanged_since(head))
    try:
        return Head(await partition.patch(session_id, operations, where))
    except (ItemRefusedError, ItemMissingError):
        await _sweep_if_restarted(partition, head)
        raise


def _rotation(head: Head, documents: Sequence[JsonObject]) -> list[Operation]:
    """Return the operations that make `documents` the current generation; a first one has no page to account for."""
    turn = [
        move("/log/messages", "/log/previous"),
        set_at("/log/messages", list(documents)),
        move("/log/bytes", "/log/previous_bytes"),
        set_at("/log/bytes", documents_bytes(documents)),
        increment("/log/generation"),
    ]
    if not head.generation:
        return [*turn, *set_fields(renew_at=renewal_due(int(time()), head.ttl))]
    return [
        *turn,
        set_at("/log/recent_ids", head.recent_ids_after_rotation()),
        set_at("/log/sealed", summary(head.sealed, head.previous, head.messages_first_seq - 1)),
    ]


async def rotate(partition: Partition, head: Head) -> None:
    """Make the current generation the previous one, sealing that first; another rotator may have won."""
    try:
        if head.generation:
            await create_previous_page(partition, head)
        where = all_of(writable(int(time())), log_unchanged_since(head))
        await partition.patch(head.id, _rotation(head, []), where, no_response=True)
    except (ItemRefusedError, ItemMissingError):
        await _sweep_if_restarted(partition, head)


async def _sweep_if_restarted(partition: Partition, head: Head) -> None:
    """Sweep if the history has ended or started over since `head` was read: its own sweep may have missed the page."""
    if not head.generation:
        return
    try:
        now = Head(await partition.read(head.id))
    except ItemMissingError:
        now = None
    if now is None or now.is_hidden or now.epoch != head.epoch:
        with suppress(ItemRefusedError):
            await sweep(partition, head.id)


async def _rotate_if_due(partition: Partition, head: Head, appended_bytes: int) -> None:
    """Rotate when this very append reached the threshold, so that one of many writers does it.

    Should that one fail, whoever reaches twice the threshold does it, or four times, and so on: beside
    many writers the next multiple comes before the first rotator is through (measured, decision 2).
    """
    threshold = head.generation_bytes()
    before = head.bytes - appended_bytes
    crossed = (before // threshold).bit_length() < (head.bytes // threshold).bit_length()
    first = before <= 0 and head.previous_bytes > PREVIOUS_CAP_BYTES
    if not (crossed or first):
        return
    try:
        await rotate(partition, head)
    except (StoreError, ItemError) as error:
        logger.warning("a rotation was put off; the next one makes up for it\n%s", trace(error))


async def rotate_new(partition: Partition, head: Head) -> None:
    """Rotate a session that was created with messages, if they call for it."""
    await _rotate_if_due(partition, head, head.bytes)


async def renew(partition: Partition, head: Head, etag: str | None = None) -> Head:
    """Start the clocks of all counted pages again and say when that is due next; returns the head as it is then.

    Pages that live too long (a change of the ttl was not finished) are shortened then, not before.
    Raises ItemRefusedError when the head, or a page, was changed meanwhile.
    """
    start = int(time())
    ttl = head.ttl_once_used
    pages = await list_counted(partition, head)
    lasting = await lengthen_pages(partition, pages, ttl, fresh_since=start - ttl // 2)
    due = renewal_due(start, ttl) if head.generation else FAR_FUTURE
    if due == head.document["renew_at"] != FAR_FUTURE:
        due -= 1  # whoever changes the ttl at the same time must see that something happened
    operations = set_fields(renew_at=due)
    if ttl != head.ttl:
        operations.append(move("/ttl_once_used", "/ttl"))
    renewed = Head(await partition.patch(head.id, operations, renewable(head), etag=etag))
    await shorten_pages(partition, lasting, ttl)
    return renewed


async def renew_if_due(partition: Partition, head: Head, etag: str | None = None) -> Head | None:
    """Renew when that is what keeps the head from being written; None when it is not, or another was faster."""
    if head.document["renew_at"] > int(time()):
        return None
    try:
        return await renew(partition, head, etag)
    except (ItemRefusedError, ItemMissingError):
        return None


async def _explain(partition: Partition, head: Head, messages: Sequence[NewMessage], batch: Batch) -> Appended | None:
    """Say why an append was refused: return it if it is stored already, raise, or make room for the next try."""
    try:
        stored = await find_stored(partition, head, batch)
    except ItemMissingError:  # the head has moved on
        return None
    if batch.searched or batch.is_late_for(head):
        batch.searched = head
    if stored:
        conflicts = conflicting_ids(messages, dict(stored))
        if not conflicts:
            return _as_stored(head, messages, stored)
        if head.status == "active":
            raise MessageConflictError(conflicts)
    if head.status == "archived":
        raise SessionArchivedError
    if not await renew_if_due(partition, head) and head.bytes + head.previous_bytes + batch.size >= HEAD_CAP_BYTES:
        await rotate(partition, head)
    return None


def _as_stored(head: Head, messages: Sequence[NewMessage], stored: dict[str, Message]) -> Appended:
    """Answer a full repeat; it was this very call that stored them if they bear its time (its answer was lost)."""
    return Appended(
        messages=[stored[message.id] for message in messages],
        message_count=head.document["message_count"],
        created=all(stored[message.id].created_at == message.created_at for message in messages),
    )
