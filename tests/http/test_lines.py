"""The lines an operator reads: one a request, one an event, each with what it cost and nothing of whom it is for."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared import logs
from shared.settings import load_settings
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.background import Background
from shared.version import VERSION
from tests.builders import a_message
from tests.builders import a_session as new_session
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Proxy, answers, running_proxy
from tests.http.client import Client, a_session, spoken
from tests.http.conftest import Serve

SESSIONS = "/api/chat/sessions"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LARGE = "large talk " * 500  # two of these are more than a head holds


def lines(log: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return what the lines of one kind tell."""
    told = [json.loads(message) for message in log.messages if message.startswith('{"event": ')]
    return [each for each in told if each["event"] == event]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Log as the hosts do: everything from INFO on."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(cosmos_place: CosmosPlace) -> AsyncIterator[Proxy]:
    """Stand before the Cosmos test server."""
    async with running_proxy(cosmos_place.endpoint) as standing:
        yield standing


@pytest_asyncio.fixture(loop_scope="module")
async def on_cosmos(
    serve: Serve, cosmos_place: CosmosPlace, proxy: Proxy, background: Background
) -> AsyncIterator[Client]:
    """Serve Parley on the test server, through the proxy."""
    place = cosmos_place
    store = CosmosStore(
        proxy.endpoint, place.key, place.database, place.container, emulator=True, background=background
    )
    async with serve(store) as api:
        yield api
    await store.close()


@pytest.fixture
def background() -> Background:
    return Background()


@pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)
async def test_a_request_is_one_line_that_says_what_it_was_and_how_it_went(
    api: Client, log: pytest.LogCaptureFixture
) -> None:
    session = await a_session(api, channel="web")
    log.clear()

    body = spoken("said in secret")
    answer = await api.post(f"{SESSIONS}/{session['id']}/messages", body, traceparent=TRACEPARENT, x_request_id="mine")

    (line,) = lines(log, "request")
    assert {name: line[name] for name in ("route", "method", "status", "request_id", "traceparent", "version")} == {
        "route": "append_messages",
        "method": "POST",
        "status": 201,
        "request_id": "mine",
        "traceparent": TRACEPARENT,
        "version": VERSION,
    }
    assert (line["bytes_in"], line["bytes_out"]) == (len(json.dumps(body).encode()), len(answer.body))
    assert (line["store_requests"], line["request_units"], line["throttled"], line["refused"]) == (1, 0, 0, 0)
    assert line["milliseconds"] > 0
    assert line["instance"]
    assert len(line["user"]) == 16
    assert "code" not in line
    assert "secret" not in log.text


@pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)
async def test_what_claims_to_be_a_trace_and_is_none_is_left_out(api: Client, log: pytest.LogCaptureFixture) -> None:
    await api.get("/api/health", traceparent="00-somebody-said-this-01")

    (line,) = lines(log, "request")
    assert not {"traceparent", "user", "channel"} & line.keys()


async def test_throttles_that_the_sdk_waited_out_are_told(
    on_cosmos: Client, proxy: Proxy, log: pytest.LogCaptureFixture
) -> None:
    session = await a_session(on_cosmos, channel="web")
    proxy.on("patch", answers(429, x_ms_retry_after_ms="5"), times=2)

    answer = await on_cosmos.post(f"{SESSIONS}/{session['id']}/messages", spoken("Hi"))

    line = lines(log, "request")[-1]
    assert answer.status == 201
    assert (line["throttled"], line["store_requests"], line["channel"]) == (2, 1, "web")
    assert line["request_units"] == float(answer.headers["x-request-charge"])


async def test_refusals_and_repeats_are_told(on_cosmos: Client, proxy: Proxy, log: pytest.LogCaptureFixture) -> None:
    session = await a_session(on_cosmos)
    path = f"{SESSIONS}/{session['id']}/messages"
    proxy.on("patch", answers(503))

    first = await on_cosmos.post(path, spoken("Hi", id="m1"))
    second = await on_cosmos.post(path, spoken("Hi", id="m1"))

    written_again, found = lines(log, "request")[-2:]
    assert [first.status, second.status] == [201, 200]
    assert (written_again["repeated"], found["repeated"]) == (1, 0)
    assert (written_again["refused"], found["refused"]) == (0, 1)


async def test_how_it_ended_is_the_level(on_cosmos: Client, proxy: Proxy, log: pytest.LogCaptureFixture) -> None:
    path = f"{SESSIONS}/{(await a_session(on_cosmos))['id']}"
    for status in (429, 503, 400):
        proxy.on("read", answers(status, x_ms_retry_after_ms="5"), times=None)
        await on_cosmos.get(path)
        proxy.rules.clear()
    await on_cosmos.get(f"{SESSIONS}/unknown")

    found = [
        (json.loads(record.message)["status"], json.loads(record.message).get("code"), record.levelname)
        for record in log.records
        if record.message.startswith('{"event": "request"')
    ]
    assert found[-4:] == [
        (429, "throttled", "WARNING"),
        (503, "store_unavailable", "WARNING"),
        (500, "internal_error", "ERROR"),
        (404, "session_not_found", "INFO"),
    ]


async def test_what_is_done_behind_an_answer_has_lines_of_its_own_that_tell_what_it_cost(
    on_cosmos: Client, background: Background, cosmos_place: CosmosPlace, log: pytest.LogCaptureFixture
) -> None:
    place, session = cosmos_place, new_session(str(on_cosmos.user))
    another_instance = CosmosStore(place.endpoint, place.key, place.database, place.container, emulator=True)
    await another_instance.create(session, [a_message(LARGE)])
    await another_instance.close()
    path = f"{SESSIONS}/{session.id}/messages"

    answer = await on_cosmos.post(path, spoken(LARGE), x_request_id="large")
    await background.settle()
    await on_cosmos.delete(path)

    (rotation,) = lines(log, "rotation")
    (behind,) = lines(log, "behind")
    (sweep,) = lines(log, "sweep")
    append = next(line for line in lines(log, "request") if line["request_id"] == "large")
    assert (rotation["request_id"], rotation["messages"], behind["request_id"]) == ("large", 2, "large")
    assert behind["request_units"] > 0
    assert append["request_units"] == float(answer.headers["x-request-charge"])
    assert sweep["pages"] == 1


async def test_an_erasure_is_told_with_its_counts_and_the_id_that_the_answer_has(
    on_cosmos: Client, log: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        session = await a_session(on_cosmos)
        await on_cosmos.post(f"{SESSIONS}/{session['id']}/messages", spoken("Hi"))

    answer = await on_cosmos.delete("/api/chat/data")

    (erasure,) = lines(log, "erasure")
    assert erasure["request_id"] == answer.headers["x-request-id"]
    assert (erasure["sessions"], erasure["messages"], erasure["done"]) == (2, 2, True)
    assert erasure.keys() == {"event", "request_id", "sessions", "messages", "done", "instance", "version"}


def test_the_start_is_told_with_the_names_of_what_is_set_and_none_of_the_values(
    tmp_path_factory: pytest.TempPathFactory, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(logs._process, "instance", "of this process")
    environ = {"LOG_HASH_KEY": "sixteen letters!", "ARCHIVE_AFTER_SECONDS": "60", "MODEL_NAME": " "}
    settings = load_settings(environ, tmp_path_factory.mktemp("start"))

    logs.begin(instance="0123456789abcdef0123", store=settings.store, settings=settings.given)

    (line,) = lines(log, "start")
    assert line == {
        "event": "start",
        "store": "sqlite",
        "settings": ["ARCHIVE_AFTER_SECONDS", "LOG_HASH_KEY"],
        "instance": "0123456789abcdef",
        "version": VERSION,
    }
