"""Reading a session's messages in the order of seq: the newest from the head, older ones from pages."""

import logging
from collections.abc import AsyncIterator, Sequence

from shared.errors import StoreUnavailableError
from shared.models import Message, MessagePage, MessageQuery, stored_bytes
from shared.store.cosmos.concurrency import for_each
from shared.store.cosmos.documents import MessageDocument
from shared.store.cosmos.errors import ItemMissingError
from shared.store.cosmos.head import Head
from shared.store.cosmos.log import read_head
from shared.store.cosmos.pages import find_generation, read_page
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.retry import Retries
from shared.store.rules import PAGE_BYTES, SCAN_MESSAGES

logger = logging.getLogger(__name__)

TRIES = 5
PAGES_AHEAD = 8
Placed = tuple[int, MessageDocument]
Segment = tuple[int | None, list[Placed]]  # the page (None for the head) and its messages in reading order


async def read_history(partition: Partition, head: Head, query: MessageQuery) -> tuple[Head, MessagePage]:
    """Return the messages the query asks for, and the head of the moment they are of.

    A page that is missing means that the head has moved on, and reading starts over from the new
    one; if the head says it should be there, StoreUnavailableError is raised: never a silent gap.
    """
    retries = Retries(partition.limits, TRIES, seconds=0)
    while True:
        try:
            return head, await _read(partition, head, query)
        except ItemMissingError:
            try:
                await retries.again()
            except StoreUnavailableError:
                logger.error("a page that counts cannot be read")  # noqa: TRY400 - whose it is says nothing more
                raise
            head = await read_head(partition, head.id)


async def _read(partition: Partition, head: Head, query: MessageQuery) -> MessagePage:
    oldest = max(query.after or 0, head.first_seq - 1) + 1
    newest = min(head.last_seq + 1 if query.before is None else query.before, head.last_seq + 1) - 1
    if oldest > newest:
        return MessagePage(messages=[])
    reader = _Reader(head, query, range(oldest, newest + 1))
    async for page, placed in _Segments(partition, head, query).between(oldest, newest):
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

    def __init__(self, partition: Partition, head: Head, query: MessageQuery) -> None:
        self._partition, self._head, self._query = partition, head, query

    async def between(self, oldest: int, newest: int) -> AsyncIterator[Segment]:
        """Yield what there is from seq `oldest` to `newest`, both included."""
        head, query = self._head, self._query
        held = [placed for placed in head.held() if oldest <= placed[0] <= newest]
        if query.order == "desc":
            if held:
                yield None, held[::-1]
            if oldest < head.previous_first_seq:
                seq = min(newest, head.previous_first_seq - 1)
                async for segment in self._pages_down(seq, query.limit - len(held)):
                    yield segment
            return
        if oldest < head.previous_first_seq:
            async for segment in self._pages_up(oldest):
                yield segment
        if held:
            yield None, held

    async def _pages_down(self, seq: int, wanted: int) -> AsyncIterator[Segment]:
        """Yield pages from the one with `seq` down; `wanted` more messages are about to be taken."""
        newest = self._head.counted_pages - 1
        if seq < self._head.previous_first_seq - 1:
            first = await self._page_with(seq)
            yield _reversed(first)
            newest, wanted = first[0] - 1, wanted - (seq - first[1][0][0] + 1)
        for wave in _waves(range(newest, -1, -1), self._head, wanted):
            for segment in await for_each(wave, self._load):
                yield _reversed(segment)

    async def _pages_up(self, seq: int) -> AsyncIterator[Segment]:
        """Yield pages from the one with `seq` up."""
        first = await self._page_with(seq)
        yield first
        wanted = self._query.limit - (first[1][-1][0] - seq + 1)
        for wave in _waves(range(first[0] + 1, self._head.counted_pages), self._head, wanted):
            for segment in await for_each(wave, self._load):
                yield segment

    async def _page_with(self, seq: int) -> tuple[int, list[Placed]]:
        """Return the page that holds `seq`: the hinted one or a neighbour of it, else the one a query finds.

        Raises ItemMissingError when there is none.
        """
        newest = self._head.counted_pages - 1
        guess = self._query.page_hint
        if guess is not None and 0 <= guess <= newest:
            page = await self._load(guess)
            if page[1] and not _holds(page, seq):
                step = 1 if seq > page[1][-1][0] else -1
                page = await self._load(min(max(guess + step, 0), newest))
            if _holds(page, seq):
                return page
        found = await self._load(await find_generation(self._partition, self._head, seq))
        if not _holds(found, seq):  # the right one was swept before the query
            raise ItemMissingError
        return found

    async def _load(self, generation: int) -> tuple[int, list[Placed]]:
        page = await read_page(self._partition, self._head, generation)
        return generation, list(enumerate(page["messages"], page["first_seq"]))


def _reversed(segment: tuple[int, list[Placed]]) -> Segment:
    return segment[0], segment[1][::-1]


def _waves(generations: range, head: Head, wanted: int) -> list[range]:
    """Cut the pages to read into groups that are read at once: as many as should hold what is wanted, then one by one.

    With a role filter more may be needed than were wanted, and one by one is as good as any guess.
    """
    per_page = max(1, (head.previous_first_seq - head.first_seq) // head.counted_pages)
    width = max(1, min(PAGES_AHEAD, -(-wanted // per_page)))
    return [generations[:width], *(generations[number : number + 1] for number in range(width, len(generations)))]


def _holds(page: tuple[int, list[Placed]], seq: int) -> bool:
    return bool(page[1]) and page[1][0][0] <= seq <= page[1][-1][0]
