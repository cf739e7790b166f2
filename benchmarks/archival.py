"""Archival: 2,000 idle sessions among 5,000 on the Cosmos test server, 20,000 among 100,000 on SQLite."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from azure.cosmos.aio import CosmosClient

from benchmarks.stage import DATABASE
from shared.archival import Plan, run
from shared.models import IdleSession, NewSession, format_time, utc_now
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.guards import all_of, matching, set_fields, without_pages, writable
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.cosmos_server.launch import CosmosServer

IDLE_DAYS = 40
PLAN = Plan(idle_seconds=30 * 86_400)
OWNERS = 50
ON_COSMOS = (2_000, 5_000)  # idle, existing
ON_SQLITE = (20_000, 100_000)
YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Archived:
    """One run beside a bare loop over the same number of sessions."""

    store: str
    idle: int
    existing: int
    archived: int
    requests: int
    request_units: float
    run_per_second: float
    bare_per_second: float

    @property
    def rate(self) -> float:
        """The run's rate over the bare loop's."""
        return self.run_per_second / self.bare_per_second


async def on_cosmos(server: CosmosServer, idle: int, existing: int) -> list[Archived]:
    """Archive the idle ones among none but themselves, and among all that exist."""
    return [await _compare_cosmos(server, idle, among) for among in (idle, existing)]


async def on_sqlite(idle: int, existing: int) -> list[Archived]:
    """Archive the idle ones among none but themselves, and among all that exist."""
    return [await _compare_sqlite(idle, among) for among in (idle, existing)]


async def _compare_cosmos(server: CosmosServer, idle: int, existing: int) -> Archived:
    server.reset()
    async with _cosmos(server, "bare") as store:
        await _fill(store, idle, existing)
        bare = await _bare_patches(server, await _listed(store, idle))
    async with _cosmos(server, "run") as store:
        await _fill(store, idle, existing)
        return await _run(store, idle, existing, bare)


async def _compare_sqlite(idle: int, existing: int) -> Archived:
    with tempfile.TemporaryDirectory() as folder:
        bare_path, run_path = (Path(folder) / name for name in ("bare.db", "run.db"))
        async with _sqlite(bare_path) as store:
            await _fill(store, idle, existing)
        shutil.copy(bare_path, run_path)
        async with _sqlite(bare_path) as store:
            bare = await _rate(await _listed(store, idle), store.archive_idle)
        async with _sqlite(run_path) as store:
            return await _run(store, idle, existing, bare)


@asynccontextmanager
async def _sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    try:
        yield store
    finally:
        await store.close()


async def _run(store: SessionStore, idle: int, existing: int, bare_per_second: float) -> Archived:
    report = await run(store, PLAN)
    return Archived(
        store=store.name,
        idle=idle,
        existing=existing,
        archived=report.archived,
        requests=report.store_requests,
        request_units=report.request_units,
        run_per_second=report.archived / report.seconds,
        bare_per_second=bare_per_second,
    )


@asynccontextmanager
async def _cosmos(server: CosmosServer, container: str) -> AsyncIterator[CosmosStore]:
    store = CosmosStore(server.endpoint, server.key, DATABASE, f"archival-{container}", emulator=True)
    try:
        yield store
    finally:
        await store.close()


async def _fill(store: SessionStore, idle: int, existing: int) -> None:
    now = utc_now()
    long_ago = now - timedelta(days=IDLE_DAYS)
    sessions = [_session(number, long_ago if number < idle else now) for number in range(existing)]
    await _gated(sessions, store.create)


def _session(number: int, created_at: datetime) -> NewSession:
    owner = f"owner-{number % OWNERS}"
    return NewSession(id=f"s-{number}", user_id=owner, ttl_seconds=7_776_000, created_at=created_at)


async def _listed(store: SessionStore, idle: int) -> list[IdleSession]:
    return await store.idle_sessions(utc_now() - timedelta(seconds=PLAN.idle_seconds), idle)


async def _bare_patches(server: CosmosServer, sessions: Sequence[IdleSession]) -> float:
    """Send the very Patches that archival sends, with nothing around them."""
    async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
        container = client.get_database_client(DATABASE).get_container_client("archival-bare")

        async def patch(session: IdleSession) -> None:
            moment = utc_now()
            now = format_time(moment)
            where = all_of(writable(int(moment.timestamp())), without_pages(), *matching(session.etag))
            await container.patch_item(
                session.id,
                session.user_id,
                set_fields(status="archived", archived_at=now, updated_at=now, ttl=YEAR_SECONDS),
                filter_predicate=f"FROM c WHERE {where}",
                no_response=True,
            )

        return await _rate(sessions, patch)


async def _rate(sessions: Sequence[IdleSession], work: Callable[[IdleSession], Awaitable[Any]]) -> float:
    started = perf_counter()
    await _gated(sessions, work)
    return len(sessions) / (perf_counter() - started)


async def _gated(things: Sequence[Any], work: Callable[[Any], Awaitable[Any]]) -> None:
    gate = asyncio.Semaphore(PLAN.concurrency)

    async def one(thing: object) -> None:
        async with gate:
            await work(thing)

    await asyncio.gather(*(one(thing) for thing in things))
