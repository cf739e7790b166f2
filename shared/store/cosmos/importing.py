"""Storing a session with a history of any length at once: hidden while it is built, there in one Patch."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from math import ceil
from time import time

from shared.errors import SessionExistsError
from shared.models import ImportedMessage, ImportedSession, JsonObject, format_time
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import hidden_while_building, set_fields
from shared.store.cosmos.head import (
    FAR_FUTURE,
    PREVIOUS_CAP_BYTES,
    RECENT_IDS,
    Head,
    head_document,
    last_message_hint,
    renewal_due,
    short_hash,
    summary,
)
from shared.store.cosmos.lifecycle import finish_delete
from shared.store.cosmos.pages import create_page, for_each, page_document
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.retry import Retries
from shared.store.rules import applied_ttl, documents_bytes

Generation = list[JsonObject]


async def import_session(
    partition: Partition, session: ImportedSession, messages: Sequence[ImportedMessage], archive_ttl: int
) -> bool:
    """Store a session as it was elsewhere; see SessionStore.import_session.

    Until the last Patch its head is a tombstone that names the epoch being built: nobody sees it, whoever
    wants its id takes it away, and what a crash leaves the timer removes.
    """
    retries = Retries()
    while True:
        try:
            head = Head(await partition.create(lambda: _building(session, messages, archive_ttl)))
            log = await _write_pages(partition, head, [message.document() for message in messages])
            await _reveal(partition, head, session, log)
        except (ItemExistsError, ItemMissingError, ItemRefusedError):
            if await _is_there(partition, session):  # read after a write has said so
                return False
            await retries.again()  # somebody took the id, or this is the try before, whose answer was lost
        else:
            return True


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


def _building(session: ImportedSession, messages: Sequence[ImportedMessage], archive_ttl: int) -> JsonObject:
    """Return the head of a session that nobody sees yet."""
    document = head_document(session, [])
    imported = session.model_dump(mode="json", include={"updated_at", "last_activity_at", "archived_at", "last_seq"})
    last_message_at = format_time(messages[-1].created_at) if messages else None
    return document | {
        **imported,
        "message_count": len(messages),
        "quiet": last_message_hint(imported["last_activity_at"], last_message_at),
        "status": "deleted",
        "ttl": applied_ttl(session.ttl_seconds, archive_ttl, pinned=session.pinned, status=session.status),
        "pending": True,
        "building": {"epoch": document["log"]["epoch"], "since": int(time())},
    }


async def _write_pages(partition: Partition, head: Head, documents: Sequence[JsonObject]) -> JsonObject:
    """Write the pages of the epoch being built and return the whole log."""
    generations = list(_generations(documents, head.generation_bytes()))
    pages, previous, messages = generations[:-2], generations[-2] if generations[1:] else [], generations[-1]
    first_seqs = accumulate((len(page) for page in pages), initial=head.first_seq)

    async def write(numbered: tuple[int, tuple[int, Generation]]) -> None:
        number, (first_seq, page) = numbered
        with suppress(ItemExistsError):  # nobody else knows the epoch: it was made by a try whose answer was lost
            await create_page(partition, page_document(head, head.epoch, number, first_seq, page))

    await for_each(enumerate(zip(first_seqs, pages, strict=False)), write)
    sealed = list(chain.from_iterable(pages))
    log: JsonObject = head.document["log"]
    return log | {
        "generation": len(generations) - 1,
        "messages": messages,
        "previous": previous,
        "bytes": documents_bytes(messages),
        "previous_bytes": documents_bytes(previous),
        "recent_ids": [short_hash(head.id, document["id"]) for document in sealed[-RECENT_IDS:]],
        "sealed": summary(log["sealed"], sealed, head.first_seq + len(sealed) - 1),
    }


def _generations(documents: Sequence[JsonObject], threshold: int) -> Iterator[Generation]:
    """Cut messages as appending them would have, one generation at least; the two newest stay in the head."""
    generation: Generation = []
    size = newest = 0
    for document in documents:
        generation.append(document)
        size += documents_bytes([document])
        if size >= threshold:
            yield generation
            generation, newest, size = [], size, 0
    yield generation
    if newest + size > PREVIOUS_CAP_BYTES:  # too much to keep in the head
        yield []
        yield []


async def _reveal(partition: Partition, head: Head, session: ImportedSession, log: JsonObject) -> None:
    """Let the session be seen."""
    since = head.document["building"]["since"]
    fields: JsonObject = {
        "status": session.status,
        "log": log,
        "renew_at": renewal_due(since, head.ttl) if log["generation"] else FAR_FUTURE,
        "building": None,
        "pending": False,
    }
    if session.expires_at is not None:  # the ttl that it has once it is used begins with a renewal
        left = ceil(session.expires_at.timestamp() - time())
        fields |= {"ttl": max(left, 1), "ttl_once_used": head.ttl, "renew_at": 0}
    await partition.patch(head.id, set_fields(**fields), hidden_while_building(head.epoch), no_response=True)
