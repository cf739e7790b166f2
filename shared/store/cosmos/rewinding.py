"""Putting another tail in a session's place, or none: in the head, deeper with what is kept under a new epoch."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, cast

from shared.errors import MessageConflictError, PreconditionFailedError, SessionArchivedError
from shared.models import Appended, JsonObject, Message, MessageQuery, NewMessage, format_time, utc_now
from shared.store.cosmos.changes import clear_pending
from shared.store.cosmos.concurrency import AT_ONCE
from shared.store.cosmos.documents import (
    Building,
    Log,
    MessageDocument,
    NewHeadDocument,
    NewPageDocument,
    PageSummary,
)
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    ACTIVE,
    all_of,
    builds,
    ends_as,
    history_unchanged_since,
    holds_just_what,
    increment,
    log_unchanged_since,
    matching,
    not_due,
    set_at,
    set_fields,
)
from shared.store.cosmos.head import (
    RECENT_IDS,
    Head,
    advanced,
    extended,
    fresh_log,
    generation_after,
    last_message_at,
    last_message_hint,
    remembered,
    short_hash,
    with_starts,
)
from shared.store.cosmos.history import read_history
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
from shared.store.rules import counts_after_rewind, documents_bytes, ends_with, last_kept_seq


class Tail(NamedTuple):
    """What is to follow the messages up to `after_seq`, and on what condition; nothing does after a rewind."""

    after_seq: int
    messages: Sequence[NewMessage]
    if_match: str | None

    def kept_seq(self, head: Head) -> int:
        """Return the seq of the newest message that is kept, or the one before the first where none is."""
        return min(last_kept_seq(self.after_seq, head.first_seq), head.last_seq)

    def documents(self) -> list[MessageDocument]:
        """Return its messages as they are stored."""
        return [message.document() for message in self.messages]

    def guards(self, head: Head) -> list[str]:
        """Hold while the condition does; what is to follow is judged beside what is there, so that may not grow."""
        return [*matching(self.if_match), *([ACTIVE, ends_as(head)] if self.messages else [])]


@proven
async def rewind(partition: Partition, session_id: str, after_seq: int, if_match: str | None = None) -> None:
    """Remove what is newer than `after_seq`; see SessionStore.rewind."""
    tail = Tail(after_seq, (), if_match)
    retries = Retries(partition.limits)
    done = False  # perhaps: its answer may have been lost
    while True:
        head = await read_head(partition, session_id)
        if if_match not in {None, head.version} and not (done and head.last_seq == tail.kept_seq(head)):
            raise PreconditionFailedError
        try:
            await _cut(partition, head, tail)
        except (ItemRefusedError, ItemMissingError) as error:
            done = done or error.repeated
            await renew_if_due(partition, head)
            await retries.again()
        else:
            return


@proven
async def replace_tail(
    partition: Partition, session_id: str, after_seq: int, messages: Sequence[NewMessage], if_match: str | None = None
) -> Appended:
    """Let these messages be what follows `after_seq`; see SessionStore.replace_tail."""
    tail = Tail(after_seq, messages, if_match)
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        try:
            stored = await _stored_already(partition, head, tail)
            if stored is not None:
                await _swept(partition, head)
                return stored
            await _refuse(partition, head, tail)
            head = await _replace(partition, head, tail)
        except (ItemRefusedError, ItemExistsError, ItemMissingError):
            await renew_if_due(partition, head)
            await retries.again()
        else:
            first_seq = head.last_seq - len(messages) + 1
            placed = [message.placed(seq, partition.user_id) for seq, message in enumerate(messages, first_seq)]
            count = head.document["message_count"]
            return Appended(messages=placed, message_count=count, created=bool(placed), etag=head.version)


async def _stored_already(partition: Partition, head: Head, tail: Tail) -> Appended | None:
    """Return the tail if it is all that follows already, by a write of any time; no replica is believed that."""
    count = len(tail.messages)
    if head.last_seq - count > tail.kept_seq(head) or head.document["message_count"] < count:
        return None
    newest = (await _messages_before(partition, head, head.last_seq + 1, count))[::-1]
    if not ends_with(tail.messages, newest):
        return None
    if not partition.pinned:
        await partition.pin(head.id)
        raise ItemRefusedError
    made = {message.id: message.created_at for message in tail.messages}
    return Appended(
        messages=newest,
        message_count=head.document["message_count"],
        created=count > 0 and all(message.created_at == made[message.id] for message in newest),
        etag=head.version,
    )


async def _refuse(partition: Partition, head: Head, tail: Tail) -> None:
    """Raise what keeps the tail from being replaced."""
    if tail.if_match not in {None, head.version}:
        raise PreconditionFailedError
    if head.status == "archived":
        raise SessionArchivedError
    kept = await _newest_kept_ids(partition, head, tail)
    conflicts = [message.id for message in tail.messages if message.id in kept]
    if conflicts:
        if not partition.pinned:
            await partition.pin(head.id)
            raise ItemRefusedError
        raise MessageConflictError(conflicts)


async def _newest_kept_ids(partition: Partition, head: Head, tail: Tail) -> set[str]:
    """Return the ids of at least the newest RECENT_IDS messages that are kept; pages are read only where need be."""
    seq = tail.kept_seq(head)
    kept = {document["id"] for place, document in head.held() if place <= seq}
    in_head = seq >= head.previous_first_seq - 1
    hashes = (short_hash(head.id, message.id) for message in tail.messages)
    if tail.messages and not (in_head and not any(short in head.recent_ids for short in hashes)):
        before = min(seq + 1, head.previous_first_seq)
        kept.update(message.id for message in await _messages_before(partition, head, before, RECENT_IDS))
    return kept


async def _messages_before(partition: Partition, head: Head, seq: int, count: int) -> list[Message]:
    """Return as many messages before a seq, newest first; raises ItemRefusedError where the head has moved on."""
    found: list[Message] = []
    while len(found) < count and seq > head.first_seq:
        seen, page = await read_history(partition, head, MessageQuery(limit=count - len(found), before=seq))
        if seen is not head:
            raise ItemRefusedError
        found += page.messages
        seq = found[-1].seq
    return found


async def _replace(partition: Partition, head: Head, tail: Tail) -> Head:
    """Write the tail: beside what the head keeps if it can be, else with all that is kept under a new epoch."""
    seq = tail.kept_seq(head)
    held = head.bytes + head.previous_bytes + documents_bytes(tail.documents())
    if seq < head.messages_first_seq - 1 or held >= partition.limits.head_cap_bytes:
        return await _rebuild(partition, head, tail)
    log: Log = {
        **head.document["log"],
        "messages": head.messages[: seq - head.messages_first_seq + 1],
        "edits": head.edits + 1,
        "sealed": {**head.page_summary, "known_from": partition.milliseconds},
    }
    log["bytes"] = documents_bytes(log["messages"])
    fields, pages = _followed(partition, head, tail, log=log)
    where = all_of(not_due(partition.now), holds_just_what(head), *tail.guards(head))
    if not pages:
        return Head(await partition.patch(head.id, set_fields(**fields), where))
    try:
        etag = await partition.create_and_patch(pages[0], head.id, set_fields(**fields), where)
    except ItemExistsError:  # a page that somebody made of what the head held, and that does not count
        return await _rebuild(partition, head, tail)
    after = {**head.document, **fields, "_etag": etag}
    partition.note(after)
    return Head(after)


def _followed(partition: Partition, head: Head, tail: Tail, *, log: Log) -> tuple[JsonObject, list[NewPageDocument]]:
    """Return the fields of the head whose log, of what is kept, is followed by the tail, and the pages that takes."""
    counts = counts_after_rewind(head.first_seq, tail.kept_seq(head))
    kept = cast("NewHeadDocument", {**head.document, **counts, "log": log})
    documents = tail.documents()
    size = log["bytes"] + log["previous_bytes"] + documents_bytes(documents)
    steps: list[tuple[list[MessageDocument], int]] = [(documents, partition.limits.generation_bytes)]
    if size >= partition.limits.head_cap_bytes:
        steps.insert(0, ([], 0))  # what is kept fills a page by itself, lest one exceeds what an item may have
    pages = []
    for added, room in steps:
        held = Head({"_etag": "", **kept})
        fields, leaving = advanced(kept, added, room=room, milliseconds=partition.milliseconds)
        if leaving:
            number, first_seq = held.counted_pages, held.previous_first_seq
            pages.append(page_document(kept, leaving, epoch=held.epoch, generation=number, first_seq=first_seq))
        kept = cast("NewHeadDocument", {**kept, **fields})
    activity = documents[-1]["created_at"] if documents else head.document["last_activity_at"]
    changed = {name: kept[name] for name in ("last_seq", "message_count", "log", "renew_at")}
    return {
        **changed,
        "updated_at": format_time(utc_now()),
        "last_activity_at": activity,
        "quiet": last_message_hint(activity, last_message_at(kept["log"])),
        **({"lease": None} if tail.kept_seq(head) < head.last_seq else {}),
    }, pages


async def _cut(partition: Partition, head: Head, tail: Tail) -> None:
    seq = tail.kept_seq(head)
    if seq < head.messages_first_seq - 1:
        await _rebuild(partition, head, tail)
        return
    if seq < head.last_seq:
        await _cut_messages(partition, head, tail)
    elif not partition.pinned:
        await partition.pin(head.id)  # nothing is newer on a replica; there may be by now
        raise ItemRefusedError
    await _swept(partition, head)


async def _swept(partition: Partition, head: Head) -> None:
    """Sweep where something is pending: perhaps this very call was cut short before its sweep."""
    if head.document["pending"]:
        with left_to_the_timer():
            await sweep(partition, head.id)


async def _cut_messages(partition: Partition, head: Head, tail: Tail) -> None:
    """Remove messages whatever is appended meanwhile, which is removed with them."""
    seq = tail.kept_seq(head)
    kept = head.messages[: seq - head.messages_first_seq + 1]
    activity = head.document["last_activity_at"]
    operations = [
        set_at("/log/messages", kept),
        set_at("/log/bytes", documents_bytes(kept)),
        increment("/log/edits"),
        set_at("/log/sealed/known_from", partition.milliseconds),
        *set_fields(
            **counts_after_rewind(head.first_seq, seq),
            updated_at=format_time(utc_now()),
            last_activity_at=activity,
            quiet=last_message_hint(activity, last_message_at({**head.document["log"], "messages": kept})),
            lease=None,
        ),
    ]
    where = all_of(history_unchanged_since(head, partition.now), log_unchanged_since(head), *tail.guards(head))
    await partition.patch(head.id, operations, where)


async def _rebuild(partition: Partition, head: Head, tail: Tail) -> Head:
    """Build the history under an epoch that the head names first, so that no sweep takes it for a dead one."""
    log = fresh_log(partition.milliseconds)
    building: Building = {"epoch": log["epoch"], "since": partition.now}
    where = all_of(history_unchanged_since(head, building["since"]), *tail.guards(head))
    await partition.patch(head.id, set_fields(building=building, pending=True), where, no_response=True)
    log = await _copy(partition, head, tail.kept_seq(head), log=log)
    fields, pages = _followed(partition, head, tail, log=log)
    for page in pages:
        with suppress(ItemExistsError):  # nobody else knows the epoch: by a try whose answer was lost
            await create_page(partition, page)
    fields |= {"building": None, "renew_at": renew_at(building["since"], head.ttl, fields["log"]["generation"])}
    where = all_of(history_unchanged_since(head, partition.now), builds(log["epoch"]), *tail.guards(head))
    try:
        swapped = Head(await partition.patch(head.id, set_fields(**fields), where))
    except ItemRefusedError:
        with left_to_the_timer():
            await sweep(partition, head.id)  # a clear may have gone before what was written here
        raise
    with left_to_the_timer():
        await sweep(partition, head.id, {head.epoch})
        await clear_pending(partition, swapped)
    return swapped


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
            recent = remembered(head.id, recent, copied)
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
        held = [*head.previous, *head.messages]
        return head.counted_pages, held[: seq - head.previous_first_seq + 1]
    page = await find_page(partition, head, seq)
    return page["generation"], page["messages"][: seq - page["first_seq"] + 1]
