"""Requests without the SDK, where it hides what the server answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True)
class RawContainer:
    """The items of one container, asked over bare HTTP within partition "u"."""

    http: aiohttp.ClientSession
    address: str

    async def get(self, item: str, **headers: str) -> aiohttp.ClientResponse:
        """Read an item."""
        return await self._send("GET", f"/{item}", None, headers)

    async def patch(self, item: str, body: Any, **headers: str) -> aiohttp.ClientResponse:
        """Patch an item."""
        return await self._send("PATCH", f"/{item}", body, headers)

    async def post(self, body: Any, **headers: str) -> aiohttp.ClientResponse:
        """Create an item, or whatever the headers make of it."""
        return await self._send("POST", "", body, headers)

    async def query(self, query: str, **headers: str) -> aiohttp.ClientResponse:
        """Ask for one page of a query's results."""
        return await self.post({"query": query}, **{"Content-Type": "application/query+json", **headers})

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> aiohttp.ClientResponse:
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        sent = {"x-ms-documentdb-partitionkey": '["u"]', "Content-Type": "application/json", **headers}
        answer = await self.http.request(method, self.address + path, data=data, headers=sent)
        await answer.read()
        return answer
