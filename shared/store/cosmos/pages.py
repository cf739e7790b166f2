"""Pages: making, finding and reading them, and sweeping away those that no longer count."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

from shared.errors import StoreError
from shared.logs import trace
from shared.store.cosmos.concurrency import for_each
from shared.store.cosmos.documents import ListedPage, MessageDocument, NewPageDocument, PageDocument
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import IS_PAGE, pages_unchanged_since, set_fields
from shared.store.cosmos.head import Head, page_id
from shared.store.cosmos.lifetimes import page_ttl
from shared.store.cosmos.partition import Partition
from shared.store.rules import counts_of

logger = logging.getLogger(__name__)

CONFIRM_TRIES = 3  # of a head that changes meanwhile; the timer comes back
PAGES_OF_SESSION = f"{IS_PAGE} AND c.session_id = @session_id"


def page_document(
    head: Head, messages: Sequence[MessageDocument], *, epoch: str, generation: int, first_seq: int
) -> NewPageDocument:
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


async def create_page(partition: Partition, page: NewPageDocument) -> None:
    """Store a page, without having it sent back; raises ItemExistsError."""
    await partition.create(lambda: page, no_response=True)


async def list_pages(partition: Partition, session_id: str) -> list[ListedPage]:
    """Return id, epoch, generation, ttl, last write and etag of every page of a session, even if it does not count."""
    sql = f"SELECT c.id, c.epoch, c.generation, c.ttl, c._ts, c._etag FROM c WHERE {PAGES_OF_SESSION}"  # noqa: S608
    return await partition.query(sql, {"session_id": session_id})


async def read_page(partition: Partition, head: Head, generation: int) -> PageDocument:
    """Return a page that counts; raises ItemMissingError."""
    return cast("PageDocument", await partition.read(page_id(head.id, head.epoch, generation)))


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


@contextmanager
def left_to_the_timer() -> Iterator[None]:
    """Tidy up after a change that is made already: what cannot be done now stays pending, and the answer stands."""
    try:
        yield
    except ItemRefusedError:
        return
    except StoreError as error:
        logger.warning("what a change left behind waits for the timer\n%s", trace(error))


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
            where = pages_unchanged_since(head, partition.now)
            return Head(await partition.patch(session_id, set_fields(pending=True), where))
        except ItemMissingError:
            if not await partition.pin(session_id):
                return None
        except ItemRefusedError:
            continue
    raise ItemRefusedError
