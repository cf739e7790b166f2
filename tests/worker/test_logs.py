"""What is logged under Microsoft's runtime, whose root logger passes everything on from INFO."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Proxy, running_proxy
from tests.talkative import everything_in, repeats, twenty_requests
from tests.worker.conftest import Start
from tests.worker.host import serving, timer_data
from tests.worker.runtime import Runtime

SDK = ("azure.cosmos", "azure.core", "azure.identity")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log as a worker does in which nothing has run yet."""
    loggers = [logging.getLogger(name) for name in SDK]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    with caplog.at_level(logging.INFO):
        yield caplog
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest_asyncio.fixture
async def proxy(cosmos_place: CosmosPlace) -> AsyncIterator[Proxy]:
    """Stand before the Cosmos test server."""
    async with running_proxy(cosmos_place.endpoint) as standing:
        yield standing


@pytest_asyncio.fixture
async def on_cosmos(
    log: pytest.LogCaptureFixture, start: Start, cosmos_place: CosmosPlace, proxy: Proxy
) -> AsyncIterator[Runtime]:
    """Run the functions on the test server, through the proxy."""
    assert log
    place = cosmos_place
    cosmos = {"COSMOS_ENDPOINT": proxy.endpoint, "COSMOS_KEY": str(place.key), "COSMOS_EMULATOR": "true"}
    async with start(STORE="cosmos", COSMOS_DATABASE=place.database, **cosmos) as running:
        yield running


async def test_what_twenty_requests_log_names_nobody_and_nothing_that_was_said(
    on_cosmos: Runtime, proxy: Proxy, log: pytest.LogCaptureFixture, cosmos_place: CosmosPlace
) -> None:
    async with serving(on_cosmos, "ada@example.com") as api:
        statuses, secrets = await twenty_requests(api, proxy)

    logged = everything_in(log.records)
    assert (len(statuses), {200, 201, 204, 404, 409, 412, 422, 500, 503}) == (20, set(statuses))
    assert "parley.requests" in logged
    assert "azure_functions_runtime" in logged
    assert [secret for secret in (*secrets, str(cosmos_place.key)) if secret in logged] == []


async def test_a_timer_that_fails_tells_the_host_nothing_of_what_the_store_said(
    on_cosmos: Runtime, proxy: Proxy, log: pytest.LogCaptureFixture
) -> None:
    await on_cosmos.app_module.chat.store.ping()
    proxy.on("query", repeats(400), times=None)

    response = await on_cosmos.invoke("archive_idle_sessions", timer_data())

    told = f"{response.result.exception.message}\n{response.result.exception.stack_trace}"
    assert told.startswith("ArchivalFailedError")
    assert "CosmosHttpResponseError status_code=400" in everything_in(log.records)
    assert "SELECT" not in told + everything_in(log.records)
