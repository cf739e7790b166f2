"""Starting, stopping, and the options."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import aiohttp
import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError

from . import launch
from .launch import ANY_KEY, FOLDER, running_server

if TYPE_CHECKING:
    from pathlib import Path

    from azure.cosmos.aio import ContainerProxy, DatabaseProxy

    from .launch import CosmosServer
    from .raw import RawContainer

KEY = base64.b64encode(b"a key of its own").decode()
NEEDS_NODE = pytest.mark.skipif(launch.missing_reason() is not None, reason=str(launch.missing_reason()))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "node and npm" in (launch.missing_reason() or "")


@NEEDS_NODE
def test_the_server_is_gone_after_the_block() -> None:
    with running_server() as server:
        process = server.process

    assert process.poll() is not None


@NEEDS_NODE
def test_the_server_does_not_outlive_whoever_holds_its_input() -> None:
    with running_server() as server:
        assert server.process.stdin is not None
        server.process.stdin.close()

        assert server.process.wait(5) == 0


@NEEDS_NODE
async def test_the_right_key_opens_a_server_that_has_one() -> None:
    with running_server("--key", KEY) as server:
        async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
            database = await client.create_database("Names with spaces")
            container = await database.create_container("c", PartitionKey("/user_id"))
            await container.create_item({"id": "Ä b", "user_id": "u"})
            found = [item["id"] async for item in container.query_items("SELECT * FROM c ORDER BY c.id")]
            read = await container.read_item("Ä b", "u")

    assert (found, read["id"]) == (["Ä b"], "Ä b")


@NEEDS_NODE
async def test_a_wrong_key_is_401() -> None:
    with running_server("--key", KEY) as server:
        client = CosmosClient(server.endpoint, ANY_KEY, enable_endpoint_discovery=False)
        with pytest.raises(CosmosHttpResponseError) as refusal:
            await client.__aenter__()
        # A client that could not be opened is not closed by itself.
        await client.close()

    assert refusal.value.status_code == 401


@NEEDS_NODE
async def test_a_read_only_server_refuses_to_make_databases_as_data_plane_roles_are_refused() -> None:
    with running_server("--read-only") as server:
        async with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
            with pytest.raises(CosmosHttpResponseError) as refusal:
                await client.create_database("db")

    assert (refusal.value.status_code, refusal.value.sub_status) == (403, 5300)


async def test_reset_drops_everything(server: CosmosServer) -> None:
    with running_server() as own:
        async with aiohttp.ClientSession() as http:
            await http.post(f"{own.endpoint}/dbs", json={"id": "db"})
            own.reset()
            answer = await http.get(f"{own.endpoint}/dbs/db")

    assert answer.status == 404
    assert own.endpoint != server.endpoint


async def test_a_connection_is_kept(raw: RawContainer) -> None:
    answers = [await raw.post({"id": str(n), "user_id": "u"}) for n in range(20)]

    assert all(a.headers["connection"] == "keep-alive" for a in answers)


@NEEDS_NODE
def test_the_lock_file_names_the_pinned_engine_and_no_addresses() -> None:
    lock = (FOLDER / "package-lock.json").read_text()

    assert '"@zeit/cosmosdb-query": "0.7.2"' in lock
    assert '"resolved"' not in lock


async def test_thousands_of_items_are_searched_and_listed(
    server: CosmosServer, database: DatabaseProxy, container: ContainerProxy
) -> None:
    for start in range(0, 5000, 100):
        names = [f"i{n}" for n in range(start, start + 100)]
        await container.execute_item_batch(
            [("create", ({"id": name, "user_id": "u", "n": int(name[1:])},)) for name in names], partition_key="u"
        )

    found = [
        n
        async for n in container.query_items("SELECT VALUE c.n FROM c WHERE c.n > 4997 ORDER BY c.n", partition_key="u")
    ]

    assert found == [4998, 4999]
    assert len(server.items(database.id, container.id)) == 5000
