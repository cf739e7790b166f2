"""Storing a session with a history of any length at once: hidden while it is built, there in one Patch."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from math import ceil
from typing import cast

from shared.errors import SessionExistsError
from shared.models import ImportedMessage, ImportedSession, JsonObject, Session, format_time
from shared.store.cosmos.concurrency import for_each
from shared.store.cosmos.documents import Building, Log, MessageDocument, NewHeadDocument
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import hidden_while_building, set_fields
from shared.store.cosmos.head import (
    RECENT_IDS,
    Head,
    extended,
    generation_after,
    head_document,
    last_message_hint,
    remembered,
    with_starts,
)
from shared.store.cosmos.lifecycle import finish_delete
from shared.store.cosmos.lifetimes import renew_at
from shared.store.cosmos.pages import create_page, page_document
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.retry import Retries
from shared.store.rules import applied_ttl, documents_bytes

Generation = list[MessageDocument]


async def import_session(
    partition: Partition, session: ImportedSession, messages: Sequence[ImportedMessage], *, archive_ttl: int
) -> Session | None:
    """Store a session as it was elsewhere; see SessionStore.import_session.

    Until the last Patch its head is a tombstone that names the epoch being built: nobody sees it, whoever
    wants its id takes it away, and what a crash leaves the timer removes.
    """

    def make() -> list[NewHeadDocument]:
        return [_building(session, messages, archive_ttl, milliseconds=partition.milliseconds)]

    retries = Retries(partition.limits)
    while True:
        try:
            head = Head(await partition.create_anew(make))
            log = await _write_pages(partition, head, [message.document() for message in messages])
            revealed = await _reveal(partition, head, session, log=log)
        except (ItemExistsError, ItemMissingError, ItemRefusedError):
            if await _is_there(partition, session):  # read after a write has said so
                return None
            await retries.again()  # somebody took the id, or this is the try before, whose answer was lost
        else:
            return revealed.session()


async def _is_there(partition: Partition, session: ImportedSession) -> bool:
    """Return whether this import was done before; raises SessionExistsError for another session."""
    try:
        head = Head(await partition.read(session.id))
    except ItemMissingError:
        return False
    if head.is_hidden:
        await finish_delete(partition, head)
        return False
    if session.fingerprint is None or head.document.get("fingerprint") != session.fingerprint:
        raise SessionExistsError
    return True


def _building(
    session: ImportedSession, messages: Sequence[ImportedMessage], archive_ttl: int, *, milliseconds: int
) -> NewHeadDocument:
    """Return the head of a session that nobody sees yet."""
    document = head_document(session, milliseconds)
    last_activity_at = format_time(session.last_activity_at)
    last_message_at = format_time(messages[-1].created_at) if messages else None
    return {
        **document,
        "updated_at": format_time(session.updated_at),
        "last_activity_at": last_activity_at,
        "archived_at": None if session.archived_at is None else format_time(session.archived_at),
        "last_seq": session.last_seq,
        "message_count": len(messages),
        "quiet": last_message_hint(last_activity_at, last_message_at),
        "status": "deleted",
        "ttl": applied_ttl(session.ttl_seconds, archive_ttl, pinned=session.pinned, status=session.status),
        "pending": True,
        "building": {"epoch": document["log"]["epoch"], "since": milliseconds // 1000},
    }


async def _write_pages(partition: Partition, head: Head, documents: Sequence[MessageDocument]) -> Log:
    """Write the pages of the epoch being built and return the whole log."""
    *pages, messages = _generations(documents, partition.limits.generation_bytes)
    *first_seqs, _ = accumulate(map(len, pages), initial=head.first_seq)

    async def write(numbered: tuple[int, tuple[int, Generation]]) -> None:
        number, (first_seq, documents) = numbered
        page = page_document(head.document, documents, epoch=head.epoch, generation=number, first_seq=first_seq)
        with suppress(ItemExistsError):  # nobody else knows the epoch: it was made by a try whose answer was lost
            await create_page(partition, page)

    await for_each(enumerate(zip(first_seqs, pages, strict=True)), write)
    in_pages = list(chain.from_iterable(pages))
    summary = extended(
        head.page_summary, in_pages, head.first_seq + len(in_pages) - 1, milliseconds=partition.milliseconds
    )
    return {
        **head.document["log"],
        "generation": generation_after(len(pages)),
        "messages": messages,
        "bytes": documents_bytes(messages),
        "recent_ids": remembered(head.id, [], in_pages[-RECENT_IDS:]),
        "sealed": with_starts(summary, *first_seqs),
    }


def _generations(documents: Sequence[MessageDocument], room: int) -> Iterator[Generation]:
    """Cut messages into what is large enough for a page each, and at last what is not, which may be nothing."""
    generation: Generation = []
    size = 0
    for document in documents:
        generation.append(document)
        size += documents_bytes([document])
        if size >= room:
            yield generation
            generation, size = [], 0
    yield generation


async def _reveal(partition: Partition, head: Head, session: ImportedSession, *, log: Log) -> Head:
    """Let the session be seen."""
    since = cast("Building", head.building)["since"]
    fields: JsonObject = {
        "status": session.status,
        "log": log,
        "renew_at": renew_at(since, head.ttl, log["generation"]),
        "building": None,
        "pending": False,
    }
    if session.expires_at is not None:  # the ttl that it has once it is used begins with a renewal
        left = ceil(session.expires_at.timestamp() - partition.milliseconds / 1000)
        fields |= {"ttl": max(left, 1), "ttl_once_used": head.ttl, "renew_at": 0}
    return Head(await partition.patch(head.id, set_fields(**fields), hidden_while_building(head.epoch)))
