"""Parley's own service on the Cosmos DB test server, with the counting proxy in between."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counting_proxy import CountingProxy, Exchange, counting_proxy
from benchmarks.metering import Meter
from shared.models import MessageInput, SessionInput
from shared.service import ChatService
from shared.settings import Settings, load_settings
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.limits import Limits
from tests.cosmos_server.launch import CosmosServer

DATABASE = "bench"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario works with."""

    chat: ChatService
    store: CosmosStore
    proxy: CountingProxy

    async def append(self, place: tuple[str, str], messages: Sequence[MessageInput]) -> None:
        """Append, and return when what goes on behind the answer is done too."""
        await self.chat.append(*place, messages)
        await self.store.settle()


def default_settings() -> Settings:
    """Return the settings of somebody who has set nothing, whatever this machine's environment says."""
    return load_settings({}, Path(__file__).parent)


@asynccontextmanager
async def staged(
    server: CosmosServer, container: str, *, limits: Limits | None = None, meter: Meter | None = None
) -> AsyncIterator[Stage]:
    """Open the service on a container of its own; container and connection are there when the block begins."""
    async with counting_proxy(server.endpoint, meter) as proxy:
        store = CosmosStore(proxy.endpoint, server.key, DATABASE, container, emulator=True, limits=limits)
        try:
            chat = ChatService(store, default_settings())
            with proxy.phase("opening"):
                await _warm_up(chat)
            yield Stage(chat, store, proxy)
        finally:
            await store.close()


async def _warm_up(chat: ChatService) -> None:
    """Have the client send what it sends once in its life: it asks for the partition ranges at its first read."""
    session, _ = await chat.create_session("nobody", SessionInput())
    await chat.store.get("nobody", session.id)


def is_append(exchange: Exchange) -> bool:
    """Tell the request that carries a message, a Patch or a batch with a page, from whatever else an append sends.

    Only what adds messages sets the time of the last one; a rotation behind an answer does not.
    """
    return b'"/last_activity_at"' in exchange.request_body and b'"/log' in exchange.request_body
