"""Request charges, at the sizes Microsoft publishes (learn: cosmos-db/key-value-store-cost)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

KILOBYTE = 1024


def sized(kilobytes: int) -> dict[str, Any]:
    return {"id": "1", "user_id": "u", "text": "x" * (kilobytes * KILOBYTE - 260)}


def charge(answer: Any) -> float:
    return float(answer.get_response_headers()["x-ms-request-charge"])


@pytest.mark.parametrize(("kilobytes", "units"), [(1, 1), (100, 10)])
async def test_a_read_costs_by_size(container: ContainerProxy, kilobytes: int, units: float) -> None:
    await container.create_item(sized(kilobytes))

    assert charge(await container.read_item("1", "u")) == pytest.approx(units, abs=0.05)


@pytest.mark.parametrize(("kilobytes", "units"), [(1, 5.5), (100, 50)])
async def test_an_insert_costs_by_size(container: ContainerProxy, kilobytes: int, units: float) -> None:
    assert charge(await container.create_item(sized(kilobytes))) == pytest.approx(units, abs=0.1)


@pytest.mark.parametrize(("kilobytes", "units"), [(1, 11), (16, 25), (100, 100)])
async def test_a_patch_costs_like_replacing_the_whole_item(
    container: ContainerProxy, kilobytes: int, units: float
) -> None:
    await container.create_item(sized(kilobytes))

    patched = await container.patch_item("1", "u", [{"op": "set", "path": "/n", "value": 1}])
    replaced = await container.replace_item("1", sized(kilobytes))

    assert charge(patched) == pytest.approx(units, abs=0.6)
    assert charge(replaced) == pytest.approx(charge(patched), abs=0.1)


async def test_a_query_costs_more_than_the_read_of_what_it_returns(container: ContainerProxy) -> None:
    await container.create_item(sized(100))
    charges: list[float] = []

    found = container.query_items(
        "SELECT * FROM c",
        partition_key="u",
        response_hook=lambda headers, _: charges.append(float(headers["x-ms-request-charge"])),
    )
    _ = [item async for item in found]

    assert charges == [pytest.approx(12.3, abs=0.1)]
