"""Requests that are sent again, or arrive, when much has happened since: they change nothing and leave nothing."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.models import NewMessage, Session
from shared.store.cosmos import CosmosStore
from tests.builders import a_message, a_session, again, all_messages, an_owner, messages
from tests.chaos.documents import misfits
from tests.cosmos.proxy import Exchange, Proxy, Request, drops_request, passes, running_proxy
from tests.cosmos_server.launch import CosmosServer

MANY = 200  # messages, twice as many as a session recognises by their ids


@pytest_asyncio.fixture
async def proxy(server: CosmosServer) -> AsyncIterator[Proxy]:
    server.reset()
    async with running_proxy(server.endpoint) as running:
        yield running


@pytest_asyncio.fixture
async def store(server: CosmosServer, proxy: Proxy) -> AsyncIterator[CosmosStore]:
    """Open a store that reaches the server through the proxy."""
    opened = CosmosStore(proxy.endpoint, server.key, "late", "sessions", emulator=True)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def other(server: CosmosServer, store: CosmosStore) -> AsyncIterator[CosmosStore]:
    """Open a store as another instance has it, with no proxy in between."""
    assert store
    opened = CosmosStore(server.endpoint, server.key, "late", "sessions", emulator=True)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def session(store: CosmosStore, proxy: Proxy) -> Session:
    made = await store.create(a_session(an_owner()))
    proxy.calm()
    return made


async def say_much(store: CosmosStore, session: Session) -> None:
    for _ in range(MANY // 20):
        await store.append(session.user_id, session.id, messages(20))


async def ids(store: CosmosStore, session: Session) -> list[str]:
    return [message.id for message in await all_messages(store, session)]


async def test_an_append_that_the_store_repeats_late_is_not_stored_beside_the_clients_own_repeat(
    store: CosmosStore, other: CosmosStore, proxy: Proxy, session: Session
) -> None:
    message = a_message("said once")

    async def stall(exchange: Exchange) -> None:
        """Let the client lose patience, repeat its request elsewhere, and much be said, before the first try fails."""
        await other.append(session.user_id, session.id, again([message]))
        await say_much(other, session)
        await drops_request(exchange)

    proxy.on("patch", stall)
    await store.append(session.user_id, session.id, [message])

    assert (await ids(other, session)).count(message.id) == 1


async def lands_after(store: CosmosStore, proxy: Proxy, session: Session, message: NewMessage) -> Request:
    """Append a message whose first try is held back by the network, and return that try."""
    held: list[Request] = []

    async def hold(exchange: Exchange) -> None:
        held.append(exchange.request)
        await drops_request(exchange)

    proxy.on("patch", hold)
    await store.append(session.user_id, session.id, [message])
    return held[0]


async def land(server: CosmosServer, request: Request) -> None:
    address = server.endpoint.removeprefix("http://").split(":")
    await Exchange(request, (address[0], int(address[1])), None).forward()  # type: ignore[arg-type]


@pytest.mark.parametrize("meanwhile", ["much was said", "it was cleared", "it was deleted and made again"])
async def test_an_append_that_lands_after_its_caller_gave_it_up_is_stored_once_or_not_at_all(
    server: CosmosServer, store: CosmosStore, proxy: Proxy, session: Session, meanwhile: str
) -> None:
    message = a_message("said once")
    late = await lands_after(store, proxy, session, message)
    if meanwhile == "much was said":
        await say_much(store, session)
    elif meanwhile == "it was cleared":
        await store.clear(session.user_id, session.id)
    else:
        await store.delete(session.user_id, session.id)
        await store.create(a_session(session.user_id, id=session.id))
    before = await ids(store, session)

    await land(server, late)

    assert await ids(store, session) == before


@pytest.mark.parametrize("end", ["delete", "clear"])
async def test_a_page_sealed_after_its_session_has_ended_does_not_stay(
    server: CosmosServer, store: CosmosStore, other: CosmosStore, proxy: Proxy, session: Session, end: str
) -> None:
    async def end_first(exchange: Exchange) -> None:
        await getattr(other, end)(session.user_id, session.id)
        await passes(exchange)

    proxy.on(lambda request: request.kind == "create" and "~" in (request.item_id or ""), end_first)
    for _ in range(40):
        if proxy.rules[0].met:
            break
        await store.append(session.user_id, session.id, [a_message("it fills generations " * 40)])
    while await other.maintain(100):
        pass

    assert misfits(server.items("late", "sessions")) == []
