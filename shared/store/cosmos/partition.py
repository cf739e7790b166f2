"""One owner's items: nothing here can name another owner's, and no read is older than what was seen before it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from shared.errors import StoreError
from shared.freshness import current_freshness
from shared.models import JsonObject
from shared.store.cosmos.errors import (
    ItemError,
    ItemMissingError,
    ItemRefusedError,
    ReplicaBehindError,
    count_answer,
)
from shared.store.cosmos.guards import NEVER, Operation, set_fields
from shared.store.cosmos.query import collect
from shared.store.cosmos.session_tokens import newer
from shared.usage import in_hand

if TYPE_CHECKING:
    from shared.store.cosmos.items import Items
    from shared.store.cosmos.known_heads import Known
    from shared.store.cosmos.known_pages import KnownPages

READ_TRIES = 3  # of one state; a replica that has not reached it may catch up, and another may be asked
BEHIND_SECONDS = 0.05  # before the second try, twice that before the third
ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]*")  # of sessions and of pages
Result = TypeVar("Result")
Send = Callable[[ContainerProxy], Awaitable[Result]]


def _valid_id(item_id: str) -> str:
    """Return an id that can name an item; the SDK writes ids into its URLs, where `..` and `/` lead elsewhere."""
    if not ITEM_ID.fullmatch(item_id):
        raise ItemMissingError
    return item_id


def _with_valid_id(document: Mapping[str, Any]) -> JsonObject:
    """Return a document whose id can be asked for again; raises ValueError for any other, before anything is sent."""
    if not ITEM_ID.fullmatch(document["id"]):
        message = "not an id that an item may have"
        raise ValueError(message)
    return dict(document)


class Partition:
    """Reads and writes of one owner's items, and queries among them, for one piece of work.

    Each read is of a state at least as new as every answer that this work got before it, and as the caller has
    seen. `pinned` says whether one of these was a write's: writes are decided where the newest state is, so what is
    read after one is no older than that.
    """

    def __init__(self, items: "Items", user_id: str) -> None:
        """Begin a piece of work for an owner; what the request in hand has seen counts."""
        self.user_id = user_id
        self.pinned = False
        self.limits = items.limits
        self._items = items
        self._freshness = current_freshness()
        self._hint: str | None = None
        for hint in self._freshness.hints:
            self._hint = newer(self._hint, items.tokens.from_client(hint))
        self._seen = items.tokens.from_client(self._freshness.token or "")

    @property
    def now(self) -> int:
        """The present second."""
        return int(self._items.clock())

    @property
    def milliseconds(self) -> int:
        """The present moment as `sealed` notes it."""
        return int(self._items.clock() * 1000)

    def known(self, session_id: str) -> "Known":
        """Return what this process knows of a session of the owner's."""
        return self._items.known_heads.of(self.user_id, session_id)

    @property
    def known_pages(self) -> "KnownPages":
        """What this process knows of pages."""
        return self._items.known_pages

    def note(self, document: Mapping[str, Any]) -> None:
        """Note what an item is, if it is a head, where the answer of the request does not tell."""
        self._items.known_heads.note(document)
        if document.get("type") == "session":
            self._items.known_pages.forget_others(document)
            in_hand().channels.add(document["channel"])

    async def behind(self, session_id: str, work: Callable[[], Awaitable[object]]) -> None:
        """Have work done for a session that no answer waits for."""
        await self._items.background.run(self.user_id, session_id, work)

    async def read(self, item_id: str) -> JsonObject:
        """Return the item; raises ItemMissingError."""
        document = await self._read(
            lambda container: container.read_item(
                _valid_id(item_id), self.user_id, response_hook=self._on_answer, retry_total=1, **self._session()
            )
        )
        self.note(document)
        return document

    async def query(self, sql: str, parameters: Mapping[str, object], at_most: int | None = None) -> list[Any]:
        """Return what the query finds among the owner's items, at most that many rows."""
        return await self._read(
            lambda container: collect(
                container,
                sql,
                parameters,
                at_most,
                partition_key=self.user_id,
                response_hook=self._on_answer,
                **self._session(),
            )
        )

    async def pin(self, item_id: str) -> bool:
        """Return whether the item is there now, by a write that changes nothing; what is read next is no older."""
        try:
            await self.patch(item_id, set_fields(pending=True), NEVER, no_response=True)
        except ItemMissingError:
            return False
        except ItemRefusedError:
            return True
        raise AssertionError

    async def create(self, *documents: Mapping[str, Any], no_response: bool = False) -> JsonObject:
        """Store new items, all or none, and return the first (`no_response`: {}); raises ItemExistsError."""
        return await self.create_anew(lambda: documents, no_response=no_response)

    async def create_anew(
        self, make: Callable[[], Sequence[Mapping[str, Any]]], *, no_response: bool = False
    ) -> JsonObject:
        """Store new items as `create` does, made anew for each try."""

        async def send(container: ContainerProxy) -> JsonObject:
            documents = [_with_valid_id(document) for document in make()]
            if len(documents) == 1:
                return await container.create_item(
                    documents[0], response_hook=self._on_answer, retry_total=0, no_response=no_response
                )
            creates = [("create", (document,)) for document in documents]
            results = await self._batch(container, creates, no_response=no_response)
            return {} if no_response else results[0]["resourceBody"]

        return await self._write(send)

    async def create_and_patch(
        self, document: Mapping[str, Any], item_id: str, operations: Sequence[Operation], where: str
    ) -> str:
        """Store a new item and change another where the predicate holds, both or none; return the etag of the latter.

        Raises ItemExistsError, ItemMissingError, ItemRefusedError.
        """

        async def send(container: ContainerProxy) -> str:
            both = [("create", (_with_valid_id(document),)), _patch(item_id, operations, where)]
            etag: str = (await self._batch(container, both, no_response=True))[1]["eTag"]
            return etag

        return await self._write(send)

    async def patch_both(
        self,
        first: tuple[str, Sequence[Operation], str],
        first_etag: str,
        second: tuple[str, Sequence[Operation], str],
    ) -> JsonObject:
        """Change two items, each (id, operations, where), the first if it has that etag too, both or none.

        Returns the second. Raises ItemMissingError, ItemRefusedError.
        """

        async def send(container: ContainerProxy) -> JsonObject:
            both = [_patch(*first, if_match_etag=first_etag), _patch(*second)]
            changed: JsonObject = (await self._batch(container, both))[1]["resourceBody"]
            return changed

        return await self._write(send)

    async def _batch(
        self, container: ContainerProxy, operations: Sequence[Any], *, no_response: bool = False
    ) -> list[JsonObject]:
        """Send operations as one transactional batch, and return what became of each."""
        return await container.execute_item_batch(
            operations, self.user_id, response_hook=self._on_batch, retry_total=0, no_response=no_response
        )

    async def patch(
        self,
        item_id: str,
        operations: Sequence[Operation],
        where: str,
        *,
        etag: str | None = None,
        no_response: bool = False,
    ) -> JsonObject:
        """Change the item where the predicate holds, and the etag, and return it (`no_response`: {}).

        Raises ItemMissingError, ItemRefusedError.
        """
        changed = await self._write(
            lambda container: container.patch_item(
                _valid_id(item_id),
                self.user_id,
                list(operations),
                filter_predicate=f"FROM c WHERE {where}",
                response_hook=self._on_answer,
                retry_total=0,
                no_response=no_response,
                **_if_match(etag),
            )
        )
        if no_response:
            self._items.known_heads.forget(self.user_id, item_id)
        return changed

    async def replace(self, document: Mapping[str, Any], etag: str) -> JsonObject:
        """Put a document in its item's place if that still has this etag; raises as `patch` does."""
        return await self._write(
            lambda container: container.replace_item(
                document["id"],
                dict(document),
                response_hook=self._on_answer,
                retry_total=0,
                no_response=False,
                **_if_match(etag),
            )
        )

    async def delete(self, item_id: str, etag: str | None = None) -> None:
        """Remove the item, if it still has that etag; raises ItemMissingError, ItemRefusedError."""
        await self._write(
            lambda container: container.delete_item(
                _valid_id(item_id), self.user_id, response_hook=self._on_answer, retry_total=0, **_if_match(etag)
            )
        )

    async def _read(self, send: Send[Result]) -> Result:
        """Read, again where a replica is behind; then without what the caller claims to have seen."""
        tried = 0
        while True:
            try:
                return await self._asked(self._items.call, send)
            except ReplicaBehindError:
                tried += 1
                if tried < READ_TRIES:
                    in_hand().repeated += 1
                    await asyncio.sleep(min(BEHIND_SECONDS * tried, self.limits.max_pause_seconds))
                    continue
                self._items.tokens.forget_batch(self.user_id)
                if self._hint is None:
                    raise
            except CosmosHttpResponseError as error:
                if self._hint is None or not _is_bad_request(error):
                    raise
            self._hint, tried = None, 0
            in_hand().repeated += 1
            self._freshness.hints.clear()

    async def _write(self, send: Send[Result]) -> Result:
        try:
            result = await self._asked(self._items.write, send)
        except ItemError:
            self.pinned = True
            raise
        self.pinned = True
        if isinstance(result, Mapping):
            self.note(result)
        return result

    async def _asked(self, ask: Callable[[Send[Result]], Awaitable[Result]], send: Send[Result]) -> Result:
        try:
            return await ask(send)
        except (ItemError, StoreError) as error:
            self._note_state(getattr(error.__cause__, "headers", None) or {})
            raise

    def _session(self) -> dict[str, Any]:
        """Return what to tell the SDK of the state to read; nothing is known before the first answer."""
        token = newer(newer(self._hint, self._items.tokens.after_batch(self.user_id)), self._seen)
        return {} if token is None else {"session_token": self._items.tokens.at_least(token)}

    def _on_answer(self, headers: Mapping[str, Any], _body: object = None) -> None:
        """Count an answer and note what state it is of; the SDK calls this with each."""
        count_answer(headers)
        self._note_state(headers)

    def _on_batch(self, headers: Mapping[str, Any], body: object = None) -> None:
        self._on_answer(headers, body)
        if token := headers.get("x-ms-session-token"):
            self._items.tokens.note_batch(self.user_id, token)

    def _note_state(self, headers: Mapping[str, Any]) -> None:
        token = headers.get("x-ms-session-token")
        if token is None or token == self._seen:
            return
        self._items.tokens.note(token)
        self._seen = newer(self._seen, token) or token
        self._freshness.token = self._items.tokens.for_client(self._seen)


def _patch(item_id: str, operations: Sequence[Operation], where: str, **condition: str) -> tuple[Any, ...]:
    """Return an operation of a batch, to be made anew for each try: the SDK empties its options."""
    return "patch", (_valid_id(item_id), list(operations)), {"filter_predicate": f"FROM c WHERE {where}", **condition}


def _is_bad_request(error: CosmosHttpResponseError) -> bool:
    return error.status_code == 400  # noqa: PLR2004


def _if_match(etag: str | None) -> dict[str, Any]:
    return {} if etag is None else {"etag": etag, "match_condition": MatchConditions.IfNotModified}
