"""Sealed pages: making them, reading them, keeping them alive, and sweeping away those that no longer count."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import time
from typing import TypeVar

from shared.models import KEEP, JsonObject
from shared.store.cosmos.errors import ItemExistsError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.head import Head, page_id, page_ttl
from shared.store.cosmos.items import Items
from shared.store.documents import counts_of

AT_ONCE = 8  # page requests in flight for one caller
PAGES_OF_SESSION = "c.type = 'page' AND c.session_id = @session_id"
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


async def seal_previous(items: Items, head: Head) -> None:
    """Make the page of the previous generation; a page that is there already holds the very same messages.

    Such a page may stem from a rotator that died long ago and may be about to expire, so its clock
    is started again, and its time to live never shortened.
    """
    page = page_document(head, head.epoch, head.generation - 1, head.previous_first_seq, head.previous)
    try:
        await items.seal(page)
    except ItemExistsError:
        await _touch(items, head.user_id, page["id"], page["ttl"])


async def _touch(items: Items, user_id: str, item_id: str, ttl: int) -> None:
    """Start a page's clock again; raises ItemRefusedError if it goes or is written meanwhile."""
    try:
        found = await items.read(user_id, item_id)
        if not _is_fresh(found, ttl):
            await _set_ttl(items, user_id, found, _longer(found["ttl"], ttl))
    except ItemMissingError as error:
        raise ItemRefusedError from error


def _is_fresh(page: JsonObject, wanted: int) -> bool:
    """Tell whether a page found lives as long as one made now needs to: its maker is probably at work still."""
    if page["ttl"] == KEEP:
        return True
    return _longer(page["ttl"], wanted) == page["ttl"] and bool(page["_ts"] >= time() - wanted // 8)


def _longer(ttl: int, other: int) -> int:
    return KEEP if KEEP in {ttl, other} else max(ttl, other)


async def _set_ttl(items: Items, user_id: str, page: JsonObject, ttl: int) -> None:
    """Give a page, if it is as it was seen, a life that counts from now; raises as Items.patch does."""
    operations = [{"op": "set", "path": "/ttl", "value": ttl}]
    await items.patch_unseen(user_id, page["id"], operations, "c.type = 'page'", page["_etag"])


async def lengthen_pages(
    items: Items, user_id: str, pages: Iterable[JsonObject], ttl: int, fresh_since: float | None = None
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
            await _set_ttl(items, user_id, page, _longer(page["ttl"], wanted) if fresh_since is None else wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error
        except ItemRefusedError:
            if fresh_since is None:
                raise

    await for_each(due, lengthen)
    return lasting


def _lasts(page: JsonObject, wanted: int, fresh_since: float) -> bool:
    """Tell whether a page ends no sooner than one written at `fresh_since` to live as long as is wanted."""
    found: int = page["ttl"]
    if KEEP in {found, wanted}:
        return found == KEEP
    return bool(page["_ts"] + found >= fresh_since + wanted)


async def shorten_pages(items: Items, user_id: str, pages: Iterable[JsonObject], ttl: int) -> None:
    """Give listed pages that live longer the life that goes with a head's `ttl`.

    They must have been listed before a write of the head that whoever lengthens its life at the same
    time cannot miss: that one then writes all pages again, and here they are refused (ItemRefusedError).
    """
    wanted = page_ttl(ttl)

    async def shorten(page: JsonObject) -> None:
        try:
            await _set_ttl(items, user_id, page, wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error

    longer = [page for page in pages if page["ttl"] != wanted and _longer(page["ttl"], wanted) == page["ttl"]]
    await for_each(longer, shorten)


async def list_counted(items: Items, head: Head) -> list[JsonObject]:
    """Return what `list_pages` tells of the pages that count."""
    if not head.counted_pages:
        return []
    listed = await list_pages(items, head.user_id, head.id)
    return [page for page in listed if page["epoch"] == head.epoch and page["generation"] < head.counted_pages]


async def list_pages(items: Items, user_id: str, session_id: str) -> list[JsonObject]:
    """Return id, epoch, generation, ttl, last write and etag of every page of a session, even if it does not count."""
    sql = f"SELECT c.id, c.epoch, c.generation, c.ttl, c._ts, c._etag FROM c WHERE {PAGES_OF_SESSION}"  # noqa: S608
    return await items.query(user_id, sql, {"session_id": session_id})


async def read_page(items: Items, head: Head, generation: int) -> JsonObject:
    """Return a page that counts; raises ItemMissingError."""
    return await items.read(head.user_id, page_id(head.id, head.epoch, generation))


async def find_generation(items: Items, head: Head, seq: int) -> int:
    """Return the newest page that starts at `seq` or before; raises ItemMissingError."""
    sql = (
        f"SELECT TOP 1 VALUE c.generation FROM c WHERE {PAGES_OF_SESSION} AND c.epoch = @epoch"  # noqa: S608 - constants
        " AND c.generation < @pages AND c.first_seq <= @seq ORDER BY c.generation DESC"
    )
    parameters = {"session_id": head.id, "epoch": head.epoch, "pages": head.counted_pages, "seq": seq}
    found = await items.query(head.user_id, sql, parameters, at_most=1)
    if not found:
        raise ItemMissingError
    generation: int = found[0]
    return generation


async def sweep(items: Items, user_id: str, session_id: str) -> None:
    """Delete the pages of a session that can never count again.

    The pages are listed before the head is read: an epoch that is listed and is not the head's then
    is over for good, because no epoch is used twice. A rotator's page not counted yet has the head's.
    """
    listed = await list_pages(items, user_id, session_id)
    if not listed:
        return
    living = await _living_epochs(items, user_id, session_id)
    dead = [page["id"] for page in listed if page["epoch"] not in living]

    async def remove(item_id: str) -> None:
        try:
            await items.delete(user_id, item_id)
        except (ItemMissingError, ItemRefusedError):
            return

    await for_each(dead, remove)


async def _living_epochs(items: Items, user_id: str, session_id: str) -> set[str]:
    """Return the epoch whose pages count and the one that a rewind or an import is building, if any."""
    try:
        head = Head(await items.read(user_id, session_id))
    except ItemMissingError:
        return set()
    building = {head.building["epoch"]} if head.building else set()
    return building if head.is_deleted else building | {head.epoch}
