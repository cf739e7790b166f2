"""A client of the API: one user's requests over a real socket, and what was answered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from yarl import URL

NO_BODY = object()
refused_before_any_store_is_asked = pytest.mark.parametrize("store_name", ["sqlite"], indirect=True)
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Answer:
    """An answer as it came: status, headers (their names in any case) and bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of a problem document that agrees with its own answer."""
        assert self.headers["content-type"] == PROBLEM, self
        assert self.json["status"] == self.status
        assert self.json["request_id"] == self.headers["x-request-id"]
        return self.status, self.json["code"]


@dataclass(frozen=True)
class Client:
    """Speaks to the API under `url` for one user, or for nobody in particular."""

    http: aiohttp.ClientSession
    url: str
    user: str | None

    def speaking_for(self, user: str | None) -> "Client":
        """Return a client of the same server for another user."""
        return Client(self.http, self.url, user)

    async def send(
        self, method: str, path: str, body: object = NO_BODY, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send JSON, or bytes as they are, to a path that is encoded already."""
        sent = dict(headers or {})
        if self.user is not None:
            sent.setdefault("x-user-id", self.user)
        data = None if body is NO_BODY else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("content-type", "application/json")
        request = self.http.request(method, URL(self.url + path, encoded=True), data=data, headers=sent)
        async with request as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        """GET, with headers whose names have underscores for hyphens."""
        return await self.send("GET", path, headers=_named(headers))

    async def post(self, path: str, body: object = NO_BODY, **headers: str) -> Answer:
        """POST, with headers as in `get`."""
        return await self.send("POST", path, body, _named(headers))

    async def patch(self, path: str, body: object = NO_BODY, **headers: str) -> Answer:
        """PATCH, with headers as in `get`."""
        return await self.send("PATCH", path, body, _named(headers))

    async def delete(self, path: str, **headers: str) -> Answer:
        """DELETE, with headers as in `get`."""
        return await self.send("DELETE", path, headers=_named(headers))


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def spoken(content: object = "Hello", **fields: object) -> dict[str, object]:
    """Return a user's message to send."""
    return {"role": "user", "content": content, **fields}


async def a_session(api: Client, **fields: object) -> dict[str, Any]:
    """Create a session and return it."""
    answer = await api.post("/api/chat/sessions", fields)
    assert answer.status == 201, answer
    return answer.json


async def a_talk(api: Client, *contents: object, **fields: object) -> str:
    """Create a session in which a user said all this, twenty at a time; return where its messages are."""
    session = await a_session(api, **fields)
    path = f"/api/chat/sessions/{session['id']}/messages"
    for start in range(0, len(contents), 20):
        batch = [spoken(content) for content in contents[start : start + 20]]
        answer = await api.post(path, {"messages": batch})
        assert answer.status == 201, answer
    return path


def numbered(count: int) -> list[str]:
    """Return contents that number messages from 1."""
    return [f"message {number}" for number in range(1, count + 1)]


def contents(answer: Answer) -> list[object]:
    """Return what the messages of a page say, in its order."""
    return [message["content"] for message in answer.json["data"]]


def seqs(answer: Answer) -> list[int]:
    """Return the numbers of the messages of a page, in its order."""
    return [message["seq"] for message in answer.json["data"]]


async def every_page(api: Client, path: str, cursor: str = "") -> list[list[Any]]:
    """Follow a list from this path, which has a query already, or from a cursor, to its end."""
    pages = []
    while True:
        answer = await api.get(path + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status == 200, answer
        pages.append(answer.json["data"])
        assert answer.json["has_more"] == (answer.json["next_cursor"] is not None)
        if not answer.json["has_more"]:
            return pages
        cursor = answer.json["next_cursor"]
