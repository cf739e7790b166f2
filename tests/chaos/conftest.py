"""A Cosmos DB test server for one module, which may reset it."""

from collections.abc import Iterator

import pytest

from tests.conftest import server_or_skip
from tests.cosmos_server.launch import CosmosServer


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    with server_or_skip() as running:
        yield running
