"""Ways to keep a chat badly, for the tests of the benchmark."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from azure.cosmos.exceptions import CosmosHttpResponseError
from typing_extensions import override

from benchmarks.peers import MessageDocuments, Peer, Place

MOST = 37  # messages that a session of Limited can hold


class Limited(Peer):
    """Takes MOST messages in all and refuses what would be more, as a document of 2 MB does."""

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        yield cls()

    @override
    async def add(self, texts: Sequence[str]) -> None:
        if len(texts) > MOST:
            raise CosmosHttpResponseError(413, "too large")

    @override
    async def resume(self) -> int:
        return 0


class Forgetful(MessageDocuments):
    """Says that everything is stored, and stores every message of an odd number."""

    @override
    async def add(self, texts: Sequence[str]) -> None:
        kept = [text for text in texts if int(text.partition(":")[0]) % 2]
        if kept:
            await super().add(kept)


class Refusing(MessageDocuments):
    """Stores the messages of odd numbers and refuses the others."""

    @override
    async def add(self, texts: Sequence[str]) -> None:
        if not int(texts[0].partition(":")[0]) % 2:
            raise PermissionError
        await super().add(texts)
