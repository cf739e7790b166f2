"""Parley's own service on the Cosmos DB test server, with the counting proxy in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counting_proxy import CountingProxy, Exchange, counting_proxy
from shared.models import SessionInput
from shared.service import ChatService
from shared.settings import Settings, load_settings
from shared.store.cosmos import CosmosStore
from tests.cosmos_server.launch import CosmosServer

DATABASE = "bench"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario works with."""

    chat: ChatService
    proxy: CountingProxy


def default_settings() -> Settings:
    """Return the settings of somebody who has set nothing, whatever this machine's environment says."""
    return load_settings({}, Path(__file__).parent)


@asynccontextmanager
async def staged(server: CosmosServer, container: str) -> AsyncIterator[Stage]:
    """Open the service on a container of its own; container and connection are there when the block begins."""
    async with counting_proxy(server.endpoint) as proxy:
        store = CosmosStore(proxy.endpoint, server.key, DATABASE, container, emulator=True)
        try:
            chat = ChatService(store, default_settings())
            with proxy.phase("opening"):
                await _warm_up(chat)
            yield Stage(chat, proxy)
        finally:
            await store.close()


async def _warm_up(chat: ChatService) -> None:
    """Have the client send what it sends once in its life: it asks for the partition ranges at its first read."""
    session, _ = await chat.create_session("nobody", SessionInput())
    await chat.store.get("nobody", session.id)


def is_append(exchange: Exchange) -> bool:
    """Tell an append's own Patch from whatever else an append sends: rotation, sealing, explaining a refusal."""
    return exchange.method == "PATCH" and b'"/log/messages/-"' in exchange.request_body
