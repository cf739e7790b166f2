"""Reading a session's messages in the order of seq: the newest from the head, older ones from pages."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import takewhile
from math import ceil, sqrt

from shared.errors import StoreUnavailableError
from shared.models import Message, MessagePage, MessageQuery, stored_bytes
from shared.store.cosmos.documents import MessageDocument, NewPageDocument
from shared.store.cosmos.errors import ItemMissingError
from shared.store.cosmos.head import Head
from shared.store.cosmos.log import read_head
from shared.store.cosmos.pages import QUERY_FROM, find_page, read_head_and_pages, read_pages
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.retry import Retries
from shared.store.rules import PAGE_BYTES, SCAN_MESSAGES

logger = logging.getLogger(__name__)

TRIES = 5
PAGES_AHEAD = 16  # at most at once, of up to 1.6 MB each
WITH_HEAD_FROM = 2  # pages: from there on one query for them and the head costs less than reading these does
SPREAD = 2  # standard deviations: of 100 resumes of 50 one needs another request (simulated, decision 14)
Placed = tuple[int, MessageDocument]
AtHand = dict[int, NewPageDocument]  # pages by their generation
Segment = tuple[int | None, list[Placed]]  # the page (None for the head) and its messages in reading order


async def read_session(
    partition: Partition, session_id: str, query: MessageQuery, *, as_of: str | None = None
) -> tuple[Head, MessagePage]:
    """Return the messages the query asks for, and the head of the moment they are of; raises SessionNotFoundError.

    Where this process knows the head, and that pages are wanted with it, one query asks for all of them at once. Where
    it knows the head as it was at the version `as_of`, only pages are asked for that it does not know either.
    """
    known = partition.known(session_id).head
    if known and known.version == as_of:
        return await _read_known(partition, known, query)
    at_hand: AtHand = {}
    head = None
    if known and (generations := _newest_pages(known, query)):
        with suppress(ItemMissingError):
            head, pages = await read_head_and_pages(partition, known, generations)
            at_hand = {page["generation"]: page for page in pages if page["epoch"] == head.epoch}
    if head is None or head.is_hidden:
        head = await read_head(partition, session_id)
    return await read_history(partition, head, query, at_hand)


async def _read_known(partition: Partition, known: Head, query: MessageQuery) -> tuple[Head, MessagePage]:
    """Read under a head that this process knows, and keep the pages that this takes for the next time."""
    kept = partition.known_pages.of(known)
    at_hand = {**kept}
    head, found = await read_history(partition, known, query, at_hand)
    if head is not known or at_hand.keys() != kept.keys():
        partition.known_pages.keep(head, at_hand)
    return head, found


def _newest_pages(head: Head, query: MessageQuery) -> range:
    """Return the pages that a resume reads with its head; none where they are too few for a query, or it is none."""
    wanted = query.limit - len(head.held())
    if query.order != "desc" or query.before is not None or wanted <= 0 or not head.counted_pages:
        return range(0)
    newest = head.counted_pages - 1
    generations = range(newest, -1, -1)[: _pages_down_to(head, newest, head.previous_first_seq - wanted)]
    return generations if len(generations) >= WITH_HEAD_FROM else range(0)


async def read_history(
    partition: Partition, head: Head, query: MessageQuery, at_hand: AtHand | None = None
) -> tuple[Head, MessagePage]:
    """Return the messages the query asks for, and the head of the moment they are of.

    Some pages may be at hand as they are under that head; in the end all that were read are, under the head returned.
    A page that is missing means that the head has moved on, and reading starts over from the new
    one; if the head says it should be there, StoreUnavailableError is raised: never a silent gap.
    """
    at_hand = {} if at_hand is None else at_hand
    retries = Retries(partition.limits, TRIES, seconds=0)
    while True:
        try:
            return head, await _read(partition, head, query, at_hand)
        except ItemMissingError:
            at_hand.clear()
            try:
                await retries.again()
            except StoreUnavailableError:
                logger.error("a page that counts cannot be read")  # noqa: TRY400 - whose it is says nothing more
                raise
            head = await read_head(partition, head.id)


async def _read(partition: Partition, head: Head, query: MessageQuery, at_hand: AtHand) -> MessagePage:
    oldest = max(query.after or 0, head.first_seq - 1) + 1
    newest = min(head.last_seq + 1 if query.before is None else query.before, head.last_seq + 1) - 1
    if oldest > newest:
        return MessagePage(messages=[])
    window = range(oldest, newest + 1)
    reader = _Reader(head, query, window)
    async for page, placed in _Segments(partition, head, query, window=window, at_hand=at_hand).read():
        if not reader.take(page, placed):
            break
    return reader.result()


class _Reader:
    """Takes messages until the page is full or enough has been looked at."""

    def __init__(self, head: Head, query: MessageQuery, window: range) -> None:
        self._head, self._query, self._window = head, query, window
        self._messages: list[Message] = []
        self._bytes = self._seen = 0
        self._last_seq: int | None = None
        self._page: int | None = None

    def take(self, page: int | None, placed: Sequence[Placed]) -> bool:
        """Take what fits of a segment; return whether to go on."""
        for seq, document in placed:
            if seq not in self._window:
                continue
            if self._full(document):
                return False
            self._last_seq, self._page = seq, page
            self._seen += 1
            if self._query.role in {None, document["role"]}:
                self._messages.append(self._head.message(seq, document))
        return len(self._messages) < self._query.limit and self._seen < SCAN_MESSAGES

    def _full(self, document: MessageDocument) -> bool:
        if len(self._messages) == self._query.limit:
            return True
        self._bytes += stored_bytes(document)
        return self._bytes > PAGE_BYTES and self._seen > 0

    def result(self) -> MessagePage:
        end = self._window[-1] if self._query.order == "asc" else self._window[0]
        more = self._last_seq is not None and self._last_seq != end
        return MessagePage(
            messages=self._messages,
            has_more=more,
            next_seq=self._last_seq if more else None,
            page_hint=self._page if more else None,
        )


class _Segments:
    """The messages of a session in the order asked for, from its head and its pages."""

    def __init__(
        self, partition: Partition, head: Head, query: MessageQuery, *, window: range, at_hand: AtHand
    ) -> None:
        self._partition, self._head, self._query, self._window = partition, head, query, window
        self._at_hand = at_hand

    async def read(self) -> AsyncIterator[Segment]:
        """Yield what there is in the window, and what shares a page with it."""
        held = [placed for placed in self._head.held() if placed[0] in self._window]
        in_pages = range(self._window.start, min(self._window.stop, self._head.previous_first_seq))
        if self._query.order == "desc":
            if held:
                yield None, held[::-1]
            if in_pages:
                async for segment in self._pages(in_pages[-1], self._query.limit - len(held), step=-1):
                    yield segment
            return
        if in_pages:
            async for segment in self._pages(in_pages[0], self._query.limit, step=1):
                yield segment
        if held:
            yield None, held

    async def _pages(self, seq: int, wanted: int, *, step: int) -> AsyncIterator[Segment]:
        """Yield pages from the one with `seq` down or up; `wanted` more messages are about to be taken."""
        pages = await self._first_pages(seq, wanted, step)
        while pages:
            for page in pages:
                placed = list(enumerate(page["messages"], page["first_seq"]))
                yield page["generation"], placed[::step]
                wanted -= sum(number in self._window for number, _ in placed)
            seq = pages[-1]["first_seq"] - 1 if step < 0 else pages[-1]["first_seq"] + len(pages[-1]["messages"])
            following = self._generations(pages[-1]["generation"] + step, seq, wanted, step=step)
            pages = await self._load(following)

    async def _first_pages(self, seq: int, wanted: int, step: int) -> list[NewPageDocument]:
        """Return the page with `seq`, and what else is read with it where its place is known, or hinted at."""
        head, start = self._head, self._query.page_hint
        if seq in {head.first_seq, head.previous_first_seq - 1}:
            start = 0 if seq == head.first_seq else head.counted_pages - 1
        if start is None:
            return [await find_page(self._partition, head, seq)]
        pages = await self._load(self._generations(start, seq, wanted, step=step))
        if any(_holds(page, seq) for page in pages):
            return pages
        return [await find_page(self._partition, head, seq, start + step)]

    async def _load(self, generations: range) -> list[NewPageDocument]:
        """Return as many of the first of these pages as are at hand; or read those before the next that is."""
        ready = [self._at_hand[number] for number in takewhile(self._at_hand.__contains__, generations)]
        if ready or not generations:
            return ready
        missing = list(takewhile(lambda number: number not in self._at_hand, generations))
        read = await read_pages(self._partition, self._head, missing)
        self._at_hand |= {page["generation"]: page for page in read}
        return [*read]

    def _generations(self, start: int, seq: int, wanted: int, *, step: int) -> range:
        """Return the pages to read together for so many messages from `seq` on, the first of them `start`."""
        newest = self._head.counted_pages - 1
        if not 0 <= start <= newest:
            return range(0)
        if step > 0:
            return range(start, newest + 1)[: _pages_at_once(self._head, wanted)]
        return range(start, -1, -1)[: _pages_down_to(self._head, start, seq + 1 - wanted)]


def _holds(page: NewPageDocument, seq: int) -> bool:
    return 0 <= seq - page["first_seq"] < len(page["messages"])


def _pages_down_to(head: Head, start: int, oldest: int) -> int:
    """Return how many pages to read together, from `start` down to the one with that seq, where the head knows it."""
    starts, place = head.page_starts, start
    while place in starts and starts[place] > oldest:
        place -= 1
    if place in starts or place < 0:
        return min(PAGES_AHEAD, start - place + (place in starts))
    lowest = starts.get(place + 1, head.previous_first_seq)
    return min(PAGES_AHEAD, start - place + _pages_at_once(head, lowest - oldest))


def _pages_at_once(head: Head, wanted: int) -> int:
    """Return how many pages to read together: as many as should hold what is wanted, or one where nothing more was.

    Of what pages hold only the mean is known, and the count of messages in them spreads as its square root. A query is
    asked for that much more: a page that is not needed costs a fraction of a request that is. With a role filter more
    may be needed than were wanted, and one by one is as good as any guess.
    """
    mean = max(1, (head.previous_first_seq - head.first_seq) / head.counted_pages)
    wanted = max(1, wanted)
    likely = ceil(wanted / mean)
    return min(PAGES_AHEAD, likely if likely < QUERY_FROM else ceil((wanted + SPREAD * sqrt(wanted)) / mean))
