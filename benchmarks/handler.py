"""What the whole HTTP handler adds to one bare SDK call that does the same at the store.

The bare call is made with the SDK as it comes, and again on a connection as Parley opens it.
"""

import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import azure.functions as func
from azure.cosmos.aio import ContainerProxy, CosmosClient

from benchmarks.counting_proxy import counting_proxy
from benchmarks.profiles import TYPICAL
from benchmarks.stage import DATABASE, default_settings
from shared.local_host.index import read_functions
from shared.models import JsonObject, NewMessage, utc_now
from shared.service import ChatService
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.connection import Connection
from shared.store.cosmos.guards import appendable, duplicates_detectable, not_in_recent_ids
from shared.store.cosmos.head import short_hash
from shared.store.cosmos.limits import Limits
from shared.store.rules import documents_bytes
from tests.cosmos_server.launch import CosmosServer

CONTAINER = "handler"
BLOCKS = 60
BLOCK = 10  # appends to one fresh session: too few to fill its head, so both sides patch one of the same size
WARMING = 4  # blocks that are not counted
Send = Callable[[], Awaitable[None]]
Side = Callable[[str, str, str], Send]  # from owner, session id and message id: one append, ready to be sent


@dataclass(frozen=True, slots=True)
class Overhead:
    """Latencies in milliseconds, of appends through the handler and of bare Patches on both kinds of connection."""

    handler_ms: list[float]
    bare_ms: list[float]
    connected_ms: list[float]

    @property
    def ratio(self) -> float:
        """The handler's median over that of the bare call with the SDK as it comes."""
        return statistics.median(self.handler_ms) / statistics.median(self.bare_ms)

    @property
    def connected_ratio(self) -> float:
        """The handler's median over that of the bare call on a connection like its own."""
        return statistics.median(self.handler_ms) / statistics.median(self.connected_ms)


async def measure(server: CosmosServer, blocks: int = BLOCKS) -> Overhead:
    """Append through the handler and by bare Patches, in blocks that take turns, each side with its own client."""
    await _require_same_request(server)
    store = CosmosStore(server.endpoint, server.key, DATABASE, CONTAINER, emulator=True)
    connection = Connection(server.endpoint, server.key, DATABASE, CONTAINER, emulator=True)
    chat = ChatService(store, default_settings())
    try:
        async with _as_it_comes(server) as plain:
            sides = _handler(chat), _bare(plain), _bare(await connection.container())
            taken: dict[Side, list[float]] = {side: [] for side in sides}
            for number in range(WARMING + blocks):
                first = number % len(sides)
                for side in (*sides[first:], *sides[:first]):
                    block = await _block(chat, side)
                    taken[side] += block if number >= WARMING else []
        return Overhead(*taken.values())
    finally:
        await store.close()
        await connection.close()


@asynccontextmanager
async def _as_it_comes(server: CosmosServer) -> AsyncIterator[ContainerProxy]:
    """Open the container as one would without Parley, with the SDK's own settings."""
    async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
        yield client.get_database_client(DATABASE).get_container_client(CONTAINER)


async def _block(chat: ChatService, side: Side) -> list[float]:
    user_id = TYPICAL.user_id()
    session, _ = await chat.create_session(user_id, TYPICAL.session())
    milliseconds = []
    for _ in range(BLOCK):
        send = side(user_id, session.id, secrets.token_hex(10))
        started = time.perf_counter()
        await send()
        milliseconds.append((time.perf_counter() - started) * 1000)
    return milliseconds


def _handler(chat: ChatService) -> Side:
    """Send through the function, on this service in place of the one of this machine's settings."""
    import function_app  # noqa: PLC0415 - reads the settings of this machine when it is imported

    functions = {each.name: each.call for each in read_functions(function_app.app)}

    def ready(user_id: str, session_id: str, message_id: str) -> Send:
        request = _request(user_id, session_id, message_id)

        async def send() -> None:
            ours, function_app.chat = function_app.chat, chat
            try:
                answer = await functions["append_messages"](request)
            finally:
                function_app.chat = ours
            if answer.status_code != HTTPStatus.CREATED:
                raise AssertionError(answer.get_body())

        return send

    return ready


def _request(user_id: str, session_id: str, message_id: str) -> func.HttpRequest:
    body = TYPICAL.message(1).model_dump(exclude_defaults=True) | {"id": message_id}
    return func.HttpRequest(
        method="POST",
        url=f"http://localhost:7071/api/chat/sessions/{session_id}/messages",
        headers={"x-user-id": user_id, "content-type": "application/json"},
        route_params={"session_id": session_id},
        body=json.dumps(body).encode(),
    )


def _bare(container: ContainerProxy) -> Side:
    """Send by nothing but the SDK's call."""

    def ready(user_id: str, session_id: str, message_id: str) -> Send:
        operations, where = _patch(session_id, message_id)

        async def send() -> None:
            await container.patch_item(session_id, user_id, operations, filter_predicate=where, retry_total=0)

        return send

    return ready


def _patch(session_id: str, message_id: str) -> tuple[list[JsonObject], str]:
    message = NewMessage(id=message_id, role="user", content=TYPICAL.message(1).content or "", created_at=utc_now())
    document = message.document()
    size = documents_bytes([document])
    if BLOCK * size >= Limits().generation_bytes:
        raise AssertionError("a block fills the head: the handler would send a batch where the bare call sends a Patch")
    operations: list[JsonObject] = [
        {"op": "add", "path": "/log/messages/-", "value": document},
        {"op": "incr", "path": "/log/bytes", "value": size},
        {"op": "incr", "path": "/last_seq", "value": 1},
        {"op": "incr", "path": "/message_count", "value": 1},
        {"op": "set", "path": "/last_activity_at", "value": document["created_at"]},
    ]
    now = time.time()
    room = appendable([message_id], Limits().head_cap_bytes - size, int(now))
    hashes = [short_hash(session_id, message_id)]
    unstored = f"{not_in_recent_ids(hashes)} AND {duplicates_detectable(int(now * 1000))}"
    return operations, f"FROM c WHERE {room} AND {unstored}"


async def _require_same_request(server: CosmosServer) -> None:
    """Make sure that both sides send the store a Patch of the same size, so that like is compared with like."""
    async with counting_proxy(server.endpoint) as proxy:
        store = CosmosStore(proxy.endpoint, server.key, DATABASE, CONTAINER, emulator=True)
        connection = Connection(proxy.endpoint, server.key, DATABASE, CONTAINER, emulator=True)
        chat = ChatService(store, default_settings())
        try:
            user_id = TYPICAL.user_id()
            session, _ = await chat.create_session(user_id, TYPICAL.session())
            sides = {"handler": _handler(chat), "bare": _bare(await connection.container())}
            for label, side in sides.items():
                with proxy.phase(label):
                    await side(user_id, session.id, secrets.token_hex(10))()
        finally:
            await store.close()
            await connection.close()
    sent = {label: (proxy.totals(label).requests, proxy.totals(label).request_body_bytes) for label in sides}
    if sent["handler"] != sent["bare"]:
        message = f"the bare call does not send what the handler sends (requests, bytes): {sent}"
        raise AssertionError(message)
