"""The queries of alerts and workbook, run by a KQL engine on lines that Parley has written while it was used."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from shared import archival, logs
from shared.errors import StoreUnavailableError
from shared.settings import PROJECT_ROOT
from shared.store.cosmos import CosmosStore
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Proxy, answers, running_proxy
from tests.http.client import Client, a_session, spoken
from tests.http.conftest import Serve
from tests.turns.model_server import USAGE, FakeModel, Script, serving_model, whole

pytestmark = pytest.mark.slow

INFRA = PROJECT_ROOT / "infra"
QUERIES = {path.stem: path.read_text("utf-8") for path in sorted((INFRA / "queries").glob("*.kql"))}
SESSIONS = "/api/chat/sessions"
LARGE = "large talk " * 1000  # leaves the head at once
NOTHING_IDLE = archival.Plan(idle_seconds=10**9)
Ask = Callable[[str], list[dict[str, Any]]]


class Lines(logging.Handler):
    """Keeps what would be the log's Message."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lines(serve: Serve, cosmos_place: CosmosPlace) -> AsyncIterator[list[str]]:
    """Use Parley for a while, with all that an operator should hear of, and return what it logs."""
    root, kept = logging.getLogger(), Lines()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    async with running_proxy(cosmos_place.endpoint) as proxy, serving_model() as model:
        place = cosmos_place
        store = CosmosStore(proxy.endpoint, place.key, place.database, place.container, emulator=True)
        logs.begin(instance="", store="cosmos", settings=["COSMOS_ENDPOINT"])
        async with serve(store, model=replace(model.settings, concurrency=1)) as api:
            await _a_day(api, proxy)
            await _turns(api, model)
            await _timer(store)
            await api.delete("/api/chat/data", x_request_id="erased-by-request")
        await store.close()
    root.removeHandler(kept)
    root.setLevel(level)
    yield kept.messages


async def _a_day(api: Client, proxy: Proxy) -> None:
    """Talk in two channels; be throttled, be told so, meet a store that is away, a defect and a page that is gone."""
    path = f"{SESSIONS}/{(await a_session(api, channel='web'))['id']}"
    other = f"{SESSIONS}/{(await a_session(api, channel='app'))['id']}"
    await api.post(f"{other}/messages", spoken("Hi"))
    proxy.on("patch", answers(429, x_ms_retry_after_ms="5"), times=2)
    await api.post(f"{path}/messages", spoken("Hi"))
    await api.post(f"{path}/messages", spoken("Hi", id="m1"))
    await api.post(f"{path}/messages", spoken("Hi", id="m1"))
    await api.post(f"{path}/messages", spoken(LARGE))
    for status in (429, 503, 400):
        proxy.on("read", answers(status, x_ms_retry_after_ms="5"), times=None)
        await api.get(path)
        proxy.rules.clear()
    proxy.on(lambda request: request.kind == "read" and "~" in (request.item_id or ""), answers(404), times=None)
    assert (await api.get(f"{path}/messages?order=asc&limit=1")).status == 503
    proxy.rules.clear()


async def _turns(api: Client, model: FakeModel) -> None:
    """Have a reply; meet a model that refuses the app, fails, is late, and is busy; ask for one reply too many."""
    turns = f"{SESSIONS}/{(await a_session(api, channel='web'))['id']}/turns"
    await api.post(turns, spoken("Hi"))
    for status in (401, 403, 404, 500, 504):
        model.next(Script(status=status, body={}))
        await api.post(turns, spoken("Hi"))
    for headers in ({}, {"accept": "text/event-stream"}):
        model.next(Script(status=429, body={}, headers={"Retry-After": "30"}))
        await api.post(turns, spoken("Hi"), **headers)
    model.next(Script([None, *whole("late")]))
    asking = asyncio.create_task(api.post(turns, spoken("Hi")))
    await model.waiting.wait()
    await api.post(turns, spoken("Hi"), x_request_id="one-too-many")
    model.go_on()
    await asking


async def _timer(store: CosmosStore) -> None:
    await archival.run(store, NOTHING_IDLE)
    with pytest.raises(StoreUnavailableError):
        await archival.run(_Away(), NOTHING_IDLE)  # type: ignore[arg-type]


class _Away:
    async def idle_sessions(self, *_: object) -> None:
        raise StoreUnavailableError


@pytest.fixture(scope="module")
def ask(lines: list[str]) -> Ask:
    """Return what runs one of the queries on these lines, as the workspace's table has them, beside other traces."""
    duckdb_kql = pytest.importorskip("duckdb_kql", reason="the environment of Microsoft's runtime has no KQL engine")
    con = duckdb_kql.connect()
    con.sql("CREATE TABLE AppTraces (TimeGenerated TIMESTAMP, Message VARCHAR)")
    now = datetime.now(UTC).replace(tzinfo=None)
    others = ["Executing 'Functions.health'", '{"message": "of somebody else", "status": 500}', "[1, 2]"]
    con.executemany("INSERT INTO AppTraces VALUES (?, ?)", [(now, message) for message in [*lines, *others]])

    def run(name: str) -> list[dict[str, Any]]:
        found = duckdb_kql.query(con, QUERIES[name])
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

    return run


def told(lines: list[str], event: str) -> list[dict[str, Any]]:
    """Return the lines of one kind, read without KQL."""
    parsed = [json.loads(line) for line in lines if line.startswith('{"event": ')]
    return [line for line in parsed if line["event"] == event]


def messages(rows: list[dict[str, Any]]) -> list[Any]:
    return [json.loads(row["Message"]) for row in rows]


async def test_alerts_of_requests_find_the_one_defect_and_the_one_caller_who_was_turned_away(ask: Ask) -> None:
    assert [line["status"] for line in messages(ask("server-errors"))] == [500]
    assert [(line["status"], line["route"]) for line in messages(ask("throttled-callers"))] == [(429, "read_session")]


async def test_alerts_of_the_model_find_what_it_refuses_fails_in_and_has_no_time_for(ask: Ask) -> None:
    busy = [row["request_id"] for row in ask("model-busy")]

    refused = [row["Message"] for row in ask("model-refuses")]
    assert refused == ["the model answers 401", "the model answers 403", "the model answers 404"]
    ended = [line["ended"] for line in messages(ask("model-failures"))]
    assert ended == [*["ModelFailedError"] * 4, "ModelTimeoutError"]
    assert len(busy) == len(set(busy)) == 3
    assert "one-too-many" in busy


async def test_turns_are_told_by_how_they_ended(ask: Ask) -> None:
    turns = {row["ended"]: row for row in ask("turns")}

    assert {ended: row["turns"] for ended, row in turns.items()} == {
        "answered": 2,
        "ModelFailedError": 4,
        "ModelTimeoutError": 1,
        "ModelThrottledError": 2,
    }
    assert turns["answered"]["output_tokens"] == 2 * USAGE["completion_tokens"]
    assert 0 < turns["answered"]["p50"] <= turns["answered"]["p95"]


async def test_alerts_of_the_timer_find_its_reports_and_the_one_that_failed(ask: Ask, lines: list[str]) -> None:
    assert len(ask("archivals")) == len(told(lines, "archival")) == 2
    assert [line["broken_off"] for line in messages(ask("archival-failing"))] == [True]


async def test_a_page_that_is_gone_is_found(ask: Ask) -> None:
    assert [row["Message"] for row in ask("unreadable-pages")] == ["a page that counts cannot be read"]


async def test_units_are_those_of_all_lines_and_routes_those_of_requests(ask: Ask, lines: list[str]) -> None:
    requests = told(lines, "request")
    others = [*told(lines, "behind"), *told(lines, "archival")]

    units = sum(row["units"] for row in ask("units"))
    routes = {row["route"]: row for row in ask("routes")}

    assert units == pytest.approx(sum(line["request_units"] for line in [*requests, *others]))
    assert sum(row["requests"] for row in routes.values()) == len(requests)
    assert sum(row["units"] for row in routes.values()) == pytest.approx(
        sum(each["request_units"] for each in requests)
    )
    assert (routes["read_session"]["failed"], routes["read_session"]["throttled"]) == (2, 1)
    assert 0 < routes["append_messages"]["p50"] <= routes["append_messages"]["p95"]


async def test_throttles_are_those_met_and_those_told(ask: Ask, lines: list[str]) -> None:
    (row,) = ask("throttles")

    assert row["told"] == 1
    assert row["met"] == sum(line["throttled"] for line in told(lines, "request")) > 2


async def test_costs_are_told_by_channel_and_by_user(ask: Ask, lines: list[str]) -> None:
    channels = {row["channel"]: row for row in ask("channels")}
    (user,) = ask("users")

    of_app = [line for line in told(lines, "request") if line.get("channel") == "app"]
    assert channels.keys() == {"web", "app"}
    assert channels["app"]["units"] == pytest.approx(sum(line["request_units"] for line in of_app))
    assert channels["web"]["bytes_in"] > len(LARGE)
    assert user["requests"] == len(told(lines, "request"))
    assert user["refused"] >= 1


async def test_an_erasure_is_found_by_the_id_of_its_answer_and_a_start_by_its_version(ask: Ask) -> None:
    (erasure,) = ask("erasures")
    (start,) = ask("starts")

    assert (erasure["request_id"], erasure["sessions"], erasure["done"]) == ("erased-by-request", 3, "true")
    assert (start["starts"], start["store"], start["settings"]) == (1, "cosmos", '["COSMOS_ENDPOINT"]')


async def test_every_query_is_used_by_the_infrastructure_and_every_one_that_it_uses_is_there() -> None:
    bicep = "".join(path.read_text("utf-8") for path in INFRA.glob("*.bicep"))

    assert set(re.findall(r"loadTextContent\('queries/([a-z-]+)\.kql'\)", bicep)) == QUERIES.keys()
