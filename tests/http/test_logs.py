"""What the local host logs: enough to see how Parley fares, and nothing of whom it is for."""

import json
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Proxy, running_proxy
from tests.http.client import Client, a_session, refused_before_any_store_is_asked
from tests.http.conftest import Serve
from tests.talkative import everything_in, twenty_requests


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log as the hosts do: everything from INFO on."""
    with caplog.at_level(logging.INFO):
        yield caplog


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(cosmos_place: CosmosPlace) -> AsyncIterator[Proxy]:
    """Stand before the Cosmos test server."""
    async with running_proxy(cosmos_place.endpoint) as standing:
        yield standing


async def test_what_twenty_requests_log_names_nobody_and_nothing_that_was_said(
    serve: Serve, cosmos_place: CosmosPlace, proxy: Proxy, log: pytest.LogCaptureFixture
) -> None:
    place = cosmos_place
    store = CosmosStore(proxy.endpoint, place.key, place.database, place.container, emulator=True)
    async with serve(store) as api:
        statuses, secrets = await twenty_requests(api, proxy)
    await store.close()

    logged = everything_in(log.records)
    assert statuses == [
        201,
        201,
        409,
        201,
        422,
        201,
        200,
        200,
        200,
        404,
        412,
        201,
        200,
        500,
        503,
        201,
        500,
        204,
        404,
        200,
    ]
    assert logged.count('"event": "request"') >= len(statuses)
    assert [secret for secret in (*secrets, str(place.key)) if secret in logged] == []


async def test_one_user_bears_one_hash_that_only_the_keys_owner_can_make(
    serve: Serve, store: SessionStore, log: pytest.LogCaptureFixture
) -> None:
    hashes = []
    for key in ("a key of this deployment", "a key of this deployment", "a key of another one"):
        async with serve(store, log_hash_key=key) as api:
            await a_session(Client(api.http, api.url, "ada@example.com"))
        lines = [message for message in log.messages if message.startswith("{")]  # a worker may say something, too
        hashes.append(json.loads(lines[-1])["user"])

    assert hashes[0] == hashes[1] != hashes[2]
    assert all(len(each) == 16 for each in hashes)


@refused_before_any_store_is_asked
async def test_a_defect_is_logged_by_its_kind_and_its_place_without_its_text(
    api: Client, store: SessionStore, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the secret detail") from KeyError("a secret behind it")

    monkeypatch.setattr(store, "read", fail)

    await api.get("/api/chat/sessions/any", x_request_id="mine")

    message, line = [record.getMessage() for record in log.records if record.levelname == "ERROR"]
    assert message.startswith("request mine failed\nbuiltins.RuntimeError\n")
    assert "\nbuiltins.KeyError" in message
    assert json.loads(line)["code"] == "internal_error"
    assert f'File "{__file__}"' in message
    assert "secret" not in everything_in(log.records)
