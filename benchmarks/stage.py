"""Parley's own service on the Cosmos DB test server, with the counting proxy in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counting_proxy import CountingProxy, Exchange, counting_proxy
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
    """Open the service on a container of its own, which exists when the block begins."""
    async with counting_proxy(server.endpoint) as proxy:
        store = CosmosStore(proxy.endpoint, server.key, DATABASE, container, emulator=True)
        try:
            with proxy.phase("opening"):
                await store.ping()
            yield Stage(ChatService(store, default_settings()), proxy)
        finally:
            await store.close()


def is_append(exchange: Exchange) -> bool:
    """Tell an append's own Patch from whatever else an append sends: rotation, sealing, explaining a refusal."""
    return exchange.method == "PATCH" and b'"/log/messages/-"' in exchange.request_body
