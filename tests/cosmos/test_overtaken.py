"""An append that others overtake, a hundred messages at a time, is stored nevertheless, and once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.models import Session
from shared.store.cosmos import CosmosStore
from tests.builders import a_message, again, all_messages, fill
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Act, Exchange, Proxy, Request, passes, running_proxy


@pytest_asyncio.fixture
async def proxy(cosmos_place: CosmosPlace) -> AsyncIterator[Proxy]:
    async with running_proxy(cosmos_place.endpoint) as standing:
        yield standing


@pytest_asyncio.fixture
async def slow(cosmos_place: CosmosPlace, proxy: Proxy) -> AsyncIterator[CosmosStore]:
    """Open the store again, on a way that others can overtake."""
    place = cosmos_place
    opened = CosmosStore(proxy.endpoint, place.key, place.database, place.container, emulator=True)
    yield opened
    await opened.close()


def is_head(request: Request) -> bool:
    return request.kind == "read" and "~" not in str(request.item_id)


def overtaken(store: CosmosStore, session: Session, count: int, then: Act = passes) -> Act:
    """Let others write so many messages before the request goes on, or before its answer arrives."""

    async def act(exchange: Exchange) -> None:
        if exchange.request.kind == "read":
            response = await exchange.forward()
            await fill(store, session, count)
            await exchange.reply(response)
            return
        await fill(store, session, count)
        await then(exchange)

    return act


@pytest.mark.parametrize("meanwhile", [60, 100])
async def test_an_append_that_is_overtaken_at_every_step_is_stored_once(
    store: CosmosStore, slow: CosmosStore, proxy: Proxy, session: Session, meanwhile: int
) -> None:
    await slow.get(session.user_id, session.id)
    proxy.on("patch", overtaken(store, session, 200))
    proxy.on(is_head, overtaken(store, session, meanwhile), times=None)
    message = a_message("late")

    appended = await slow.append(session.user_id, session.id, [message])

    stored = [each.id for each in await all_messages(store, session)]
    assert appended.created
    assert stored.count(message.id) == 1
    assert proxy.rules[1].met <= 2


async def test_a_repeat_that_was_stored_and_forgotten_meanwhile_is_found(
    store: CosmosStore, slow: CosmosStore, proxy: Proxy, session: Session
) -> None:
    await slow.get(session.user_id, session.id)
    message = a_message("twice")

    async def others_store_it_and_more(exchange: Exchange) -> None:
        response = await exchange.forward()
        await store.append(session.user_id, session.id, again([message]))
        await fill(store, session, 200)
        await exchange.reply(response)

    proxy.on("patch", overtaken(store, session, 200))
    proxy.on(is_head, others_store_it_and_more)

    appended = await slow.append(session.user_id, session.id, [message])

    stored = [each.id for each in await all_messages(store, session)]
    assert not appended.created
    assert stored.count(message.id) == 1
