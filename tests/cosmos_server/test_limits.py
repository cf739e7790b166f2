"""Limits (learn: cosmos-db/concepts-limits)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

    from .raw import RawContainer

# aiohttp warns of bodies over 1 MB; here they are the point.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

MEGABYTE = 1024 * 1024


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "user_id": "u", **fields}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


async def test_an_item_just_under_two_megabytes_fits(container: ContainerProxy) -> None:
    made = await container.create_item(item(text="x" * (2 * MEGABYTE - 1000)))

    assert len(made["text"]) == 2 * MEGABYTE - 1000


async def test_a_request_over_two_megabytes_is_413(raw: RawContainer) -> None:
    assert (await raw.post(item(text="x" * (2 * MEGABYTE)))).status == 413


async def test_a_connection_outlives_a_request_that_was_too_large(raw: RawContainer) -> None:
    await raw.post(item(text="x" * (2 * MEGABYTE)))

    assert (await raw.post(item())).status == 201


async def test_an_item_patched_over_two_megabytes_is_413_and_unchanged(container: ContainerProxy) -> None:
    await container.create_item(item(text="x" * (MEGABYTE + 1)))

    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.patch_item("1", "u", [{"op": "add", "path": "/more", "value": "x" * MEGABYTE}])

    assert refusal.value.status_code == 413
    assert "more" not in await container.read_item("1", "u")


async def test_size_is_measured_in_bytes_of_utf8(raw: RawContainer) -> None:
    text = "👋" * (MEGABYTE // 4 + 1)
    made = await raw.post(json.dumps(item(text=text), ensure_ascii=False).encode())

    grown = await raw.patch("1", {"operations": [{"op": "add", "path": "/more", "value": "x" * MEGABYTE}]})

    assert (made.status, grown.status) == (201, 413)


@pytest.mark.parametrize("name", ["a/b", "a\\b", "a?b", "a#b", "x" * 1024, ""])
async def test_an_id_that_is_not_allowed_is_400(raw: RawContainer, name: str) -> None:
    assert (await raw.post(item(id=name))).status == 400


async def test_an_id_of_1023_bytes_is_allowed(raw: RawContainer) -> None:
    assert (await raw.post(item(id="x" * 1023))).status == 201


async def test_a_partition_key_over_2048_bytes_is_400(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.create_item(item(user_id="x" * 2100))

    assert refusal.value.status_code == 400


async def test_nesting_of_128_levels_is_allowed_and_more_is_400(raw: RawContainer) -> None:
    answers = [(await raw.post(item(id=str(levels), deep=nested(levels - 1)))).status for levels in (128, 129)]

    assert answers == [201, 400]
