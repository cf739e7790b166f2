"""Reading a turn's events, as a browser does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from shared.http.turn_events import Place
from tests.http.client import NO_BODY, Client


@dataclass(frozen=True)
class Event:
    """One event."""

    name: str
    id: str
    data: Any


class Stream:
    """The events of one answer, one after another."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._rest = b""

    async def next(self) -> Event | None:
        """Return the next event, None at the end; comments are passed by."""
        while True:
            while b"\n\n" not in self._rest:
                piece = await self.response.content.readany()
                if not piece:
                    return None
                self._rest += piece
            block, _, self._rest = self._rest.partition(b"\n\n")
            if not block.startswith(b":"):
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                return Event(fields["event"], fields["id"], json.loads(fields["data"]))

    async def all(self) -> list[Event]:
        """Return every event up to the end."""
        found = []
        while event := await self.next():
            found.append(event)
        return found


@asynccontextmanager
async def streaming(
    api: Client, method: str, path: str, body: object = NO_BODY, **headers: str
) -> AsyncIterator[Stream]:
    """Ask for the events of a turn; leaving the context closes the connection."""
    sent = {"x-user-id": str(api.user), "accept": "text/event-stream"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is NO_BODY else json.dumps(body).encode()
    if data is not None:
        sent["content-type"] = "application/json"
    url = URL(api.url + path, encoded=True)
    async with api.http.request(method, url, data=data, headers=sent) as response:
        try:
            yield Stream(response)
        finally:
            response.close()


def after(text: str) -> str:
    """Return the id of the event with which this text was told."""
    return str(Place().after(text))


def text_of(events: list[Event]) -> str:
    """Return the text that deltas have brought."""
    return "".join(event.data["text"] for event in events if event.name == "delta")
