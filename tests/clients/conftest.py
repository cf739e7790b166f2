"""Parley as a process of its own, on each store, with a network before it that can be made to fail."""

from collections.abc import Iterator
from typing import Any

import pytest
from parley_client import ConversationManager, Parley, Patience

from tests.builders import an_owner
from tests.clients.server import serving
from tests.clients.weather import Weather, weather_before

IMPATIENT = Patience(tries=3, seconds=5.0, longest_pause_seconds=2.5)


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, store_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Parley on the store under test."""
    settings = {"SQLITE_PATH": str(tmp_path_factory.mktemp("data") / "parley.db")}
    if store_name == "cosmos":
        settings = request.getfixturevalue("cosmos_place").settings
    with serving(**settings) as where:
        yield where


@pytest.fixture
def weather(url: str) -> Iterator[Weather]:
    """Stand between the client and Parley."""
    with weather_before(url) as between:
        yield between


@pytest.fixture
def customer() -> str:
    """Name a customer who has nothing yet."""
    return an_owner()


@pytest.fixture
def parley(url: str, customer: str) -> Iterator[Parley]:
    """Look at what is stored, past every weather."""
    with Parley(url, customer) as client:
        yield client


@pytest.fixture
def manager(weather: Weather) -> Iterator[ConversationManager]:
    """Return a manager that speaks through the weather."""
    with Parley(weather.url, patience=IMPATIENT) as client:
        made = ConversationManager(client)
        yield made
        weather.calm()
        made.close(0.0)


def contents(messages: Any) -> list[Any]:
    """Return what messages or entries say, in their order."""
    return [message["content"] for message in messages]
