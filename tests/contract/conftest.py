"""The contract holds on replicas that lag: a store sees all that it has written or has seen, by its session tokens."""

import os
from collections.abc import Iterator

import pytest

from tests.conftest import CosmosPlace, place_of_environment, server_or_skip


@pytest.fixture(scope="session")
def cosmos_place() -> Iterator[CosmosPlace]:
    """Lead to the endpoint of the environment, else to a test server whose replicas are up to half a second behind."""
    if os.environ.get("COSMOS_ENDPOINT"):
        yield place_of_environment()
        return
    with server_or_skip() as server:
        server.lag(3, writes=[1, 3, 30], milliseconds=500, behind_token="move")
        yield CosmosPlace(server.endpoint, server.key, emulator=True)
