"""A container that Parley cannot use: found out once, told once, and mended by `make provision` without a restart."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient, DatabaseProxy

from shared.errors import StoreUnavailableError, StoreUnusableError
from shared.models import SessionFilter
from shared.settings import Settings, load_settings
from shared.store.cosmos import CosmosStore, provision
from shared.store.cosmos.limits import Limits
from shared.store.cosmos.schema import CONTAINER, DEFAULT_TTL, INDEXING_POLICY
from tests.builders import a_message, a_session, an_owner, listed
from tests.cosmos.containers import MENDABLE, make
from tests.cosmos.proxy import QUERY_PLAN, Request, passes, running_proxy
from tests.cosmos_server.launch import CosmosServer

EARLIER = {  # what the version before indexed
    **INDEXING_POLICY,
    "includedPaths": [
        {"path": f"/{path}/?"}
        for path in (
            "user_id", "id", "type", "status", "channel", "tags/[]", "pinned", "session_name", "pending",
            "last_activity_at", "session_id", "epoch", "generation", "first_seq", "shares/[]/token_hash",
        )
    ],
}  # fmt: skip
TURNED_ROUND = {
    **INDEXING_POLICY,
    "compositeIndexes": [
        [{**part, "order": "descending" if part["order"] == "ascending" else "ascending"} for part in index]
        for index in reversed(INDEXING_POLICY["compositeIndexes"])
    ],
}


@pytest_asyncio.fixture
async def database(server: CosmosServer) -> AsyncIterator[DatabaseProxy]:
    """Return a database of one's own."""
    async with CosmosClient(server.endpoint, server.key) as client:
        yield await client.create_database(f"db-{uuid4().hex}")


@pytest.fixture
def limits() -> Limits:
    """Say how long the store waits; a test may have other limits by a parameter of this name."""
    return Limits()


looks_again_at_once = pytest.mark.parametrize("limits", [Limits(look_again_seconds=0)], ids=["looks again at once"])


@pytest_asyncio.fixture
async def store(server: CosmosServer, database: DatabaseProxy, limits: Limits) -> AsyncIterator[CosmosStore]:
    """Open a store on the container `sessions` of that database, as on an account: nothing is made at first use."""
    opened = CosmosStore(server.endpoint, server.key, database.id, "sessions", limits=limits)
    yield opened
    await opened.close()


@pytest.fixture
def account(server: CosmosServer, database: DatabaseProxy, tmp_path) -> Settings:
    """Return settings that name that container."""
    environ = {"COSMOS_ENDPOINT": server.endpoint, "COSMOS_KEY": server.key, "COSMOS_DATABASE": database.id}
    return load_settings(environ, tmp_path)


@looks_again_at_once
@pytest.mark.parametrize(("changed", "complaint"), [*MENDABLE, (None, "")])
async def test_provisioning_mends_it_and_no_restart_is_needed(
    store: CosmosStore,
    database: DatabaseProxy,
    account: Settings,
    changed: dict[str, Any] | None,
    complaint: str,
) -> None:
    await make(database, changed)
    with pytest.raises(StoreUnusableError):
        await store.ping()

    said = await provision.provision(account)

    assert complaint in said[0]
    await store.create(a_session(an_owner()))
    assert (await provision.provision(account)) == said[-1:]


async def test_provisioning_says_that_another_partition_key_stays(database: DatabaseProxy, account: Settings) -> None:
    await make(database, {"partition_key": PartitionKey("/id")})

    with pytest.raises(StoreUnusableError) as refused:
        await provision.provision(account)

    assert "cannot be changed" in refused.value.reason
    assert "COSMOS_CONTAINER" in refused.value.reason


@pytest.mark.parametrize(
    ("endpoint", "code", "reason"),
    [
        ("AccountEndpoint=https://account.documents.azure.com/;AccountKey=c2VjcmV0;", 2, "connection string"),
        ("https://me:c2VjcmV0@account.documents.azure.com", 2, "nothing else"),
        ("http://127.0.0.1:9", 1, "cannot be reached"),
    ],
)
def test_provisioning_says_what_is_wrong_with_an_endpoint_and_repeats_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], endpoint: str, code: int, reason: str
) -> None:
    monkeypatch.setenv("COSMOS_ENDPOINT", endpoint)
    monkeypatch.setenv("COSMOS_KEY", "c2VjcmV0")

    assert provision.main() == code
    said = capsys.readouterr()
    assert reason in said.err
    assert "c2VjcmV0" not in said.out + said.err


async def test_an_unusable_container_is_looked_at_again_only_after_a_while(
    server: CosmosServer, database: DatabaseProxy
) -> None:
    async with running_proxy(server.endpoint) as proxy:
        seen: list[Request] = []
        proxy.on(lambda request: bool(seen.append(request)), passes)
        store = CosmosStore(proxy.endpoint, server.key, database.id, "sessions")
        for _ in range(5):
            with pytest.raises(StoreUnavailableError):
                await store.ping()
        await store.close()

    assert sum("/colls/" in request.target for request in seen) == 1


async def test_a_first_request_waits_for_the_account_the_container_and_itself(
    server: CosmosServer, database: DatabaseProxy
) -> None:
    await make(database, {})
    async with running_proxy(server.endpoint) as proxy:
        seen: list[str] = []
        proxy.on(lambda request: bool(seen.append(_named(request))), passes)
        store = CosmosStore(proxy.endpoint, server.key, database.id, "sessions")
        await store.ping()
        cold = seen.copy()
        session = await store.create(a_session(an_owner()))
        await store.append(session.user_id, session.id, [a_message()])
        await store.list_sessions(session.user_id, SessionFilter(), 20)
        await store.idle_sessions(session.created_at, 10)
        await store.close()

    # The second look at the account finds out whether its regions are well: the SDK makes it beside the others.
    assert sorted(cold) == ["account", "account", "container", "read"]
    warm, query, everywhere = seen[4:6], seen[6:9], seen[9:]
    assert warm == ["create", "patch"]
    assert query == ["key ranges", "key ranges", "query"]  # the ranges until nothing new is said; once per process
    assert everywhere == ["query", "query plan", "query"]  # the SDK asks for a plan after it is told that it needs one


def _named(request: Request) -> str:
    last = request.target.strip("/").split("/")
    if QUERY_PLAN in request.headers:
        return "query plan"
    if request.kind != "other":
        return request.kind
    return {1: "account", 4: "container", 5: "key ranges"}[len(last)]


@looks_again_at_once
async def test_a_container_that_is_removed_while_it_is_used_is_told_once_and_used_again_once_it_is_back(
    store: CosmosStore,
    database: DatabaseProxy,
    account: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await make(database, {})
    session = await store.create(a_session(an_owner()))
    await database.delete_container("sessions")

    for _ in range(4):
        with pytest.raises(StoreUnavailableError):
            await store.get(session.user_id, session.id)
    await provision.provision(account)

    assert await store.create(session)
    assert sum("make provision" in line for line in caplog.messages) == 1


async def test_indexes_turned_round_or_beside_others_serve_as_well(store: CosmosStore, database: DatabaseProxy) -> None:
    await make(database, {"indexing_policy": TURNED_ROUND})

    await store.ping()


async def test_an_emulators_container_is_mended_at_the_first_use(server: CosmosServer, database: DatabaseProxy) -> None:
    await make(database, {"default_ttl": None, "indexing_policy": None})
    store = CosmosStore(server.endpoint, server.key, database.id, "sessions", emulator=True)

    await store.ping()
    await store.close()

    found = await database.get_container_client("sessions").read()
    assert found["defaultTtl"] == DEFAULT_TTL
    assert found["indexingPolicy"]["compositeIndexes"] == INDEXING_POLICY["compositeIndexes"]


async def test_a_container_of_the_version_before_is_used_as_it_is(store: CosmosStore, database: DatabaseProxy) -> None:
    await make(database, {"indexing_policy": EARLIER})

    session = await store.create(a_session(an_owner()))

    assert [found.id for found in await listed(store, session.user_id)] == [session.id]


async def test_provisioning_drops_the_paths_that_no_query_uses_and_names_each(
    database: DatabaseProxy, account: Settings
) -> None:
    await make(database, {"indexing_policy": EARLIER})

    *said, ready = await provision.provision(account)

    dropped = ["epoch", "first_seq", "generation", "id", "session_id", "session_name"]
    place = f"{database.id}/sessions"
    assert said == [f"{place} indexes /{path}/?, which no query uses: changed." for path in dropped]
    assert ready.endswith("is ready.")
    found = await database.get_container_client("sessions").read()
    assert found["indexingPolicy"]["includedPaths"] == INDEXING_POLICY["includedPaths"]
    assert await provision.provision(account) == [ready]


async def test_provisioning_makes_the_container_that_the_policy_file_says(
    database: DatabaseProxy, account: Settings
) -> None:
    await provision.provision(account)

    found = await database.get_container_client("sessions").read()
    assert {name: found[name] for name in CONTAINER} == CONTAINER


async def test_provisioning_names_the_path_and_the_composite_that_a_container_has_amiss(
    database: DatabaseProxy, account: Settings
) -> None:
    fewer = INDEXING_POLICY["includedPaths"][1:]
    own = [{"path": "/channel", "order": "ascending"}, {"path": "/status", "order": "ascending"}]
    composites = [*INDEXING_POLICY["compositeIndexes"], own]
    await make(
        database, {"indexing_policy": {**INDEXING_POLICY, "includedPaths": fewer, "compositeIndexes": composites}}
    )

    said = await provision.provision(account)

    assert "does not index /user_id/?: changed." in said[0]
    assert "a composite index over /channel, /status, which no query uses: changed." in said[1]
