"""The API with a model behind it, on the store under test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from shared.store.port import SessionStore
from tests.http.client import Client, a_session
from tests.http.conftest import function_app, serve, settings  # noqa: F401 - fixtures of the API's tests
from tests.turns.model_server import FakeModel, serving_model
from tests.turns.talking import SESSIONS

Serving = Callable[..., AbstractAsyncContextManager[Client]]


@pytest_asyncio.fixture
async def model() -> AsyncIterator[FakeModel]:
    """Run a model that says hello."""
    async with serving_model() as served:
        yield served


@pytest.fixture
def model_settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Say what of the model's settings a test changes (by `parametrize`, indirectly), or a module's tests do."""
    return getattr(request, "param", {})


@pytest_asyncio.fixture
async def api(
    serve: Serving,  # noqa: F811 - the fixture
    store: SessionStore,
    model: FakeModel,
    model_settings: dict[str, Any],
) -> AsyncIterator[Client]:
    """Serve the store under test with the model, and speak for a user who has nothing yet."""
    async with serve(store, model=replace(model.settings, **model_settings)) as client:
        yield client


@pytest_asyncio.fixture
async def chat(api: Client) -> str:
    """Name an empty session by its path."""
    return f"{SESSIONS}/{(await a_session(api, channel='web'))['id']}"
