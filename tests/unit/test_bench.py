"""The benchmark counts what crosses the wire, reckons as the test server does, and runs."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from benchmarks import memory, turn_units, turns, units
from benchmarks.__main__ import PLOTS, RESULTS, main
from benchmarks.appends import append_one
from benchmarks.counting_proxy import CountingProxy, add_up, counting_proxy
from benchmarks.peers import MessageDocuments, Parley, Peer, Place, SingleDocument, costs, race
from benchmarks.profiles import TYPICAL
from benchmarks.report.targets import _at_least, _at_most
from benchmarks.stage import staged
from benchmarks.svg import Bars, Series, bar_chart, line_chart
from benchmarks.table import table
from shared.models import SessionInput
from shared.store.cosmos.limits import Limits
from tests.conftest import server_or_skip
from tests.cosmos_server.launch import FOLDER, CosmosServer, missing_reason
from tests.unit.bench_peers import MOST, Forgetful, Limited, Refusing

PLAIN_REQUEST = b"POST /plain HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED_REQUEST = (
    b"POST /chunked HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n"
)
EMPTY_REQUEST = b"GET /empty HTTP/1.1\r\nhost: h\r\n\r\n"
ANSWERS = {
    "/plain": b"HTTP/1.1 201 Created\r\nx-ms-request-charge: 7.5\r\ncontent-length: 3\r\n\r\nyes",
    "/chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\nx-trailer: 1\r\n\r\n",
    "/empty": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n",
}
SIZES = (0, 1, 1_024, 1_500, 13_312, 16_970, 102_400, 2_000_000)
MODEL = {
    "readCharge": units.read_units,
    "insertCharge": units.insert_units,
    "replaceCharge": units.replace_units,
    "deleteCharge": units.delete_units,
    "queryCharge": units.query_units,
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest_asyncio.fixture
async def proxy() -> AsyncIterator[CountingProxy]:
    """Run a proxy in front of a server that knows three answers and keeps its connections open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"content-length: 5" in head:
                    await reader.readexactly(5)
                elif b"chunked" in head.lower().partition(b"\r\n")[2]:
                    await reader.readuntil(b"0\r\n\r\n")
                writer.write(ANSWERS[head.split(b" ")[1].decode()])
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server, counting_proxy(f"http://{host}:{port}") as running:
        yield running


async def ask(proxy: CountingProxy, *requests: bytes) -> None:
    """Send requests over one connection, each after the answer to the one before has come whole."""
    host, _, port = proxy.endpoint.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for request in requests:
        writer.write(request)
        expected = ANSWERS[request.split(b" ")[1].decode()]
        assert await reader.readexactly(len(expected)) == expected
    writer.close()
    await writer.wait_closed()


@pytest.fixture
def _needs_node() -> None:
    reason = missing_reason()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.mark.parametrize(
    ("request_", "path", "request_body", "response_body_bytes"),
    [
        (PLAIN_REQUEST, "/plain", b"hello", 3),
        (CHUNKED_REQUEST, "/chunked", b"hello", 4),
        (EMPTY_REQUEST, "/empty", b"", 0),
    ],
    ids=["content-length", "chunked", "bodiless"],
)
async def test_whole_messages_are_counted_and_bodies_apart(
    proxy: CountingProxy, request_: bytes, path: str, request_body: bytes, response_body_bytes: int
) -> None:
    with proxy.phase("asking") as recorded:
        await ask(proxy, request_)

    (exchange,) = recorded
    assert (exchange.path, exchange.request_bytes, exchange.response_bytes) == (path, len(request_), len(ANSWERS[path]))
    assert (exchange.request_body, exchange.response_body_bytes) == (request_body, response_body_bytes)


async def test_requests_on_a_kept_connection_are_told_apart(proxy: CountingProxy) -> None:
    with proxy.phase("asking"):
        await ask(proxy, PLAIN_REQUEST, CHUNKED_REQUEST, EMPTY_REQUEST, PLAIN_REQUEST)

    totals = proxy.totals("asking")
    assert (totals.requests, totals.request_body_bytes, totals.units) == (4, 15, 15.0)


async def test_each_phase_has_its_own_count(proxy: CountingProxy) -> None:
    with proxy.phase("first"):
        await ask(proxy, PLAIN_REQUEST)
        with proxy.phase("within"):
            await ask(proxy, EMPTY_REQUEST)
        await ask(proxy, PLAIN_REQUEST)

    assert [proxy.totals(label).requests for label in ("first", "within", "never")] == [2, 1, 0]


async def test_requests_side_by_side_are_all_counted(proxy: CountingProxy) -> None:
    with proxy.phase("asking") as recorded:
        await asyncio.gather(*(ask(proxy, PLAIN_REQUEST, CHUNKED_REQUEST) for _ in range(20)))

    assert add_up(recorded).requests == 40


@pytest.mark.usefixtures("_needs_node")
@pytest.mark.parametrize("name", MODEL)
def test_the_model_charges_what_the_test_server_charges(name: str) -> None:
    script = f"import('./charges.mjs').then((m) => console.log(JSON.stringify({list(SIZES)}.map(m.{name}))))"
    run = subprocess.run(["node", "-e", script], cwd=FOLDER, capture_output=True, text=True, check=True)  # noqa: S607 - our own script

    assert [MODEL[name](size) for size in SIZES] == pytest.approx(json.loads(run.stdout), abs=0.0051)


def test_microsofts_two_published_sizes_are_met_exactly() -> None:
    assert [units.read_units(1_024), units.read_units(102_400)] == [1, 10]
    assert [units.insert_units(1_024), units.insert_units(102_400)] == [5.5, 50]


def test_a_table_is_readable_as_it_is() -> None:
    text = table(("what", "much"), [["a", 1_234], ["bcd", 1.5], ["e", None]])

    assert text.splitlines() == [
        "| what |  much |",
        "|------|------:|",
        "| a    | 1,234 |",
        "| bcd  |  1.50 |",
        "| e    |     - |",
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    with server_or_skip() as running:
        yield running


@pytest.mark.parametrize(("fits", "too_long"), [(0, 38), (37, 38), (0, 1_000), (10, 60)])
async def test_the_length_at_which_a_neighbour_ends_is_found_exactly(fits: int, too_long: int) -> None:
    assert await costs._end(Place("", "", ""), Limited, fits, too_long) == MOST


async def test_what_was_acknowledged_and_is_not_there_is_lost(server: CosmosServer) -> None:
    found = await race.run(server, Forgetful, 0, writers=4, each=6)

    assert (found.sent, found.refused, found.lost) == (24, 0, 12)


async def test_what_a_caller_was_told_is_refused_is_not_lost(server: CosmosServer) -> None:
    found = await race.run(server, Refusing, 0, writers=4, each=6)

    assert (found.sent, found.refused, found.lost, found.errors) == (24, 12, 0, ("PermissionError",))


async def test_a_race_finds_what_a_session_overwritten_by_others_loses_and_that_parley_loses_nothing(
    server: CosmosServer,
) -> None:
    overwritten = await race.run(server, SingleDocument, 10, writers=8, each=5)
    parley = await race.run(server, Parley, 10, writers=8, each=5)

    assert overwritten.lost > 0
    assert (parley.refused, parley.lost) == (0, 0)


@pytest.mark.parametrize("peer", [SingleDocument, MessageDocuments, Parley])
async def test_a_peer_resumes_from_what_it_added(server: CosmosServer, peer: type[Peer]) -> None:
    async with peer.opened(Place(server.endpoint, server.key, "added"), "s") as session:
        await session.add(["1", "2", "3"])
        await session.add(["4"])

        assert await session.resume() == 4


async def test_what_goes_on_behind_an_answer_is_counted_with_it_and_apart_from_it(server: CosmosServer) -> None:
    unknown = Limits(generation_bytes=2_048, known_heads=0)
    for name, limits, requests in (("known", Limits(generation_bytes=2_048), 1), ("unknown", unknown, 2)):
        async with staged(server, name, limits=limits) as stage:
            session, _ = await stage.chat.create_session("o", SessionInput())
            appends = [await append_one(stage, TYPICAL, ("o", session.id), number) for number in range(12)]

        rotated = [append for append in appends if append.rotated]
        assert len(rotated) >= 2
        assert {(len(append.exchanges), len(append.own)) for append in rotated} == {(requests, 1)}
        assert {len(append.exchanges) for append in appends if not append.rotated} == {1}


@pytest.mark.slow
async def test_memory_is_looked_at_after_each_count_of_answers(server: CosmosServer) -> None:
    if memory.missing_reason():
        pytest.skip(memory.missing_reason())
    growths = await memory.measure(server, (20, 40))

    assert [growth.store for growth in growths] == ["sqlite", "cosmos"]
    assert all(list(growth.resident) == [20, 40] and growth.ratio > 0.5 for growth in growths)
    stored = server.items("memory", "sessions")  # with the pages of these sessions
    assert len([item for item in stored if item["type"] == "session"]) == memory.SESSIONS


@pytest.mark.slow
async def test_a_turn_whose_reply_takes_long_costs_a_request_for_each_look(
    server: CosmosServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_units, "LENGTH", 4)
    monkeypatch.setattr(turn_units, "LONG_CHARGED", 2)
    async with turns._model() as endpoint:
        found = await turn_units.measure_units(server, endpoint)

    assert 4 <= found.looks <= 7  # one each five seconds of thirty
    assert found.long.units > found.turn.units + found.looks


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (_at_most("t", 1.15, 1.15), "yes"),
        (_at_most("t", 1.15, 1.151), "no"),
        (_at_least("t", 300, 300.0), "yes"),
        (_at_least("t", 300, 299.9), "no"),
    ],
)
def test_a_target_missed_by_a_little_is_missed(row: list[str], met: str) -> None:
    assert row[-1] == met


def drawn(text: str, shape: str) -> list[ET.Element]:
    """Return the shapes of a kind in an SVG, in their order."""
    return ET.fromstring(text).findall(f"{SVG}{shape}")  # noqa: S314 - our own


def test_a_line_chart_spaces_decades_evenly_and_is_the_same_every_time() -> None:
    series = [Series("a & b", [(10, 1), (100, 10), (1_000, 100)]), Series("c", [(10, 5)], "ends here")]
    text = line_chart("A title", "x", "y", series)
    dots = [tuple(map(float, dot.split(","))) for dot in drawn(text, "polyline")[0].attrib["points"].split()]
    words = [element.text for element in drawn(text, "text")]

    (x1, y1), (x2, y2), (x3, y3) = dots
    assert x3 > x2 > x1
    assert y3 < y2 < y1
    assert (x3 - x2, y3 - y2) == pytest.approx((x2 - x1, y2 - y1))
    assert {"A title", "a & b", "ends here", "100"} <= set(words)
    assert line_chart("A title", "x", "y", series) == text


def test_a_bar_is_as_long_as_its_share() -> None:
    text = bar_chart("A title", ("lost", "refused"), [Bars("a", (50, 0)), Bars("b", (100, 25))], 100)
    bars = [float(bar.attrib["width"]) for bar in drawn(text, "rect")[1:5]]

    assert [width / bars[2] for width in bars] == pytest.approx([0.5, 0, 1, 0.25])


@pytest.mark.slow
@pytest.mark.usefixtures("_needs_node")
def test_a_quick_run_prints_its_tables_and_leaves_the_results_alone(capsys: pytest.CaptureFixture[str]) -> None:
    files = [RESULTS, *PLOTS.glob("*.svg")]
    before = [file.read_bytes() for file in files]

    code = main(["--quick"])

    printed = capsys.readouterr().out
    assert code == 0
    titles = (
        "Targets",
        "Beside its neighbours",
        "Appends",
        "Resumes",
        "Handler",
        "Import",
        "Memory",
        "HTTP_STREAMING",
        "Archival",
    )
    assert all(f"## {title}" in printed for title in titles)
    assert [file.read_bytes() for file in files] == before
    loaded = {line.split(" | ")[0].strip("| "): line for line in printed.splitlines() if "at import" in line}
    assert {name: line.count("never") for name, line in loaded.items()} == {
        "SQLite": 3,  # azure.cosmos, aiohttp and azure.identity
        "Cosmos DB, key": 2,  # azure.identity and sqlite3
        "Cosmos DB, managed identity": 1,  # sqlite3
    }
