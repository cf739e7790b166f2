"""The API with a real model behind it; skipped aloud where the model is not installed."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from shared.model_settings import ModelSettings
from shared.store.port import SessionStore
from tests.http.client import Client
from tests.http.conftest import Serve, function_app, serve, settings  # noqa: F401 - fixtures of the API's tests
from tests.model.launch import ModelServer, missing_reason, running_model
from tests.model.server import NAME

CONTEXT_TOKENS = 256


def settings_of(model: ModelServer, **changed: Any) -> ModelSettings:
    """Return the settings that lead to a server, short replies among them."""
    usual = ModelSettings(endpoint=model.endpoint, name=NAME, context_tokens=CONTEXT_TOKENS, max_tokens=16)
    return replace(usual, **changed)


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """Run the model for all tests."""
    if reason := missing_reason():
        pytest.skip(reason)
    with running_model(CONTEXT_TOKENS) as running:
        yield running


@pytest_asyncio.fixture
async def api(serve: Serve, store: SessionStore, model: ModelServer) -> AsyncIterator[Client]:  # noqa: F811 - the fixture
    """Serve the store under test with the model, and speak for a user who has nothing yet."""
    async with serve(store, model=settings_of(model)) as client:
        yield client
