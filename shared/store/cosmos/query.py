"""A query's rows, gathered from the SDK's pages."""

from collections.abc import Mapping
from typing import Any

from azure.cosmos.aio import ContainerProxy


async def collect(
    container: ContainerProxy,
    sql: str,
    parameters: Mapping[str, object],
    at_most: int | None,
    **scope: Any,  # noqa: ANN401 - the SDK's
) -> list[Any]:
    """Return the rows of a query, at most that many; `scope` is what else the SDK is told."""
    named = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
    found: list[Any] = []
    async for row in container.query_items(sql, parameters=named, max_item_count=at_most, retry_total=1, **scope):
        found.append(row)
        if len(found) == at_most:
            break
    return found
