"""Keeping pages alive as long as their head needs them: their clocks are started again, lengthened and shortened."""

import logging
from collections.abc import Iterable
from typing import cast

from shared.logs import event
from shared.store.cosmos.concurrency import for_each
from shared.store.cosmos.documents import ListedPage
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import IS_PAGE, move, renewable, set_fields
from shared.store.cosmos.head import Head
from shared.store.cosmos.lifetimes import FAR_FUTURE, is_fresh, lasting_since, lasts, longer, page_ttl, renew_at
from shared.store.cosmos.pages import list_pages
from shared.store.cosmos.partition import Partition

logger = logging.getLogger(__name__)


async def renew(partition: Partition, head: Head) -> Head:
    """Start the clocks of all counted pages again and say when that is due next; returns the head as it is then.

    Pages that live too long (a change of the ttl was not finished) are shortened then, not before.
    Raises ItemRefusedError when the head, or a page, was changed meanwhile.
    """
    start = partition.now
    ttl = head.ttl_once_used
    pages = await list_counted(partition, head)
    lasting = await lengthen_pages(partition, pages, ttl, fresh_since=lasting_since(start, ttl))
    due = renew_at(start, ttl, head.generation)
    if due == head.document["renew_at"] != FAR_FUTURE:
        due -= 1  # whoever changes the ttl at the same time must see that something happened
    operations = set_fields(renew_at=due)
    if ttl != head.ttl:
        operations.append(move("/ttl_once_used", "/ttl"))
    renewed = Head(await partition.patch(head.id, operations, renewable(head)))
    await shorten_pages(partition, lasting, ttl)
    event("renewal", {"pages": len(pages), "written": len(pages) - len(lasting)})
    return renewed


async def renew_if_due(partition: Partition, head: Head) -> Head | None:
    """Renew when that is what keeps the head from being written; None when it is not, or another was faster."""
    if head.document["renew_at"] > partition.now:
        return None
    try:
        return await renew(partition, head)
    except (ItemRefusedError, ItemMissingError):
        return None


async def touch(partition: Partition, item_id: str, ttl: int) -> None:
    """Start a page's clock again; raises ItemRefusedError if it goes or is written meanwhile."""
    try:
        found = cast("ListedPage", await partition.read(item_id))
        if not is_fresh(found, ttl, partition.milliseconds / 1000):
            await _set_ttl(partition, found, longer(found["ttl"], ttl))
    except ItemMissingError as error:
        raise ItemRefusedError from error


async def _set_ttl(partition: Partition, page: ListedPage, ttl: int) -> None:
    """Give a page, if it is as it was seen, a life that counts from now; raises as Items.patch does."""
    await partition.patch(page["id"], set_fields(ttl=ttl), IS_PAGE, etag=page["_etag"], no_response=True)


async def lengthen_pages(
    partition: Partition, pages: Iterable[ListedPage], ttl: int, *, fresh_since: float | None = None
) -> list[ListedPage]:
    """Start the clocks of listed pages again, with the life that goes with a head's `ttl`; none ends sooner.

    With `fresh_since` (seconds) pages that last as long as one written then are left as they are and
    returned; those that another writer reaches first are left too. Without it every page is written: then
    whoever listed them before can shorten none of them any more. Raises ItemRefusedError if one is not as
    listed, or gone.
    """
    wanted = page_ttl(ttl)
    lasting: list[ListedPage] = []
    due: list[ListedPage] = []
    for page in pages:
        (lasting if fresh_since is not None and lasts(page, wanted, fresh_since) else due).append(page)

    async def lengthen(page: ListedPage) -> None:
        try:
            await _set_ttl(partition, page, longer(page["ttl"], wanted) if fresh_since is None else wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error
        except ItemRefusedError:
            if fresh_since is None:
                raise

    await for_each(due, lengthen)
    return lasting


async def shorten_pages(partition: Partition, pages: Iterable[ListedPage], ttl: int) -> None:
    """Give listed pages that live longer the life that goes with a head's `ttl`.

    They must have been listed before a write of the head that whoever lengthens its life at the same
    time cannot miss: that one then writes all pages again, and here they are refused (ItemRefusedError).
    """
    wanted = page_ttl(ttl)

    async def shorten(page: ListedPage) -> None:
        try:
            await _set_ttl(partition, page, wanted)
        except ItemMissingError as error:
            raise ItemRefusedError from error

    too_long = [page for page in pages if page["ttl"] != wanted and longer(page["ttl"], wanted) == page["ttl"]]
    await for_each(too_long, shorten)


async def list_counted(partition: Partition, head: Head) -> list[ListedPage]:
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
