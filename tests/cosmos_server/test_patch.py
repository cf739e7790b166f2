"""Partial document update (learn: cosmos-db/partial-document-update)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from azure.core import MatchConditions
from azure.cosmos.exceptions import CosmosAccessConditionFailedError, CosmosHttpResponseError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

    from .raw import RawContainer

START = {"id": "1", "user_id": "u", "a": {"b": 1}, "list": [1, 2], "n": 1, "text": "t", "nothing": None}
SYSTEM = {"_rid", "_self", "_etag", "_attachments", "_ts"}


def op(kind: str, path: str, *value: Any) -> dict[str, Any]:
    return {"op": kind, "path": path, **({"value": value[0]} if value else {})}


def move(source: str, path: str) -> dict[str, Any]:
    return {"op": "move", "from": source, "path": path}


def content(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in SYSTEM}


@pytest.fixture
async def start(container: ContainerProxy) -> None:
    await container.create_item(START)


@pytest.mark.usefixtures("start")
@pytest.mark.parametrize(
    ("operation", "changed"),
    [
        (op("add", "/new", {"x": 1}), {"new": {"x": 1}}),
        (op("add", "/n", 2), {"n": 2}),
        (op("add", "/a/c", 2), {"a": {"b": 1, "c": 2}}),
        (op("add", "/list/0", 0), {"list": [0, 1, 2]}),
        (op("add", "/list/2", 3), {"list": [1, 2, 3]}),
        (op("add", "/list/-", 3), {"list": [1, 2, 3]}),
        (op("add", "/with~1slash", 1), {"with/slash": 1}),
        (op("add", "/with~0tilde", 1), {"with~tilde": 1}),
        (op("add", "/__proto__", 1), {"__proto__": 1}),
        (op("set", "/new", 1), {"new": 1}),
        (op("set", "/n", None), {"n": None}),
        (op("set", "/list/0", 9), {"list": [9, 2]}),
        (op("replace", "/n", 2), {"n": 2}),
        (op("replace", "/list/1", 9), {"list": [1, 9]}),
        (op("replace", "/nothing", 9), {"nothing": 9}),
        (op("remove", "/list/0"), {"list": [2]}),
        (op("incr", "/n", 5), {"n": 6}),
        (op("incr", "/n", -1.5), {"n": -0.5}),
        (op("incr", "/a/new", 3), {"a": {"b": 1, "new": 3}}),
        (move("/a/b", "/n"), {"a": {}, "n": 1}),
        (move("/list/0", "/list/-"), {"list": [2, 1]}),
        (op("set", "/ttl", 60), {"ttl": 60}),
    ],
)
async def test_an_operation_does_what_is_documented(
    container: ContainerProxy, operation: dict[str, Any], changed: dict[str, Any]
) -> None:
    patched = await container.patch_item("1", "u", [operation])

    assert content(patched) == {**START, **changed}
    assert content(await container.read_item("1", "u")) == {**START, **changed}


@pytest.mark.usefixtures("start")
async def test_remove_takes_a_member_away(container: ContainerProxy) -> None:
    patched = await container.patch_item("1", "u", [op("remove", "/text")])

    assert "text" not in patched


@pytest.mark.usefixtures("start")
async def test_move_replaces_what_is_at_its_target(container: ContainerProxy) -> None:
    patched = await container.patch_item("1", "u", [move("/list", "/a"), op("add", "/list", [])])

    assert (patched["a"], patched["list"]) == ([1, 2], [])


@pytest.mark.usefixtures("start")
@pytest.mark.parametrize(
    "operation",
    [
        op("replace", "/missing", 1),
        op("replace", "/list/2", 1),
        op("remove", "/missing"),
        op("remove", "/list/2"),
        op("remove", "/toString"),
        op("add", "/missing/child", 1),
        op("add", "/n/child", 1),
        op("add", "/list/3", 1),
        op("add", "/list/x", 1),
        op("add", "no-slash", 1),
        op("add", "/new"),
        op("incr", "/text", 1),
        op("incr", "/nothing", 1),
        op("incr", "/n", "1"),
        op("copy", "/n", 1),
        move("/missing", "/n"),
        move("/a", "/a/b"),
        op("set", "/id", "2"),
        op("set", "/user_id", "v"),
        op("set", "/_ts", 1),
        op("set", "/_etag", "x"),
        move("/id", "/copy"),
        op("set", "/ttl", 0),
    ],
)
async def test_an_operation_that_cannot_be_is_400_and_changes_nothing(
    container: ContainerProxy, raw: RawContainer, operation: dict[str, Any]
) -> None:
    answer = await raw.patch("1", {"operations": [op("set", "/n", 99), operation]})

    assert answer.status == 400
    assert content(await container.read_item("1", "u")) == START


@pytest.mark.usefixtures("start")
async def test_operations_are_applied_in_order(container: ContainerProxy) -> None:
    operations = [move("/list", "/old"), op("add", "/list", []), op("add", "/list/-", 3), op("incr", "/n", 1)]

    patched = await container.patch_item("1", "u", operations)

    assert content(patched) == {**START, "old": [1, 2], "list": [3], "n": 2}


@pytest.mark.usefixtures("start")
async def test_ten_operations_are_allowed_and_eleven_are_not(raw: RawContainer) -> None:
    answers = [(await raw.patch("1", {"operations": [op("incr", "/n", 1)] * n})).status for n in (10, 11)]

    assert answers == [200, 400]


@pytest.mark.usefixtures("start")
async def test_a_patch_without_operations_is_400(raw: RawContainer) -> None:
    assert (await raw.patch("1", {"operations": []})).status == 400


@pytest.mark.usefixtures("start")
async def test_a_condition_that_holds_lets_the_patch_through(container: ContainerProxy) -> None:
    patched = await container.patch_item("1", "u", [op("set", "/n", 2)], filter_predicate="FROM c WHERE c.n = 1")

    assert patched["n"] == 2


@pytest.mark.usefixtures("start")
async def test_a_condition_that_does_not_hold_is_412_and_changes_nothing(container: ContainerProxy) -> None:
    with pytest.raises(CosmosAccessConditionFailedError):
        await container.patch_item("1", "u", [op("set", "/n", 9)], filter_predicate="FROM c WHERE c.n = 2")

    assert content(await container.read_item("1", "u")) == START


@pytest.mark.usefixtures("start")
async def test_a_condition_looks_at_the_one_item_only(container: ContainerProxy) -> None:
    await container.create_item({**START, "id": "other", "n": 2})
    await container.create_item({**START, "user_id": "v", "n": 2})

    with pytest.raises(CosmosAccessConditionFailedError):
        await container.patch_item("1", "u", [op("set", "/n", 9)], filter_predicate="FROM c WHERE c.n = 2")


@pytest.mark.usefixtures("start")
async def test_a_condition_and_an_etag_must_both_hold(container: ContainerProxy) -> None:
    old = (await container.read_item("1", "u"))["_etag"]
    await container.patch_item("1", "u", [op("set", "/x", 1)])

    with pytest.raises(CosmosAccessConditionFailedError):
        await container.patch_item(
            "1",
            "u",
            [op("set", "/n", 9)],
            filter_predicate="FROM c WHERE c.n = 1",
            etag=old,
            match_condition=MatchConditions.IfNotModified,
        )


async def test_a_missing_item_is_404_whatever_the_condition(raw: RawContainer) -> None:
    body = {"operations": [op("set", "/n", 1)], "condition": "FROM c WHERE false"}

    assert (await raw.patch("1", body)).status == 404


async def test_of_many_patches_at_once_none_is_lost(container: ContainerProxy) -> None:
    await container.create_item({"id": "1", "user_id": "u", "list": []})

    await asyncio.gather(*(container.patch_item("1", "u", [op("add", "/list/-", n)]) for n in range(50)))

    assert sorted((await container.read_item("1", "u"))["list"]) == list(range(50))


@pytest.mark.usefixtures("start")
async def test_a_patch_that_asked_for_no_response_answers_an_empty_body(raw: RawContainer) -> None:
    answer = await raw.patch("1", {"operations": [op("set", "/n", 2)]}, Prefer="return=minimal")

    assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.usefixtures("start")
async def test_an_item_patched_by_the_answer_alone_has_its_new_etag(container: ContainerProxy) -> None:
    before = (await container.read_item("1", "u"))["_etag"]

    patched = await container.patch_item("1", "u", [op("set", "/n", 2)])

    assert patched["_etag"] not in ("", before)
    assert patched["_etag"] == (await container.read_item("1", "u"))["_etag"]


async def test_the_sdk_reports_what_is_wrong_with_a_condition(container: ContainerProxy) -> None:
    await container.create_item(START)

    with pytest.raises(CosmosHttpResponseError, match="Syntax error"):
        await container.patch_item("1", "u", [op("set", "/n", 2)], filter_predicate="FROM c WHERE c.n ==== 2")
