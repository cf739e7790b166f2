"""Rewinding a session: inside the current generation in place, deeper by writing what is kept under a new epoch."""

from collections.abc import Sequence
from contextlib import suppress

from shared.models import JsonObject, format_time, utc_now
from shared.store.cosmos.changes import clear_pending
from shared.store.cosmos.concurrency import AT_ONCE
from shared.store.cosmos.documents import Building, Log, MessageDocument, PageSummary
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    all_of,
    builds,
    history_unchanged_since,
    increment,
    log_unchanged_since,
    set_at,
    set_fields,
)
from shared.store.cosmos.head import (
    RECENT_IDS,
    Head,
    extended,
    fresh_log,
    generation_after,
    last_message_hint,
    short_hash,
    with_starts,
)
from shared.store.cosmos.lifetimes import renew_at
from shared.store.cosmos.log import read_head
from shared.store.cosmos.pages import (
    create_page,
    find_page,
    left_to_the_timer,
    page_document,
    read_pages,
    sweep,
)
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import renew_if_due
from shared.store.cosmos.retry import Retries
from shared.store.rules import counts_after_rewind, documents_bytes, last_kept_seq


@proven
async def rewind(partition: Partition, session_id: str, after_seq: int) -> None:
    """Remove what is newer than `after_seq`; see SessionStore.rewind."""
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        seq = last_kept_seq(after_seq, head.first_seq)
        try:
            await _cut(partition, head, seq)
        except (ItemRefusedError, ItemMissingError):
            await renew_if_due(partition, head)
            await retries.again()
        else:
            return


async def _cut(partition: Partition, head: Head, seq: int) -> None:
    if seq < head.messages_first_seq - 1:
        await _cut_deeper(partition, head, seq)
        return
    if seq < head.last_seq:
        await _cut_messages(partition, head, seq)
    elif not partition.pinned:
        await partition.pin(head.id)  # nothing is newer on a replica; there may be by now
        raise ItemRefusedError
    if head.document["pending"]:  # perhaps this rewind was cut short before its sweep
        with left_to_the_timer():
            await sweep(partition, head.id)


def _counters(head: Head, seq: int, last_message_at: str | None) -> JsonObject:
    """Return the fields that follow from the newest kept message; the last activity stays what it was."""
    activity = head.document["last_activity_at"]
    return {
        **counts_after_rewind(head.first_seq, seq),
        "updated_at": format_time(utc_now()),
        "last_activity_at": activity,
        "quiet": last_message_hint(activity, last_message_at),
    }


async def _cut_messages(partition: Partition, head: Head, seq: int) -> None:
    kept = head.messages[: seq - head.messages_first_seq + 1]
    newest = (kept or head.previous)[-1:]
    last_message_at = newest[0]["created_at"] if newest else head.page_summary.get("last_at")
    operations = [
        set_at("/log/messages", kept),
        set_at("/log/bytes", documents_bytes(kept)),
        increment("/log/edits"),
        set_at("/log/sealed/known_from", partition.milliseconds),
        *set_fields(**_counters(head, seq, last_message_at)),
    ]
    where = all_of(history_unchanged_since(head, partition.now), log_unchanged_since(head))
    await partition.patch(head.id, operations, where)


async def _cut_deeper(partition: Partition, head: Head, seq: int) -> None:
    """Build the kept history under an epoch that the head names first, so that no sweep takes it for a dead one."""
    log = fresh_log(partition.milliseconds)
    building: Building = {"epoch": log["epoch"], "since": partition.now}
    where = history_unchanged_since(head, building["since"])
    await partition.patch(head.id, set_fields(building=building, pending=True), where, no_response=True)
    log = await _copy(partition, head, seq, log=log)
    newest = log["messages"][-1:]
    last_message_at = newest[0]["created_at"] if newest else log["sealed"].get("last_at")
    fields = _counters(head, seq, last_message_at) | {"log": log, "building": None}
    fields["renew_at"] = renew_at(building["since"], head.ttl, log["generation"])
    where = all_of(history_unchanged_since(head, partition.now), builds(log["epoch"]))
    try:
        swapped = Head(await partition.patch(head.id, set_fields(**fields), where))
    except ItemRefusedError:
        with left_to_the_timer():
            await sweep(partition, head.id)  # a clear may have gone before what was written here
        raise
    with left_to_the_timer():
        await sweep(partition, head.id, {head.epoch})
        await clear_pending(partition, swapped)


async def _copy(partition: Partition, head: Head, seq: int, *, log: Log) -> Log:
    """Write the pages of the new epoch and return its log, which holds what is kept of the generation with `seq`."""
    if seq < head.first_seq:
        return log
    pages, documents = await _cut_at(partition, head, seq)
    recent: list[str] = []
    page_summary: PageSummary = {}
    first_seq = head.first_seq
    for start in range(0, pages, AT_ONCE):
        for page in await read_pages(partition, head, range(start, min(start + AT_ONCE, pages))):
            copied, number = page["messages"], page["generation"]
            copy = page_document(head.document, copied, epoch=log["epoch"], generation=number, first_seq=first_seq)
            with suppress(ItemExistsError):  # nobody else knows the epoch: by a try whose answer was lost
                await create_page(partition, copy)
            page_summary = with_starts(page_summary, first_seq)
            first_seq += len(copied)
            recent = [*recent, *(short_hash(head.id, document["id"]) for document in copied)][-RECENT_IDS:]
            page_summary = extended(page_summary, copied, first_seq - 1, milliseconds=partition.milliseconds)
    return {
        **log,
        "generation": generation_after(pages),
        "messages": list(documents),
        "bytes": documents_bytes(documents),
        "recent_ids": recent,
        "sealed": {**page_summary, "known_from": partition.milliseconds},  # what was removed must not come back late
    }


async def _cut_at(partition: Partition, head: Head, seq: int) -> tuple[int, Sequence[MessageDocument]]:
    """Return how many pages are kept whole, and what is kept after them, up to `seq`."""
    if seq >= head.previous_first_seq:
        return head.counted_pages, head.previous[: seq - head.previous_first_seq + 1]
    page = await find_page(partition, head, seq)
    return page["generation"], page["messages"][: seq - page["first_seq"] + 1]
