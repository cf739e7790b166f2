"""What a turn costs at the store, beside its model."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from shared.models import MessageInput
from shared.service import ChatService
from shared.settings import load_settings
from shared.store.cosmos import CosmosStore
from shared.turns.saying import Said
from shared.turns.turns import turns_of
from tests.builders import a_session, fill
from tests.conftest import CosmosPlace, open_cosmos
from tests.cosmos.requests import requests
from tests.turns.model_server import FakeModel, Script, chunk, whole


@pytest_asyncio.fixture
async def store(cosmos_place: CosmosPlace) -> AsyncIterator[CosmosStore]:
    opened = open_cosmos(cosmos_place)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def chat(store: CosmosStore, model: FakeModel, tmp_path: Path) -> AsyncIterator[ChatService]:
    service = ChatService(store, replace(load_settings({}, tmp_path), model=model.settings))
    yield service
    await service.settle()


@pytest.mark.parametrize(("length", "most"), [(0, 2), (4, 2), (60, 3)])
async def test_a_turn_is_two_appends_and_a_read_of_what_their_answers_do_not_hold(
    store: CosmosStore, chat: ChatService, owner: str, length: int, most: int
) -> None:
    """The answer of the first append holds the newest messages; older ones come with one request."""
    session = await store.create(a_session(owner))
    await fill(store, session, length, metadata={"text": "x" * 300})

    async def turn() -> None:
        taken = await turns_of(chat).say(owner, session.id, Said([MessageInput(role="user", content="Hi")]))
        await taken.pending.answered()

    await turn()
    costs = [await requests(turn()) for _ in range(3)]

    assert max(costs) <= most


async def test_nothing_is_asked_of_the_store_while_a_reply_is_made(
    store: CosmosStore, chat: ChatService, owner: str, model: FakeModel
) -> None:
    session = await store.create(a_session(owner))
    model.next(Script([chunk("Half"), None, *whole(*["x"] * 100)]))

    async def turn() -> None:
        taken = await turns_of(chat).say(owner, session.id, Said([MessageInput(role="user", content="Hi")]))
        await model.waiting.wait()
        began = time.monotonic()
        while time.monotonic() < began + 0.2:
            await taken.pending.changed(0.05)
        model.go_on()
        await taken.pending.answered()

    assert await requests(turn()) == 2
