"""Queries within one partition (learn: cosmos-db/nosql/query)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosHttpResponseError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy, DatabaseProxy

    from .raw import RawContainer

POLICY = {
    "indexingMode": "consistent",
    "includedPaths": [{"path": "/type/?"}, {"path": "/n/?"}, {"path": "/log/bytes/?"}, {"path": "/open/*"}],
    "excludedPaths": [{"path": "/*"}, {"path": "/open/shut/?"}],
    "compositeIndexes": [
        [{"path": "/type", "order": "ascending"}, {"path": "/n", "order": "descending"}],
    ],
}


async def ask(container: ContainerProxy, query: str, **parameters: Any) -> list[Any]:
    named = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
    return [found async for found in container.query_items(query, parameters=named, partition_key="u")]


@pytest.fixture
async def filled(container: ContainerProxy) -> ContainerProxy:
    for n in range(1, 6):
        await container.create_item(
            {
                "id": f"i{n}",
                "user_id": "u",
                "n": n,
                "type": "odd" if n % 2 else "even",
                "tags": ["all", f"t{n}"],
                "log": {"bytes": 10 * n, "messages": [{"id": f"m{n}{k}", "text": f"Hello {k}"} for k in range(n)]},
            }
        )
    await container.create_item({"id": "bare", "user_id": "u"})
    await container.create_item({"id": "i1", "user_id": "v", "n": 1, "type": "odd"})
    return container


@pytest.fixture
async def indexed(database: DatabaseProxy) -> ContainerProxy:
    return await database.create_container("indexed", PartitionKey("/user_id"), indexing_policy=POLICY)


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("SELECT VALUE c.id FROM c", ["i1", "i2", "i3", "i4", "i5", "bare"]),
        ("SELECT VALUE c.id FROM c WHERE c.type = 'odd'", ["i1", "i3", "i5"]),
        ("SELECT VALUE c.id FROM c WHERE c['type'] = \"odd\" AND c.n > 1", ["i3", "i5"]),
        ("SELECT VALUE c.id FROM c WHERE c.type = 'odd' OR c.n = 2", ["i1", "i2", "i3", "i5"]),
        ("SELECT VALUE c.id FROM c WHERE NOT (c.type = 'odd')", ["i2", "i4"]),
        ("SELECT VALUE c.id FROM c WHERE c.n IN (2, 3)", ["i2", "i3"]),
        ("SELECT VALUE c.id FROM c WHERE c.n BETWEEN 2 AND 3", ["i2", "i3"]),
        ("SELECT VALUE c.id FROM c WHERE NOT (c.n IN (2, 3))", ["i1", "i4", "i5"]),
        ("SELECT VALUE c.n FROM c ORDER BY c.n DESC", [5, 4, 3, 2, 1]),
        ("SELECT VALUE c.id FROM c ORDER BY c.log.bytes DESC", ["i5", "i4", "i3", "i2", "i1", "bare"]),
        ("SELECT TOP 2 VALUE c.n FROM c ORDER BY c.n DESC", [5, 4]),
        ("SELECT VALUE c.id FROM c WHERE c.n > 0 ORDER BY c.n OFFSET 1 LIMIT 2", ["i2", "i3"]),
        ("SELECT c.id, c.log.bytes AS size FROM c WHERE c.n = 1", [{"id": "i1", "size": 10}]),
        ("SELECT c.missing, c.id FROM c WHERE c.n = 1", [{"id": "i1"}]),
        ("SELECT VALUE {'name': c.id, 'more': [c.n, c.missing]} FROM c WHERE c.n = 1", [{"name": "i1", "more": [1]}]),
        ("SELECT VALUE COUNT(1) FROM c", [6]),
        ("SELECT VALUE COUNT(c.n) FROM c", [5]),
        ("SELECT VALUE SUM(c.n) FROM c", [15]),
        ("SELECT VALUE MAX(c.n) FROM c WHERE c.type = 'even'", [4]),
        ("SELECT VALUE MIN(c.n) FROM c WHERE c.type = 'even'", [2]),
        ("SELECT COUNT(1) AS many, MAX(c.n) AS most FROM c", [{"many": 6, "most": 5}]),
        ("SELECT DISTINCT VALUE c.type FROM c WHERE c.n > 0", ["odd", "even"]),
        ("SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.tags, 't2')", ["i2"]),
        ("SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.log.messages, {'id': 'm54'}, true)", ["i5"]),
        ("SELECT VALUE c.id FROM c WHERE NOT ARRAY_CONTAINS(c.tags, 'all')", []),
        ("SELECT VALUE ARRAY_LENGTH(c.log.messages) FROM c", [1, 2, 3, 4, 5]),
        ("SELECT VALUE ARRAY_SLICE(c.tags, -1) FROM c WHERE c.n = 2", [["t2"]]),
        ("SELECT VALUE ARRAY_SLICE(c.tags, -9) FROM c WHERE c.n = 2", [["all", "t2"]]),
        ("SELECT VALUE ARRAY_SLICE(c.tags, 0, 1) FROM c WHERE c.n = 2", [["all"]]),
        ("SELECT VALUE m.id FROM c JOIN m IN c.log.messages WHERE c.n = 3", ["m30", "m31", "m32"]),
        ("SELECT VALUE m.id FROM m IN c.log.messages WHERE m.text = 'Hello 3'", ["m43", "m53"]),
        (
            "SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE m FROM m IN c.log.messages WHERE m.text = 'Hello 3')",
            ["i4", "i5"],
        ),
        (
            "SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE 1 FROM m IN c.log.messages WHERE CONTAINS(m.text, 'O 3', true))",  # noqa: E501 - a query reads best in one piece
            ["i4", "i5"],
        ),
        ("SELECT VALUE c.id FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.id)", []),
        ("SELECT VALUE c.id FROM c WHERE CONTAINS(c.type, 'DD', true)", ["i1", "i3", "i5"]),
        ("SELECT VALUE c.id FROM c WHERE CONTAINS(c.type, 'DD')", []),
        ("SELECT VALUE c.id FROM c WHERE LOWER(c.type) = 'even'", ["i2", "i4"]),
        ("SELECT VALUE c.id FROM c WHERE ((((((((((c.n = 1))))))))))", ["i1"]),
    ],
)
async def test_a_query_finds(filled: ContainerProxy, query: str, results: list[Any]) -> None:
    assert await ask(filled, query) == results


async def test_parameters_are_values_and_never_sql(filled: ContainerProxy) -> None:
    assert await ask(filled, "SELECT VALUE c.id FROM c WHERE c.type = @type", type="odd' OR '1'='1") == []
    assert await ask(filled, "SELECT VALUE c.id FROM c WHERE c.type = @type", type="even") == ["i2", "i4"]


async def test_a_parameter_may_be_a_list_or_an_object(filled: ContainerProxy) -> None:
    assert await ask(filled, "SELECT VALUE c.id FROM c WHERE c.tags = @tags", tags=["all", "t2"]) == ["i2"]
    query = "SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.log.messages, @message, true)"
    assert await ask(filled, query, message={"id": "m54"}) == ["i5"]


async def test_bounds_may_be_parameters(filled: ContainerProxy) -> None:
    query = "SELECT VALUE c.n FROM c WHERE c.n > 0 ORDER BY c.n OFFSET @from LIMIT @most"

    assert await ask(filled, query, **{"from": 1, "most": 2}) == [2, 3]


async def test_a_whole_item_comes_with_its_system_fields(filled: ContainerProxy) -> None:
    [found] = await ask(filled, "SELECT * FROM c WHERE c.id = 'i2'")

    assert found == await filled.read_item("i2", "u")


async def test_values_are_ordered_by_type_and_the_undefined_come_first(container: ContainerProxy) -> None:
    for name, value in [("s", "a"), ("n", 1), ("b", False), ("null", None)]:
        await container.create_item({"id": name, "user_id": "u", "v": value})
    await container.create_item({"id": "none", "user_id": "u"})

    assert await ask(container, "SELECT VALUE c.id FROM c ORDER BY c.v") == ["none", "null", "b", "n", "s"]


@pytest.mark.parametrize(
    "order", ["c.type, c.n DESC", "c.type DESC, c.n", "c.n", "c.log.bytes", "c.open.x", "c.id", "c._ts"]
)
async def test_an_order_that_an_index_serves_is_answered(indexed: ContainerProxy, order: str) -> None:
    assert await ask(indexed, f"SELECT * FROM c ORDER BY {order}") == []


@pytest.mark.parametrize(
    "order",
    ["c.type, c.n", "c.n DESC, c.type", "c.type, c.n DESC, c.id", "c.other", "c.log", "c.open.shut", "c.user_id"],
)
async def test_an_order_without_an_index_is_400(indexed: ContainerProxy, order: str) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await ask(indexed, f"SELECT * FROM c ORDER BY {order}")

    assert refusal.value.status_code == 400


async def test_several_properties_are_ordered_one_after_the_other(indexed: ContainerProxy) -> None:
    for name, kind, n in [("a", "x", 1), ("b", "y", 1), ("c", "x", 2)]:
        await indexed.create_item({"id": name, "user_id": "u", "type": kind, "n": n})

    assert await ask(indexed, "SELECT VALUE c.id FROM c ORDER BY c.type, c.n DESC") == ["c", "a", "b"]


@pytest.mark.parametrize("order", ["", "ORDER BY c.type", "ORDER BY c.type DESC", "ORDER BY c.n DESC"])
async def test_pages_continue_where_the_last_one_ended(filled: ContainerProxy, order: str) -> None:
    query = f"SELECT VALUE c.id FROM c {order}"

    pages = filled.query_items(query, partition_key="u", max_item_count=2).by_page()
    paged = [[found async for found in page] async for page in pages]

    assert [len(page) for page in paged] == [2, 2, 2]
    assert [found for page in paged for found in page] == await ask(filled, query)


async def test_a_join_is_paged_within_an_item(filled: ContainerProxy) -> None:
    query = "SELECT VALUE m.id FROM c JOIN m IN c.log.messages"

    pages = filled.query_items(query, partition_key="u", max_item_count=2).by_page()
    paged = [found async for page in pages async for found in page]

    assert paged == await ask(filled, query)


async def test_a_continuation_survives_changes_before_and_after_it(filled: ContainerProxy) -> None:
    query = "SELECT VALUE c.n FROM c WHERE c.n > 0 ORDER BY c.n"
    pages = filled.query_items(query, partition_key="u", max_item_count=2).by_page()
    first = [found async for found in await anext(pages)]
    await filled.delete_item("i1", "u")
    await filled.delete_item("i3", "u")

    rest = filled.query_items(query, partition_key="u").by_page(pages.continuation_token)

    assert first == [1, 2]
    assert [found async for page in rest async for found in page] == [4, 5]


async def test_limit_counts_over_all_pages(filled: ContainerProxy) -> None:
    query = "SELECT VALUE c.n FROM c WHERE c.n > 0 ORDER BY c.n OFFSET 1 LIMIT 3"

    pages = filled.query_items(query, partition_key="u", max_item_count=2).by_page()

    assert [[found async for found in page] async for page in pages] == [[2, 3], [4]]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # aiohttp's, over 1 MB
async def test_a_page_has_at_most_four_megabytes(container: ContainerProxy) -> None:
    for n in range(6):
        await container.create_item({"id": str(n), "user_id": "u", "text": "x" * 1024 * 1024})

    pages = container.query_items("SELECT * FROM c", partition_key="u", max_item_count=100).by_page()

    assert [len([found async for found in page]) async for page in pages] == [3, 3]


async def test_a_page_has_100_results_unless_asked_otherwise(raw: RawContainer, container: ContainerProxy) -> None:
    for n in range(101):
        await container.create_item({"id": str(n), "user_id": "u"})

    page = await raw.query("SELECT VALUE c.id FROM c")
    whole = await raw.query("SELECT VALUE c.id FROM c", **{"x-ms-max-item-count": "-1"})

    assert (await page.json())["_count"] == 100
    assert (await whole.json())["_count"] == 101


@pytest.mark.parametrize(
    "query",
    [
        "SELEKT 1",
        "SELECT * FROM c WHERE",
        "SELECT * WHERE c.n = 1 FROM c",
        "SELECT * FROM c OFFSET 1",
        "SELECT * FROM c OFFSET -1 LIMIT 1",
        "SELECT TOP x * FROM c",
        "SELECT NO_SUCH(c.n) FROM c",
        "SELECT * FROM c WHERE c.order = 1",
    ],
)
async def test_a_query_that_cannot_be_read_is_400(filled: ContainerProxy, query: str) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await ask(filled, query)

    assert refusal.value.status_code == 400


async def test_all_items_of_a_container_can_be_read_as_a_feed(filled: ContainerProxy) -> None:
    assert len([found async for found in filled.read_all_items()]) == 7
