"""Chats are measured on real messages, by a curve beside the line, and beside the build before."""

import statistics
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
import pytest_asyncio
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosBatchOperationError

from benchmarks import before, curve
from benchmarks.chats import cold
from benchmarks.chats.costs import APPEND, TURN, ChatCost, Chats, resume
from benchmarks.chats.measure import Scale as ChatScale
from benchmarks.chats.measure import _lengths, _warm_up
from benchmarks.chats.walk import Call, Walk
from benchmarks.counting_proxy import CountingProxy, Exchange, Totals, counting_proxy
from benchmarks.lengths import Means
from benchmarks.metering import Meter, terms_of
from benchmarks.peers import BuildBefore, Chatting, MessageDocuments, Place, SingleDocument, ThisBuild
from benchmarks.profiles import REAL
from benchmarks.report import chat_targets
from shared.store.cosmos.schema import INDEXING_POLICY
from tests.conftest import server_or_skip
from tests.cosmos_server.launch import CosmosServer

FEW_TERMS = {"includedPaths": [{"path": "/owner/?"}, {"path": "/at/?"}], "excludedPaths": [{"path": "/*"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    with server_or_skip() as running:
        yield running


@pytest_asyncio.fixture
async def proxy(server: CosmosServer) -> AsyncIterator[CountingProxy]:
    async with counting_proxy(server.endpoint, Meter()) as running:
        yield running


@pytest_asyncio.fixture
async def container(proxy: CountingProxy, server: CosmosServer) -> AsyncIterator[ContainerProxy]:
    """Make a container whose index keeps two terms of each item."""
    async with CosmosClient(proxy.endpoint, server.key, enable_endpoint_discovery=False) as client:
        database = await client.create_database_if_not_exists("metered")
        yield await database.create_container_if_not_exists(
            "few-terms", partition_key=PartitionKey("/owner"), indexing_policy=FEW_TERMS
        )


def test_real_messages_are_as_long_on_average_as_chats_are_and_the_same_every_time() -> None:
    lengths = [len(REAL.text(number)) for number in range(1, 4_001)]

    assert statistics.mean(lengths[::2]) == pytest.approx(400, rel=0.1)
    assert statistics.mean(lengths[1::2]) == pytest.approx(2_000, rel=0.1)
    assert REAL.text(8) == REAL.text(8)


def test_the_curve_meets_what_was_measured() -> None:
    size = round(10.35 * 1024)

    found = [curve.create_units(size), curve.replace_units(size), curve.read_units(size), curve.query_units(1, size)]
    assert found == pytest.approx([10, 19, 2, 3.1], abs=0.02)
    assert curve.replace_units(round(500.35 * 1024)) == pytest.approx(456.5)


async def test_a_change_is_charged_for_the_terms_it_takes_out_and_puts_in(
    proxy: CountingProxy, container: ContainerProxy
) -> None:
    with proxy.phase("writes") as written:
        await container.create_item({"id": "1", "owner": "o", "text": "x" * 4_000})
        await container.patch_item("1", "o", [{"op": "set", "path": "/at", "value": 7}])
        await container.patch_item("1", "o", [{"op": "set", "path": "/text", "value": "y" * 4_000}])
        await container.patch_item("1", "o", [{"op": "set", "path": "/at", "value": 8}], no_response=True)
        await container.delete_item("1", "o")

    writes = [one for one in written if "/docs" in one.path]
    assert [one.index for one in writes] == pytest.approx([1.2, 1.2, 0, 1.2, 1.2])
    assert [round(one.measured) for one in writes] == [8, 14, 14, 14, 8]


async def test_a_query_is_charged_for_the_items_it_loads_and_a_batch_for_each_of_its_operations(
    proxy: CountingProxy, container: ContainerProxy
) -> None:
    both = [{"id": name, "owner": "b", "text": "x" * 30_000} for name in ("1", "2")]
    with proxy.phase("batch") as written:
        await container.execute_item_batch([("create", (item,)) for item in both], "b")
    with proxy.phase("query") as read:
        [row async for row in container.query_items("SELECT c.id FROM c", partition_key="b")]

    assert written[-1].measured == pytest.approx(2 * curve.create_units(len(str(both[0]))), rel=0.02)
    assert read[-1].measured == pytest.approx(curve.query_units(2, 60_400), rel=0.02)


async def test_a_page_and_what_empties_the_head_are_charged_one_by_one_and_a_refused_batch_as_a_refusal(
    proxy: CountingProxy, container: ContainerProxy
) -> None:
    await container.create_item({"id": "head", "owner": "c", "at": 1, "text": "x" * 8_000})
    page = {"id": "page", "owner": "c", "text": "x" * 8_000}
    emptied = [{"op": "set", "path": "/text", "value": ""}, {"op": "set", "path": "/at", "value": 2}]
    both = [("create", (page,)), ("patch", ("head", emptied), {"filter_predicate": "FROM c WHERE c.at = 1"})]
    with proxy.phase("batches") as written:
        for _ in range(2):  # the SDK empties the options that it is given
            with suppress(CosmosBatchOperationError):
                await container.execute_item_batch([(*one[:2], dict(*one[2:])) for one in both], "c")

    done, refused = (one for one in written if one.is_batch)
    assert done.measured == pytest.approx(curve.create_units(8_200) + curve.replace_units(300), abs=0.5)
    assert done.index == pytest.approx(1.2 + 1.2)
    assert (refused.measured, refused.index) == (curve.REFUSED, 0)


def test_every_path_of_our_own_index_is_a_term_even_where_nothing_is_there() -> None:
    terms = terms_of({"id": "1", "tags": ["a", "b"]}, INDEXING_POLICY)

    paths = [entry["path"] for entry in INDEXING_POLICY["includedPaths"]]
    assert len(terms) == len(paths) - ("/id/?" in paths) + 1 + len(INDEXING_POLICY["compositeIndexes"])


def test_round_trips_at_once_are_one_and_what_comes_behind_the_answer_is_none() -> None:
    def exchange(started: float, ended: float) -> Exchange:
        return Exchange("GET", "/", 200, 0, b"", 0, 0, 1.0, started=started, ended=ended)

    waited = [exchange(0, 1), exchange(1, 2), exchange(1, 3), exchange(3, 4)]
    assert Call((*waited, exchange(5, 6)), returned_at=4.5).serial == 3


@pytest.mark.parametrize("peer", [ThisBuild, BuildBefore, MessageDocuments, SingleDocument])
async def test_a_peer_tells_and_lists_and_removes_its_chats(
    proxy: CountingProxy, server: CosmosServer, peer: type[Chatting]
) -> None:
    if reason := peer.missing_reason():
        pytest.skip(reason)
    place = Place(proxy.endpoint, server.key, f"chats-{peer.container}")
    async with peer.opened(place, "first") as session:
        await _warm_up(session)
        cost = await Walk(proxy, session, REAL).look(60, turns=2)
        await session.begin("second")
        await session.add(["a", "b"])
        await session.delete()

        assert await session.listed(20) >= 2
    assert cost.means[TURN].mean("measured") > cost.means[resume(20)].mean("measured")


async def test_a_process_that_has_just_started_sends_more_before_its_first_answer(
    proxy: CountingProxy, server: CosmosServer
) -> None:
    place = Place(proxy.endpoint, server.key, "cold")
    found = (await cold.measure(proxy, place, ThisBuild, REAL, 1)).costs

    first, later = (found[name].means.mean("requests") for name in (cold.FIRST, cold.LATER))
    assert first > later
    assert found[cold.UNKNOWN].serial_p95 == found[cold.KNOWN].serial_p95 == 1


async def test_a_session_too_long_for_a_peer_is_said_to_be_so(proxy: CountingProxy, server: CosmosServer) -> None:
    place = Place(proxy.endpoint, server.key, "too-long")
    costs = await _lengths(proxy, place, SingleDocument, REAL, ChatScale((6, 3_000, 6_000)))

    assert [(cost.length, cost.ends) for cost in costs] == [(6, False), (3_000, True)]


def test_the_build_before_is_left_out_aloud_where_history_is_missing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shallow = tmp_path_factory.mktemp("shallow")
    subprocess.run(["git", "init", "-q", str(shallow)], check=True)  # noqa: S607 - git, by its name
    monkeypatch.setattr(before, "ROOT", shallow)

    assert "no history" in (before.missing_reason.__wrapped__() or "")


def _cost(peer: str, length: int, charge: float) -> ChatCost:
    means = Means(1, Totals(1, 0, 0, 0, charge, charge, 0.0))
    return ChatCost(peer, "real", length, {TURN: means, APPEND: means, resume(20): means, resume(50): means}, 1)


def test_a_target_missed_at_one_length_is_missed_and_one_nobody_could_measure_is_neither() -> None:
    found = [_cost("Parley", 100, 5), _cost("Parley", 1_000, 7), _cost(BuildBefore.name, 100, 10)]
    text = chat_targets.section(Chats([*found, _cost(BuildBefore.name, 1_000, 10)], [], [], [], []))

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    turn = f"real: turn, over build {before.COMMIT}"
    assert [turn, "line", "≤ 0.60", "0.50", "0.70", "-", "no"] in rows
    assert ["real: turn, over one document per message", "line", "≤ 0.85", "-", "-", "-", "not measured"] in rows
