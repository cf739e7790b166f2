"""Sealed pages: making them, reading them, keeping them alive, and sweeping away those that no longer count."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from time import time
from typing import TypeVar

from shared.models import KEEP, JsonObject
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import IS_PAGE, pages_unchanged_since, set_fields
from shared.store.cosmos.head import Head, page_id, page_ttl
from shared.store.cosmos.partition import Partition
from shared.store.rules import counts_of

logger = logging.getLogger(__name__)

AT_ONCE = 8  # page requests in flight for one caller
CONFIRM_TRIES = 3  # of a head that changes meanwhile; the timer comes back
PAGES_OF_SESSION = f"{IS_PAGE} AND c.session_id = @session_id"
Item = TypeVar("Item")
Result = TypeVar("Result")


async def for_each(things: Iterable[Item], work: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """Do the work for each thing, a few at a time; return the results in order, or raise the first failure alone."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(thing: Item) -> Result:
        async with gate:
            return await work(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(gated(thing)) for thing in things]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def page_document(
    head: Head, epoch: str, generation: int, first_seq: int, messages: Sequence[JsonObject]
) -> JsonObject:
    """Return a page of a session, under the head's epoch or one that is being built."""
    return {
        "id": page_id(head.id, epoch, generation),
        "user_id": head.user_id,
        "type": "page",
        "session_id": head.id,
        "epoch": epoch,
        "generation": generation,
        "first_seq": first_seq,
        "messages": list(messages),
        "counts": counts_of(messages),
        "ttl": page_ttl(head.ttl),
    }


async def create_page(partition: Partition, page: JsonObject) -> None:
    """Store a page, without having it sent back; raises ItemExistsError."""
    await partition.create(lambda: page, no_response=True)


async def create_previous_page(partition: Partition, head: Head) -> None:
    """Make the page of the previous generation; a page that is there already holds the very same messages.

    Such a page may stem from a rotator that died long ago and may be about to expire, so its clock
    is started again, and its time to live never shortened.
    """
    page = page_document(head, head.epoch, head.generation - 1, head.previous_first_seq, head.previous)
    try:
        await create_page(partition, page)
    except ItemExistsError:
        await _touch(partition, page["id"], page["ttl"])


async def _touch(partition: Partition, item_id: str, ttl: int) -> None:
    """Start a page's clock again; raises ItemRefusedError if it goes or is written meanwhile."""
    try:
        found = await partition.read(item_id)
        if not _is_fresh(found, ttl):
            await _set_ttl(partition, found, _longer(found["ttl"], ttl))
    except ItemMissingError as error:
        raise ItemRefusedError from error


def _is_fresh(page: JsonObject, wanted: int) -> bool:
    """Return whether a page found lives as long as one made now needs to: its maker is probably at work still."""
    if page["ttl"] == KEEP:
        return True
    return _longer(page["ttl"], wanted) == page["ttl"] and bool(page["_ts"] >= time() - wanted // 8)


def _longer(ttl: int, other: int) -> int:
    return KEEP if KEEP in {ttl, other} else max(ttl, other)


async def _set_ttl(partition: Partition, page: JsonObject, ttl: int) -> None:
    """Give a page, if it is as it was seen, a life that counts from now; raises as Items.patch does."""
    await partition.patch(page["id"], set_fields(ttl=ttl), IS_PAGE, etag=page["_etag"], no_response=True)


async def lengthen_pages(
    partition: Partition, pages: Iterable[JsonObject], ttl: int, fresh_since: float | None = None
) -> list[JsonObject]:
    """Start the clocks of listed pages again, with the life that goes with a head's `ttl`; none ends sooner.

    With `fresh_since` (seconds) pages that last as long as one written then are left as they are and
    returned; those that another writer reaches first are left too. Without it every page is written: then
    whoever listed them before can shorten none of them any more. Raises ItemRefusedError if one is not as
    listed, or gone.
    """
    wanted = page_ttl(ttl)
    lasting: list[JsonObject] = []
    due: list[JsonObject] = []
    for page in pages:
        (lasting if fresh_since is not None and _lasts(page, wanted, fresh_since) else due).append(page)

    async def lengthen(page: JsonObject) -> None:
        try:
            await _set_ttl(partition, page, _longer(page["ttl"], wanted) if fresh_since is None else wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error
        except ItemRefusedError:
            if fresh_since is None:
                raise

    await for_each(due, lengthen)
    return lasting


def _lasts(page: JsonObject, wanted: int, fresh_since: float) -> bool:
    """Return whether a page ends no sooner than one written at `fresh_since` to live as long as is wanted."""
    found: int = page["ttl"]
    if KEEP in {found, wanted}:
        return found == KEEP
    return bool(page["_ts"] + found >= fresh_since + wanted)


async def shorten_pages(partition: Partition, pages: Iterable[JsonObject], ttl: int) -> None:
    """Give listed pages that live longer the life that goes with a head's `ttl`.

    They must have been listed before a write of the head that whoever lengthens its life at the same
    time cannot miss: that one then writes all pages again, and here they are refused (ItemRefusedError).
    """
    wanted = page_ttl(ttl)

    async def shorten(page: JsonObject) -> None:
        try:
            await _set_ttl(partition, page, wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error

    longer = [page for page in pages if page["ttl"] != wanted and _longer(page["ttl"], wanted) == page["ttl"]]
    await for_each(longer, shorten)


async def list_counted(partition: Partition, head: Head) -> list[JsonObject]:
    """Return what `list_pages` tells of the pages that count; raises ItemRefusedError if some may be missing.

    They are listed from a state no older than the head's, so only a store that gives out no session tokens can miss
    one; of a page that is not there after a write was answered, nothing can be saved by waiting.
    """
    if not head.counted_pages:
        return []
    listed = await list_pages(partition, head.id)
    counted = [page for page in listed if page["epoch"] == head.epoch and page["generation"] < head.counted_pages]
    if len(counted) < head.counted_pages:
        if not partition.pinned:
            await partition.pin(head.id)
            raise ItemRefusedError
        logger.error("a page that counts is missing")
    return counted


async def list_pages(partition: Partition, session_id: str) -> list[JsonObject]:
    """Return id, epoch, generation, ttl, last write and etag of every page of a session, even if it does not count."""
    sql = f"SELECT c.id, c.epoch, c.generation, c.ttl, c._ts, c._etag FROM c WHERE {PAGES_OF_SESSION}"  # noqa: S608
    return await partition.query(sql, {"session_id": session_id})


async def read_page(partition: Partition, head: Head, generation: int) -> JsonObject:
    """Return a page that counts; raises ItemMissingError."""
    return await partition.read(page_id(head.id, head.epoch, generation))


async def find_generation(partition: Partition, head: Head, seq: int) -> int:
    """Return the newest page that starts at `seq` or before; raises ItemMissingError."""
    sql = (
        f"SELECT TOP 1 VALUE c.generation FROM c WHERE {PAGES_OF_SESSION} AND c.epoch = @epoch"  # noqa: S608 - constants
        " AND c.generation < @pages AND c.first_seq <= @seq ORDER BY c.generation DESC"
    )
    parameters = {"session_id": head.id, "epoch": head.epoch, "pages": head.counted_pages, "seq": seq}
    found = await partition.query(sql, parameters, at_most=1)
    if not found:
        raise ItemMissingError
    generation: int = found[0]
    return generation


async def sweep(partition: Partition, session_id: str, over: Collection[str] = ()) -> Head | None:
    """Delete the pages of a session that can never count again; return the head if a write has confirmed it for that.

    Pages of an epoch in `over` are: a write of the caller has ended it, and no epoch is used twice. Of any other a
    write has to say, after the pages were listed, that the head is of another epoch and builds none of that name, or
    that there is no head; no read is believed. Raises ItemRefusedError while that cannot be had.
    """
    listed = await list_pages(partition, session_id)
    doubtful = {page["epoch"] for page in listed}.difference(over)
    head = await _confirmed_head(partition, session_id, doubtful) if doubtful else None
    living = set() if head is None else doubtful & head.living_epochs
    dead = [page["id"] for page in listed if page["epoch"] not in living]

    async def remove(item_id: str) -> None:
        with suppress(ItemMissingError):
            await partition.delete(item_id)

    await for_each(dead, remove)
    return head


async def _confirmed_head(partition: Partition, session_id: str, epochs: Collection[str]) -> Head | None:
    """Return a head under which these epochs are over unless it names them, None if there is none; both by a write."""
    for _ in range(CONFIRM_TRIES):
        try:
            head = Head(await partition.read(session_id))
            if head.living_epochs.issuperset(epochs):
                return head  # nothing is to be deleted, so nothing is to be proven
            where = pages_unchanged_since(head, int(time()))
            return Head(await partition.patch(session_id, set_fields(pending=True), where))
        except ItemMissingError:
            if not await partition.pin(session_id):
                return None
        except ItemRefusedError:
            continue
    raise ItemRefusedError
