"""What a Patch condition means, alone and beside the SQL engine somebody else wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

    from .raw import RawContainer

ITEM = {
    "id": "1",
    "user_id": "u",
    "status": "Active",
    "n": 5,
    "zero": 0,
    "yes": True,
    "no": False,
    "nothing": None,
    "quote": 'it\'s "so" \\ é',
    "messages": [{"id": "m1", "role": "user", "meta": {"a": 1, "b": 2}}, {"id": "M2", "role": "select"}],
    "tags": ["x", "Y"],
    "log": {"bytes": 10, "previous_bytes": 5},
    "with space": 1,
}

HOLDS = [
    "c.status = 'Active'",
    'c.status = "Active"',
    'c["status"] = "Active"',
    'c["with space"] = 1',
    "c.status != 'active'",
    "c.n <> 4 AND c.n >= 5 and c.n <= 5 And c.n > 4.5 AND c.n < 1e3",
    "c.log.bytes + c.log.previous_bytes < 16",
    "c.log.bytes - 2 * 3 = 4",
    "-c.n = -5",
    "c.n % 3 = 2 AND 10 / 4 = 2.5",
    "c.yes",
    "NOT c.no",
    "NOT (c.n = 6)",
    "c.no OR c.yes AND c.n = 5",
    "(((((((((((c.n = 5)))))))))))",
    "c.nothing = null",
    "IS_NULL(c.nothing)",
    "IS_DEFINED(c.nothing)",
    "NOT IS_DEFINED(c.missing)",
    "NOT IS_DEFINED(c.missing.deeper.still)",
    "NOT IS_DEFINED(c.status.length)",
    "NOT IS_DEFINED(c.log.toString)",
    "c.n IN (1, 5)",
    "c.status IN ('a', 'Active')",
    "c.n NOT IN (1, 2)",
    "c.n BETWEEN 5 AND 6",
    "c.quote = 'it\\'s \"so\" \\\\ \\u00e9'",
    "ARRAY_CONTAINS(c.tags, 'x')",
    "NOT ARRAY_CONTAINS(c.tags, 'y')",
    "array_contains(c.messages, {'id': 'm1'}, true)",
    'ARRAY_CONTAINS(c.messages, {"role": "select", "id": "M2"})',
    "ARRAY_CONTAINS(c.messages, {id: 'm1', meta: {a: 1}}, true)",
    "NOT ARRAY_CONTAINS(c.messages, {'id': 'm2'}, true)",
    "NOT ARRAY_CONTAINS(c.messages, {'id': 'm1'})",
    "NOT ARRAY_CONTAINS(c.messages, {'id': 'm1'}, false)",
    "ARRAY_LENGTH(c.messages) = 2",
    "LENGTH(c.status) = 6",
    "STARTSWITH(c.status, 'Act') AND ENDSWITH(c.status, 'ive')",
    "STARTSWITH(c.status, 'act', true)",
    "CONTAINS(c.status, 'CTI', true) AND NOT CONTAINS(c.status, 'CTI')",
    "LOWER(c.status) = 'active'",
    "c.messages[0].id = 'm1'",
    "c.messages[1].role = 'select'",
    "(c.missing ?? 7) = 7",
    "(c.yes ? 1 : 2) = 1",
    "c.missing = 1 OR c.n = 5",
    "NOT (c.missing = 1 AND c.no)",
]

DOES_NOT_HOLD = [
    "c.n",
    "c.missing",
    "NOT c.missing",
    "c.missing = 1",
    "c.missing != 1",
    "NOT (c.missing = 1)",
    "c.missing < 1",
    "c.missing = c.missing",
    "c.missing + 1 > 0",
    "c.missing = 1 AND c.n = 5",
    "c.missing IN (1, 2)",
    "NOT (c.missing IN (1, 2))",
    "NOT (c.missing BETWEEN 1 AND 2)",
    "NOT ARRAY_CONTAINS(c.missing, 1)",
    "ARRAY_CONTAINS(c.missing, 1)",
    "NOT ARRAY_CONTAINS(c.status, 'Active')",
    "ARRAY_LENGTH(c.missing) < 1",
    "NOT CONTAINS(c.missing, 'x')",
    "c.n = '5'",
    "c.n != '5'",
    "c.n < '6'",
    "NOT (c.n = '5')",
    "c.nothing != 1",
    "c.status = 'active'",
    "c.log != {'bytes': 10}",
    "NOT c.n = 6",
    "NOT c.n",
    "c.zero",
]

UNREADABLE = [
    "",
    "c.n = 5",
    "FROM c",
    "FROM c WHERE",
    "SELECT * FROM c WHERE c.n = 5",
    "FROM c WHERE c.n = ",
    "FROM c WHERE c.n == 5",
    "FROM c WHERE c.n = 5 c.n = 5",
    "FROM c WHERE (c.n = 5",
    "FROM c WHERE c.n = 'open",
    "FROM c WHERE d.n = 5",
    "FROM c WHERE C.n = 5",
    "FROM c WHERE c.n = @parameter",
    "FROM c WHERE NO_SUCH_FUNCTION(c.n)",
    "FROM c WHERE ARRAY_CONTAINS(c.tags)",
    "FROM c WHERE c.order = 1",
    "FROM c WHERE c.n = 5; DROP",
]


async def passes(raw: RawContainer, condition: str) -> bool:
    body = {"operations": [{"op": "set", "path": "/touched", "value": 1}], "condition": condition}
    return {200: True, 412: False}[(await raw.patch("1", body)).status]


async def selects(container: ContainerProxy, test: str) -> bool:
    query = f"SELECT VALUE c.id FROM c WHERE {test}"
    return [found async for found in container.query_items(query, partition_key="u")] == ["1"]


@pytest.mark.parametrize("test", HOLDS)
async def test_a_condition_holds(container: ContainerProxy, raw: RawContainer, test: str) -> None:
    await container.create_item(ITEM)

    assert await passes(raw, f"FROM c WHERE {test}")


@pytest.mark.parametrize("test", DOES_NOT_HOLD)
async def test_a_condition_that_is_false_or_undefined_does_not_hold(
    container: ContainerProxy, raw: RawContainer, test: str
) -> None:
    await container.create_item(ITEM)

    assert not await passes(raw, f"FROM c WHERE {test}")


# The engine's grammar has no `NOT IN` and no exponents, and it finds what every JavaScript object inherits.
ENGINE_LACKS = ("NOT IN", "1e3", "toString")


@pytest.mark.parametrize("test", [t for t in HOLDS + DOES_NOT_HOLD if not any(gap in t for gap in ENGINE_LACKS)])
async def test_a_query_and_a_condition_mean_the_same(container: ContainerProxy, raw: RawContainer, test: str) -> None:
    await container.create_item(ITEM)

    assert await selects(container, test) == await passes(raw, f"FROM c WHERE {test}")


@pytest.mark.parametrize("condition", UNREADABLE)
async def test_a_condition_that_cannot_be_read_is_400(
    container: ContainerProxy, raw: RawContainer, condition: str
) -> None:
    await container.create_item(ITEM)

    answer = await raw.patch("1", {"operations": [{"op": "set", "path": "/x", "value": 1}], "condition": condition})

    assert answer.status == 400


@pytest.mark.parametrize("head", ["FROM c WHERE", "from c where", "FROM root c WHERE", "FROM items AS c\nWHERE"])
async def test_an_item_may_go_by_any_name(container: ContainerProxy, raw: RawContainer, head: str) -> None:
    await container.create_item(ITEM)

    assert await passes(raw, f"{head} c.n = 5")


async def test_text_in_a_literal_is_never_taken_for_sql(container: ContainerProxy, raw: RawContainer) -> None:
    text = "SELECT ' OR true -- \" \\ FROM c WHERE"
    item: dict[str, Any] = {**ITEM, "text": text}
    await container.create_item(item)
    literal = text.replace("\\", "\\\\").replace("'", "\\'")

    assert await passes(raw, f"FROM c WHERE c.text = '{literal}'")
    assert not await passes(raw, f"FROM c WHERE c.text != '{literal}'")
