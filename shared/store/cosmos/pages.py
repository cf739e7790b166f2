"""Pages: making, finding and reading them, and sweeping away those that no longer count."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast

from shared.errors import StoreError
from shared.logs import event, trace
from shared.store.cosmos.concurrency import for_each
from shared.store.cosmos.documents import ListedPage, MessageDocument, NewHeadDocument, NewPageDocument, PageDocument
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import pages_unchanged_since, set_fields
from shared.store.cosmos.head import Head, page_id
from shared.store.cosmos.lifetimes import page_ttl
from shared.store.cosmos.partition import Partition
from shared.store.rules import counts_of

logger = logging.getLogger(__name__)

QUERY_FROM = 3  # pages: from there on a query costs less than reading one after the other does (decision 14)
CONFIRM_TRIES = 3  # of a head that changes meanwhile; the timer comes back
IDS_OF_PAGES = "c.id > @from AND c.id < @to"  # with `ids_of_pages`; the index of ids is always there


def page_document(
    head: NewHeadDocument, messages: Sequence[MessageDocument], *, epoch: str, generation: int, first_seq: int
) -> NewPageDocument:
    """Return a page of a session, under the head's epoch or one that is being built."""
    return {
        "id": page_id(head["id"], epoch, generation),
        "user_id": head["user_id"],
        "type": "page",
        "session_id": head["id"],
        "epoch": epoch,
        "generation": generation,
        "first_seq": first_seq,
        "messages": list(messages),
        "counts": counts_of(messages),
        "ttl": page_ttl(head["ttl"]),
    }


async def create_page(partition: Partition, page: NewPageDocument) -> None:
    """Store a page, without having it sent back; raises ItemExistsError."""
    await partition.create(page, no_response=True)


def ids_of_pages(session_id: str, epoch: str | None = None) -> dict[str, str]:
    """Return what ids of pages lie between: of a session, or of one of its epochs.

    Ids are ordered by their bytes, and `~` is greater than whatever else they are made of.
    """
    start = f"{session_id}~" if epoch is None else f"{session_id}~{epoch}~"
    return {"from": start, "to": f"{start}~"}


def session_of(item_id: str) -> str:
    """Return the id of the session that a page is of."""
    return item_id.partition("~")[0]


async def list_pages(partition: Partition, session_id: str) -> list[ListedPage]:
    """Return id, epoch, generation, ttl, last write and etag of every page of a session, even if it does not count."""
    sql = f"SELECT c.id, c.epoch, c.generation, c.ttl, c._ts, c._etag FROM c WHERE {IDS_OF_PAGES}"  # noqa: S608
    return await partition.query(sql, ids_of_pages(session_id))


async def read_page(partition: Partition, head: Head, generation: int) -> PageDocument:
    """Return a page that counts; raises ItemMissingError."""
    return cast("PageDocument", await partition.read(page_id(head.id, head.epoch, generation)))


async def read_pages(partition: Partition, head: Head, generations: Sequence[int]) -> list[PageDocument]:
    """Return pages that count, in the order asked for; raises ItemMissingError when any of them is missing.

    From QUERY_FROM pages on they are asked for by one query, in an answer of up to 4 MB or several one after the other.
    """
    if len(generations) < QUERY_FROM:
        return await for_each(generations, partial(read_page, partition, head))
    ids = [page_id(head.id, head.epoch, number) for number in generations]
    sql, parameters = _select(ids)
    found: dict[str, PageDocument] = {page["id"]: page for page in await partition.query(sql, parameters)}
    if found.keys() != set(ids):
        raise ItemMissingError
    return [found[item_id] for item_id in ids]


async def read_head_and_pages(
    partition: Partition, known: Head, generations: Sequence[int]
) -> tuple[Head, list[PageDocument]]:
    """Return a session's head as it is, and what there is of these pages of a head that was known, by one query.

    In the order of ids the head comes first, so no page is older than it. Raises ItemMissingError where there is none.
    """
    sql, parameters = _select([known.id, *(page_id(known.id, known.epoch, number) for number in generations)])
    found = await partition.query(f"{sql} ORDER BY c.id", parameters)
    if not found or found[0]["id"] != known.id:
        raise ItemMissingError
    partition.note(found[0])
    return Head(found[0]), found[1:]


def _select(ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return a query for items by their ids, and its parameters."""
    parameters = {f"id{place}": item_id for place, item_id in enumerate(ids)}
    names = ", ".join(f"@{name}" for name in parameters)
    return f"SELECT * FROM c WHERE c.id IN ({names})", parameters  # noqa: S608 - names of parameters


async def find_page(partition: Partition, head: Head, seq: int, hint: int | None = None) -> PageDocument:
    """Return the page that counts and holds `seq`, looked for at `hint` first; raises ItemMissingError.

    Pages follow one another without a gap, so each that is read says on which side of it `seq` is. Where it should be
    if all pages between held equally many messages is looked at next, and the middle in turn with it: a few reads of
    thousands of pages, and no index.
    """
    low, high = 0, head.counted_pages - 1
    first_seq, end_seq = head.first_seq, head.previous_first_seq
    guess, halve = hint, False
    while low <= high and first_seq <= seq < end_seq:
        if guess is None or not low <= guess <= high:
            guess = (low + high) // 2 if halve else low + (seq - first_seq) * (high - low + 1) // (end_seq - first_seq)
            halve = not halve
        page = await read_page(partition, head, guess)
        after = page["first_seq"] + len(page["messages"])
        if seq < page["first_seq"]:
            high, end_seq = guess - 1, page["first_seq"]
        elif seq >= after:
            low, first_seq = guess + 1, after
        else:
            return page
        guess = None
    raise ItemMissingError


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
    if dead:
        event("sweep", {"pages": len(dead)})
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
