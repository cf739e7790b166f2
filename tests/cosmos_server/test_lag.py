"""Replicas that lag, session tokens, and answers that a test orders."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from azure.core import MatchConditions
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosBatchOperationError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from .launch import missing_reason, running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import aiohttp
    from azure.cosmos.aio import ContainerProxy, DatabaseProxy

    from .launch import CosmosServer
    from .raw import RawContainer

TOKEN = "x-ms-session-token"
INCREMENT = [{"op": "incr", "path": "/n", "value": 1}]
ALL = "SELECT VALUE c.n FROM c"


def item(n: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": "1", "user_id": "u", "n": n, **fields}


@pytest.fixture(autouse=True)
def _calm(server: CosmosServer) -> Iterator[None]:
    """Leave the server as the other tests expect it."""
    yield
    server.reset()


@pytest_asyncio.fixture
async def other(server: CosmosServer, database: DatabaseProxy, container: ContainerProxy) -> AsyncIterator[Any]:
    """Reach the same container with a client that has seen nothing of it yet."""
    async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
        yield client.get_database_client(database.id).get_container_client(container.id)


async def found(container: ContainerProxy, **options: Any) -> list[int]:
    return [n async for n in container.query_items(ALL, partition_key="u", **options)]


def told(answer: aiohttp.ClientResponse) -> tuple[int, str | None, str | None]:
    return answer.status, answer.headers.get("x-ms-substatus"), answer.headers.get(TOKEN)


# Session tokens. learn: rest/api/cosmos-db/common-cosmosdb-rest-response-headers (x-ms-session-token)


async def test_every_answer_of_a_partition_range_tells_its_token_and_its_container(raw: RawContainer) -> None:
    answers = [
        await raw.post(item(), Prefer="return=minimal"),
        await raw.post(item()),
        await raw.patch("1", {"operations": INCREMENT, "condition": "FROM c WHERE c.n = 9"}),
        await raw.patch("1", {"operations": INCREMENT}),
        await raw.get("1"),
        await raw.get("missing"),
        await raw.query(ALL),
    ]

    assert [(answer.status, answer.headers[TOKEN]) for answer in answers] == [
        (201, "0:-1#1"),
        (409, "0:-1#1"),
        (412, "0:-1#1"),
        (200, "0:-1#2"),
        (200, "0:-1#2"),
        (404, "0:-1#2"),
        (200, "0:-1#2"),
    ]
    assert all(answer.headers["x-ms-alt-content-path"].startswith("dbs/") for answer in answers)


async def test_a_batch_counts_as_one_write_and_a_refused_one_as_none(container: ContainerProxy) -> None:
    two = [("create", (item(id=name),)) for name in ("1", "2")]
    made = await container.execute_item_batch(two, "u")
    with pytest.raises(CosmosBatchOperationError):
        await container.execute_item_batch([("create", (item(id="3"),)), *two], "u")

    read = await container.read_item("1", "u")

    assert [answer.get_response_headers()[TOKEN] for answer in (made, read)] == ["0:-1#1", "0:-1#1"]


# learn: cosmos-db/how-to-convert-session-token (the two forms of a token)


@pytest.mark.parametrize("token", ["nonsense", "0", "0:", "0:x#1", "0:-1#", "0:-1#1,", "x:-1#1"])
async def test_a_malformed_token_is_400(raw: RawContainer, token: str) -> None:
    answers = [await raw.get("1", **{TOKEN: token}), await raw.post(item(), **{TOKEN: token})]

    assert [answer.status for answer in answers] == [400, 400]


@pytest.mark.parametrize("token", ["0:1", "0:-1#1", "0:-1#1#3=1#4=-1", "7:-1#99,0:-1#1", "7:-1#99"])
async def test_a_token_of_either_form_is_served_and_one_of_another_range_asks_nothing(
    raw: RawContainer, token: str
) -> None:
    await raw.post(item())

    assert (await raw.get("1", **{TOKEN: token})).status == 200


@pytest.mark.parametrize("token", ["0:-1#2", "0:2#1"])
async def test_a_token_that_nobody_has_reached_is_404_1002(raw: RawContainer, token: str) -> None:
    await raw.post(item())

    assert told(await raw.get("1", **{TOKEN: token})) == (404, "1002", "0:-1#1")


# Reads by replicas. learn: cosmos-db/consistency-levels (session consistency, consistent prefix)


async def test_a_client_reads_its_own_write_and_another_an_older_state_until_it_is_handed_the_token(
    server: CosmosServer, container: ContainerProxy, other: ContainerProxy
) -> None:
    server.lag(writes=1, behind_token="wait")
    await container.create_item(item(n=1))
    token = (await container.patch_item("1", "u", INCREMENT)).get_response_headers()[TOKEN]

    foreign = await other.read_item("1", "u")
    handed = await other.read_item("1", "u", session_token=token)
    own = await container.read_item("1", "u")

    assert [read["n"] for read in (foreign, handed, own)] == [1, 2, 2]


@pytest.mark.parametrize("behind_token", ["wait", "move"])
async def test_queries_and_reads_of_many_lag_and_follow_tokens_as_reads_do(
    server: CosmosServer, container: ContainerProxy, other: ContainerProxy, behind_token: Any
) -> None:
    await container.create_item(item(n=1))
    server.lag(writes=5, behind_token=behind_token)
    token = (await container.patch_item("1", "u", INCREMENT)).get_response_headers()[TOKEN]

    queried = [await found(other), await found(other, session_token=token), await found(container)]
    many = await container.read_items([("1", "u")])

    assert queried == [[1], [2], [2]]
    assert [read["n"] for read in many] == [2]


async def test_a_refused_write_is_explained_by_a_read_that_is_as_new(
    server: CosmosServer, container: ContainerProxy, other: ContainerProxy
) -> None:
    await container.create_item(item(n=1))
    server.lag(writes=5, behind_token="move")
    await container.patch_item("1", "u", INCREMENT)
    with pytest.raises(CosmosAccessConditionFailedError):
        await other.patch_item("1", "u", INCREMENT, filter_predicate="FROM c WHERE c.n = 1")

    assert (await other.read_item("1", "u"))["n"] == 2


async def test_a_read_tells_the_lsn_of_the_state_it_was_served_from(server: CosmosServer, raw: RawContainer) -> None:
    server.lag(writes=2)
    for name in ("1", "2", "3"):
        await raw.post(item(id=name))

    answers = [await raw.get("1"), await raw.get("2"), await raw.query(ALL)]

    assert [told(answer) for answer in answers] == [
        (200, None, "0:-1#1"),
        (404, None, "0:-1#1"),
        (200, None, "0:-1#1"),
    ]


async def test_what_was_deleted_is_still_read_and_what_was_created_anew_is_read_as_it_was(
    server: CosmosServer, raw: RawContainer, container: ContainerProxy, other: ContainerProxy
) -> None:
    await container.create_item(item(n=1))
    await container.create_item(item(id="2", n=2))
    server.lag(writes=3)
    await container.delete_item("2", "u")
    await container.delete_item("1", "u")
    await container.create_item(item(n=7))

    assert await found(other) == [1, 2]
    assert (await (await raw.get("1")).json())["n"] == 1


async def test_all_of_a_batch_is_known_to_a_replica_or_nothing(
    server: CosmosServer, container: ContainerProxy, raw: RawContainer
) -> None:
    server.lag(writes=1)
    await container.execute_item_batch([("create", (item(id=name),)) for name in ("1", "2", "3")], "u")
    nothing = await raw.query(ALL)
    await container.create_item(item(id="4"))

    assert [(await answer.json())["_count"] for answer in (nothing, await raw.query(ALL))] == [0, 3]


async def test_replicas_catch_up_with_time_and_when_they_are_told_to(server: CosmosServer, raw: RawContainer) -> None:
    server.lag(milliseconds=60_000)
    await raw.post(item())
    statuses = [(await raw.get("1")).status]
    server.advance(61)
    statuses.append((await raw.get("1")).status)
    await raw.post(item(id="2"))
    statuses.append((await raw.get("2")).status)
    server.refresh()
    statuses.append((await raw.get("2")).status)

    assert statuses == [404, 200, 404, 200]


async def test_each_replica_lags_by_its_own_number_of_writes(server: CosmosServer, raw: RawContainer) -> None:
    server.lag(3, writes=[0, 1, 2])
    for name in ("1", "2", "3"):
        await raw.post(item(id=name))

    tokens = {(await raw.get("1")).headers[TOKEN] for _ in range(40)}

    assert tokens == {"0:-1#3", "0:-1#2", "0:-1#1"}


async def test_a_replica_never_goes_back(server: CosmosServer, raw: RawContainer) -> None:
    server.lag(writes=9, behind_token="wait")
    await raw.post(item())
    await raw.get("1", **{TOKEN: "0:-1#1"})

    assert (await raw.get("1")).status == 200


async def test_an_item_expires_on_every_replica_when_its_time_has_come(server: CosmosServer, raw: RawContainer) -> None:
    await raw.post(item(ttl=10))
    server.lag(writes=9, behind_token="move")
    await raw.patch("1", {"operations": [{"op": "set", "path": "/ttl", "value": 1000}]})
    server.advance(11)

    assert [(await raw.get("1", **{TOKEN: token})).status for token in ("0:-1#1", "0:-1#2")] == [404, 200]


async def test_the_items_a_test_lists_are_those_of_the_primary(
    server: CosmosServer, database: DatabaseProxy, container: ContainerProxy
) -> None:
    server.lag(writes=9)
    await container.create_item(item())

    assert [stored["n"] for stored in server.items(database.id, container.id)] == [1]


async def test_lag_can_be_ended(server: CosmosServer, raw: RawContainer) -> None:
    server.lag(writes=9)
    await raw.post(item())
    server.lag(0)

    assert (await raw.get("1")).status == 200


async def test_lag_can_begin_with_the_server(raw: RawContainer) -> None:
    with running_server("--lag", '{"replicas": 1, "writes": 9}') as lagging:
        await _make(raw.http, lagging.endpoint)
        answer = await raw.http.get(
            f"{lagging.endpoint}/dbs/d/colls/c/docs/1", headers={"x-ms-documentdb-partitionkey": '["u"]'}
        )

    assert answer.status == 404


async def _make(http: aiohttp.ClientSession, endpoint: str) -> None:
    await http.post(f"{endpoint}/dbs", json={"id": "d"})
    await http.post(f"{endpoint}/dbs/d/colls", json={"id": "c", "partitionKey": {"paths": ["/user_id"]}})
    headers = {"x-ms-documentdb-partitionkey": '["u"]'}
    await http.post(f"{endpoint}/dbs/d/colls/c/docs", json=item(), headers=headers)


# Writes are decided by the primary. learn: cosmos-db/consistency-levels


async def test_writes_are_judged_by_the_newest_state_whatever_was_read(
    server: CosmosServer, container: ContainerProxy, other: ContainerProxy
) -> None:
    await container.create_item(item(n=1))
    server.lag(writes=9)
    await container.patch_item("1", "u", INCREMENT)
    await container.create_item(item(id="2"))
    old = (await other.read_item("1", "u"))["_etag"]

    with pytest.raises(CosmosAccessConditionFailedError):
        await other.delete_item("1", "u", etag=old, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(CosmosResourceExistsError):
        await other.create_item(item(id="2"))
    patched = await other.patch_item("1", "u", INCREMENT, filter_predicate="FROM c WHERE c.n = 2")
    batch = await other.execute_item_batch([("read", ("1",))], "u")

    assert (patched["n"], batch[0]["resourceBody"]["n"]) == (3, 3)


# A token that the replica has not reached. learn: cosmos-db/nosql/troubleshoot-not-found


async def test_a_read_that_is_refused_is_404_1002_and_tells_what_the_replica_has_reached(
    server: CosmosServer, raw: RawContainer
) -> None:
    server.lag(writes=1, behind_token="refuse")
    await raw.post(item())
    await raw.post(item(id="2"))

    answers = [await raw.get("1", **{TOKEN: "0:-1#2"}), await raw.query(ALL, **{TOKEN: "0:-1#2"})]

    assert [told(answer) for answer in answers] == [(404, "1002", "0:-1#1")] * 2
    assert (await raw.get("1", **{TOKEN: "0:-1#1"})).status == 200


async def test_the_sdk_gives_a_refusal_on_with_its_sub_status(server: CosmosServer, container: ContainerProxy) -> None:
    server.lag(writes=9, behind_token="refuse")
    await container.create_item(item())

    with pytest.raises(CosmosResourceNotFoundError) as refusal:
        await container.read_item("1", "u")

    assert refusal.value.sub_status == 1002


async def test_a_read_that_moves_on_finds_a_replica_and_at_last_the_primary(
    server: CosmosServer, raw: RawContainer
) -> None:
    server.lag(3, writes=[2, 1, 2], behind_token="move")
    for name in ("1", "2", "3"):
        await raw.post(item(id=name))

    served = [{(await raw.get("1", **{TOKEN: token})).headers[TOKEN] for _ in range(20)} for token in ("0:2", "0:3")]

    assert served == [{"0:-1#2"}, {"0:-1#3"}]


async def test_a_read_that_waits_is_answered_when_the_replica_has_caught_up(
    server: CosmosServer, raw: RawContainer
) -> None:
    server.lag(milliseconds=150, behind_token="wait")
    await raw.post(item())
    began = time.monotonic()

    answer = await raw.get("1", **{TOKEN: "0:-1#1"})

    assert (answer.status, time.monotonic() - began > 0.1) == (200, True)


async def test_what_reads_meet_follows_from_the_seed(server: CosmosServer, raw: RawContainer) -> None:
    runs = []
    for seed in (1, 1, 2):
        server.lag(3, writes=[1, 2, 3], seed=seed)
        made = [await raw.post(item(id=f"{len(runs)}-{n}")) for n in range(4)]
        newest = made[-1].headers[TOKEN]
        answers = [await raw.get(f"{len(runs)}-3", **{TOKEN: newest} if n % 2 else {}) for n in range(30)]
        # The LSN goes on from run to run: seen from the newest write they are alike.
        reached = int(newest.split("#")[1])
        runs.append([(answer.status, reached - int(answer.headers["lsn"])) for answer in answers])

    assert runs[0] == runs[1] != runs[2]


# Answers in an order that a test chooses. learn: rest/api/cosmos-db/http-status-codes-for-cosmosdb


async def test_an_ordered_answer_takes_the_place_of_one_read_of_one_item(
    server: CosmosServer, raw: RawContainer, container: ContainerProxy
) -> None:
    await container.create_item(item())
    await container.create_item(item(id="2"))
    server.fail_next(404, 1002, item="1", skip=1)

    answers = [await raw.get(name) for name in ("1", "2", "1", "1")]

    assert [told(answer)[:2] for answer in answers] == [(200, None), (200, None), (404, "1002"), (200, None)]


@pytest.mark.parametrize(("status", "sub_status"), [(404, 1003), (410, 1002), (503, None), (449, None), (429, 3200)])
async def test_any_status_can_be_ordered_for_writes_which_are_then_not_carried_out(
    server: CosmosServer, raw: RawContainer, status: int, sub_status: int | None
) -> None:
    server.fail_next(status, sub_status, on="write", times=2)

    answers = [await raw.post(item()) for _ in range(3)]

    refusal = (status, None if sub_status is None else str(sub_status))
    assert [told(answer)[:2] for answer in answers] == [refusal, refusal, (201, None)]


async def test_a_query_meets_only_what_was_ordered_for_queries(server: CosmosServer, raw: RawContainer) -> None:
    server.fail_next(404, 1002)
    server.fail_next(404, 1002, on="query")

    answers = [await raw.query(ALL), await raw.query(ALL)]

    assert [answer.status for answer in answers] == [404, 200]


@pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))
async def test_reset_ends_lag_and_forgets_what_was_ordered() -> None:
    with running_server() as own:
        own.lag(writes=9)
        own.fail_next(503, on="any", times=9)
        own.reset()
        async with CosmosClient(own.endpoint, own.key, enable_endpoint_discovery=False) as client:
            database = await client.create_database("d")
            container = await database.create_container("c", {"paths": ["/user_id"], "kind": "Hash"})
            await container.create_item(item())

            assert await found(container) == [1]
