"""Writing to a session's log: append and rotation. Each change of the head is one guarded Patch."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from shared.errors import (
    MessageConflictError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionNotFoundError,
)
from shared.logs import event
from shared.models import Appended, Lease, Message, NewMessage, Replied
from shared.store.cosmos.batch import MESSAGES_PER_PATCH, Batch, find_stored
from shared.store.cosmos.documents import MessageDocument
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    ACTIVE,
    VISIBLE,
    Operation,
    all_of,
    append_to,
    counts_unchanged_since,
    holds_just_what,
    increment,
    move,
    not_due,
    set_at,
    set_fields,
    writable,
)
from shared.store.cosmos.head import Head, advanced, extended, with_starts
from shared.store.cosmos.lifetimes import renewal_due, renewal_near
from shared.store.cosmos.pages import create_page, page_document, sweep
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import renew, renew_if_due, touch
from shared.store.cosmos.retry import Retries
from shared.store.rules import conflicting_ids, documents_bytes


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
async def append(
    partition: Partition,
    session_id: str,
    messages: Sequence[NewMessage],
    if_match: str | None = None,
    *,
    turn: Lease | Replied | None = None,
) -> Appended:
    """Append the messages, all or none; see SessionStore.append."""
    batch = Batch(partition, session_id, messages, if_match, turn=turn)
    write = _append_to_known
    retries = Retries(partition.limits)
    while True:
        try:
            head = await write(partition, session_id, batch)
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except (ItemRefusedError, ItemExistsError):
            stored = await _explain(partition, await read_head(partition, session_id), batch)
            if stored is not None:
                return stored
            await retries.again()
            write = _append_beside_others if batch.fits_counters else _append_to_known
        else:
            await _follow_up(partition, head, batch.size)
            first_seq = head.last_seq - len(messages) + 1
            placed = [message.placed(seq, partition.user_id) for seq, message in enumerate(messages, first_seq)]
            count = head.document["message_count"]
            return Appended(messages=placed, message_count=count, created=True, etag=head.version)


async def _append_to_known(partition: Partition, session_id: str, batch: Batch) -> Head:
    """Append as is cheapest after the head that this process knows of, if that is still the one.

    Where the head is full the append takes what it holds along, into a page; what does not fit into one Patch, or
    would fill a head by itself, is put there with the whole log, for which a head that is not known is read.
    """
    room = partition.limits.generation_bytes
    few = len(batch.documents) <= MESSAGES_PER_PATCH and batch.fits_counters and batch.size < room
    head = partition.known(session_id).head
    if few and (head is None or head.bytes + head.previous_bytes + batch.size < room or not batch.may_follow(head)):
        return await _append_beside_others(partition, session_id, batch)
    head = head or await read_head(partition, session_id)
    if not batch.may_follow(head):
        if not await partition.pin(session_id):
            raise ItemMissingError
        raise ItemRefusedError
    try:
        return await _advance(partition, head, batch.documents, room=room, batch=batch)
    except (ItemRefusedError, ItemExistsError) as error:
        if not error.repeated:
            partition.known(session_id).contend()
        raise


async def _append_beside_others(partition: Partition, session_id: str, batch: Batch) -> Head:
    """Append whatever others append meanwhile."""
    if len(batch.documents) > MESSAGES_PER_PATCH:
        return await _append_many(partition, session_id, batch)
    operations = [
        *(append_to("/log/messages", document) for document in batch.documents),
        increment("/log/bytes", batch.size),
        *batch.counters(),
    ]
    return Head(await partition.patch(session_id, operations, batch.guard()))


async def _append_many(partition: Partition, session_id: str, batch: Batch) -> Head:
    head = await read_head(partition, session_id)
    if head.generation:
        await _create_previous_page(partition, head)
    operations = [*_rotation(partition, head, batch.documents), *batch.counters()]
    where = all_of(batch.guard(), counts_unchanged_since(head))
    try:
        appended = Head(await partition.patch(session_id, operations, where))
    except (ItemRefusedError, ItemMissingError):
        await _sweep_if_restarted(partition, head)
        raise
    _tell_rotation(head)
    return appended


async def _advance(
    partition: Partition, head: Head, documents: Sequence[MessageDocument], *, room: int, batch: Batch | None = None
) -> Head:
    """Put messages after those of a head and what leaves it into a page, in one step; return the head as it is then.

    The whole log is written, under a guard that holds only if nothing of it has changed: what is copied is what is
    emptied. Raises ItemRefusedError, ItemExistsError when it has, ItemMissingError.
    """
    fields, leaving = advanced(head.document, documents, room=room, milliseconds=partition.milliseconds)
    if documents:
        fields["last_activity_at"] = documents[-1]["created_at"]
    if batch:
        fields |= batch.turn_fields(head)
    conditions = batch.conditions() if batch else []
    where = all_of(ACTIVE if documents else VISIBLE, not_due(partition.now), holds_just_what(head), *conditions)
    if not leaving:
        return Head(await partition.patch(head.id, set_fields(**fields), where))
    page = page_document(
        head.document, leaving, epoch=head.epoch, generation=head.counted_pages, first_seq=head.previous_first_seq
    )
    etag = await partition.create_and_patch(page, head.id, set_fields(**fields), where)
    after = {**head.document, **fields, "_etag": etag}
    partition.note(after)
    partition.known_pages.add(Head(after), page)
    event("rotation", {"messages": len(leaving), "bytes": documents_bytes(leaving)})
    return Head(after)


def _rotation(partition: Partition, head: Head, documents: Sequence[MessageDocument]) -> list[Operation]:
    """Return the operations that make `documents` the current generation; a first one has no page to account for."""
    turn = [
        move("/log/messages", "/log/previous"),
        set_at("/log/messages", list(documents)),
        move("/log/bytes", "/log/previous_bytes"),
        set_at("/log/bytes", documents_bytes(documents)),
        increment("/log/generation"),
    ]
    if not head.generation:
        return [*turn, *set_fields(renew_at=renewal_due(partition.now, head.ttl))]
    last_seq = head.messages_first_seq - 1
    summary = extended(head.page_summary, head.previous, last_seq, milliseconds=partition.milliseconds)
    return [
        *turn,
        set_at("/log/recent_ids", head.recent_ids_after_rotation()),
        set_at("/log/sealed", with_starts(summary, head.previous_first_seq)),
    ]


async def rotate(partition: Partition, head: Head) -> None:
    """Make a page of what the head holds; beside other writers of what it held longest.

    While others append, what is copied is never what is emptied. Then the current generation becomes the previous
    one, which nobody edits, and that a page first; another rotator may have won.
    """
    if not head.held():
        return
    if not partition.known(head.id).is_contended:
        try:
            await _advance(partition, head, [], room=0)
        except ItemMissingError:
            return
        except (ItemRefusedError, ItemExistsError):
            partition.known(head.id).contend()
        else:
            return
    await _rotate_beside_others(partition, head)


async def _rotate_beside_others(partition: Partition, head: Head) -> None:
    try:
        if head.generation:
            await _create_previous_page(partition, head)
        where = all_of(writable(partition.now), counts_unchanged_since(head))
        await partition.patch(head.id, _rotation(partition, head, []), where, no_response=True)
    except (ItemRefusedError, ItemMissingError):
        await _sweep_if_restarted(partition, head)
    else:
        _tell_rotation(head)


def _tell_rotation(head: Head) -> None:
    """Log that what a head held longest has become a page; the first time it holds nothing of that kind yet."""
    if head.generation:
        event("rotation", {"messages": len(head.previous), "bytes": head.previous_bytes})


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


async def _create_previous_page(partition: Partition, head: Head) -> None:
    """Make the page of the previous generation; a page that is there already holds the very same messages.

    Such a page may stem from a rotator that died long ago and may be about to expire, so its clock
    is started again, and its time to live never shortened.
    """
    page = page_document(
        head.document,
        head.previous,
        epoch=head.epoch,
        generation=head.generation - 1,
        first_seq=head.previous_first_seq,
    )
    try:
        await create_page(partition, page)
    except ItemExistsError:
        await touch(partition, page["id"], page["ttl"])


async def _follow_up(partition: Partition, head: Head, appended_bytes: int) -> None:
    """Begin what is due after an append, and let its answer go: whoever comes next makes up for what is lost of it."""
    if partition.known(head.id).holds_still:
        return
    if _rotation_due(partition, head, appended_bytes):
        await partition.behind(head.id, partial(rotate, partition, head))
    elif renewal_near(head.document["renew_at"], head.ttl, partition.now):
        await partition.behind(head.id, partial(renew, partition, head))


def _rotation_due(partition: Partition, head: Head, appended_bytes: int) -> bool:
    """Return whether this very append reached the threshold, so that one of many writers rotates.

    Should that one fail, whoever reaches twice the threshold does it, or four times, and so on: beside
    many writers the next multiple comes before the first rotator is through (measured, decision 2).
    """
    room = partition.limits.generation_bytes
    before = head.bytes - appended_bytes
    crossed = (before // room).bit_length() < (head.bytes // room).bit_length()
    return crossed or (before <= 0 and head.previous_bytes > partition.limits.previous_cap_bytes)


async def _explain(partition: Partition, head: Head, batch: Batch) -> Appended | None:
    """Say why an append was refused: return it if it is stored already, raise, or make room for the next try."""
    try:
        stored = await find_stored(partition, head, batch)
    except ItemMissingError:  # the head has moved on
        return None
    if batch.searched or batch.is_late_for(head):
        batch.searched = head
    if stored:
        conflicts = conflicting_ids(batch.messages, dict(stored))
        if not conflicts:
            return _as_stored(head, batch, stored)
    if batch.if_match not in {None, head.version}:
        raise PreconditionFailedError
    if stored and head.status == "active":
        raise MessageConflictError(conflicts)
    if head.status == "archived":
        raise SessionArchivedError
    batch.require_turn(head)
    is_full = head.bytes + head.previous_bytes + batch.size >= partition.limits.head_cap_bytes
    if not await renew_if_due(partition, head) and is_full:
        await rotate(partition, head)
    return None


def _as_stored(head: Head, batch: Batch, stored: dict[str, Message]) -> Appended:
    """Answer a full repeat; it was this very call that stored them if they bear its time (its answer was lost)."""
    return Appended(
        messages=[stored[message.id] for message in batch.messages],
        message_count=head.document["message_count"],
        created=all(stored[message.id].created_at == message.created_at for message in batch.messages),
        etag=head.version,
    )
