"""Searching an owner's messages: session by session, newest first, as far as one call may go."""

from collections.abc import AsyncIterator

from shared.models import (
    JsonObject,
    MessageQuery,
    SearchHit,
    SearchKey,
    SearchPage,
    SearchQuery,
    SessionFilter,
    SessionKey,
)
from shared.store.cosmos.head import Head
from shared.store.cosmos.history import read_history
from shared.store.cosmos.listing import conditions_for
from shared.store.cosmos.partition import Partition
from shared.text import occurs, plain_text

HEADS_AT_ONCE = 10
MESSAGES_AT_ONCE = 100
MESSAGES = 2_000  # looked at by one call at most; about 50 pages
SESSIONS = 100  # looked at by one call at most


class _Search:
    """One call: what was found, and how much may still be looked at."""

    def __init__(self, partition: Partition, query: SearchQuery) -> None:
        self._partition, self._query = partition, query
        self._messages, self._sessions = MESSAGES, SESSIONS
        self.hits: list[SearchHit] = []

    async def look_into(self, head: Head, before: int | None) -> SearchKey | None:
        """Look through a session from its newest message, or from `before`, down; return where the call has to end."""
        key = SessionKey.model_validate(head.document)
        self._sessions -= 1
        query: MessageQuery | None = MessageQuery(limit=MESSAGES_AT_ONCE, before=before)
        while query:
            head, page = await read_history(self._partition, head, query)
            for message in page.messages:
                self._messages -= 1
                if self._query.role in {None, message.role} and occurs(
                    self._query.text, plain_text(message.content, message.function_calls)
                ):
                    name = head.document["session_name"]
                    self.hits.append(SearchHit(session_id=head.id, session_name=name, message=message))
                if self._is_done:
                    return SearchKey(session=key, seq=message.seq)
            query = query.after_page(page)
        return SearchKey(session=key, seq=0) if self._sessions <= 0 else None

    @property
    def _is_done(self) -> bool:
        return len(self.hits) == self._query.limit or self._messages <= 0


async def search(partition: Partition, query: SearchQuery, after: SearchKey | None) -> SearchPage:
    """Return a page of hits; see SessionStore.search."""
    search = _Search(partition, query)
    async for head in _heads(partition, query, after):
        before = after.seq if after and after.session.id == head.id else None
        next_key = await search.look_into(head, before)
        if next_key is not None:
            return SearchPage(hits=search.hits, next_key=next_key)
    return SearchPage(hits=search.hits)


async def _heads(partition: Partition, query: SearchQuery, after: SearchKey | None) -> AsyncIterator[Head]:
    """Yield the owner's sessions, last activity first, from the one that `after` is in."""
    conditions, parameters = conditions_for(SessionFilter(status=None, channel=query.channel), None)
    if query.session_id is not None:
        conditions, parameters = [*conditions, "c.id = @only"], parameters | {"only": query.session_id}
    rest = "(c.last_activity_at < @at OR (c.last_activity_at = @at AND c.id <= @id))"
    place: JsonObject = after.session.model_dump(mode="json") if after else {}
    while True:
        some = [*conditions, rest] if place else conditions
        sql = (
            f"SELECT * FROM c WHERE {' AND '.join(some)}"  # noqa: S608 - values are parameters
            f" ORDER BY c.last_activity_at DESC, c.id DESC OFFSET 0 LIMIT {HEADS_AT_ONCE:d}"
        )
        at = {"at": place["last_activity_at"], "id": place["id"]} if place else {}
        documents = await partition.query(sql, parameters | at, at_most=HEADS_AT_ONCE)
        for document in documents:
            yield Head(document)
        if len(documents) < HEADS_AT_ONCE:
            return
        rest = rest.replace("<=", "<")
        place = documents[-1]
