"""Connections of the asynchronous client: they belong to the loop, and to the process, that opened them."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import httpx2

from parley_client.process import Process, this_process

Loop = tuple[Process, asyncio.AbstractEventLoop]
Opened = tuple[httpx2.AsyncClient, AsyncGenerator[httpx2.AsyncClient, None]]


class LoopConnections:
    """One HTTP client in each running loop of each process; safe to share between threads."""

    def __init__(self, make: Callable[[], httpx2.AsyncClient]) -> None:
        """Make HTTP clients so."""
        self._make = make
        self._opened: dict[Loop, Opened] = {}

    async def here(self) -> httpx2.AsyncClient:
        """Return the running loop's own HTTP client; it is closed when that loop ends, if not before."""
        place = (this_process(), asyncio.get_running_loop())
        found = self._opened.get(place)
        if found and not found[0].is_closed:
            return found[0]
        for ended in [other for other in self._of_this_process() if other[1].is_closed()]:
            self._opened.pop(ended, None)
        generator = _opened(self._make())
        client = await anext(generator)
        self._opened[place] = (client, generator)
        return client

    async def close(self) -> None:
        """Close the running loop's connections; those of another one are let go of, so that it closes them itself."""
        for place in self._of_this_process():
            found = self._opened.pop(place, None)
            if found and place[1] is asyncio.get_running_loop():
                await found[1].aclose()

    def _of_this_process(self) -> list[Loop]:
        """Return where this process has opened something; what a parent opened is kept and left alone."""
        return [place for place in list(self._opened) if place[0] == this_process()]


async def _opened(client: httpx2.AsyncClient) -> AsyncGenerator[httpx2.AsyncClient, None]:
    """Yield a client and close it in the end.

    A loop ends such a generator before it is closed itself, and when nobody holds it any more: no other loop,
    and no later time, can close the connections.
    """
    process = this_process()
    try:
        yield client
    finally:
        if process == this_process():  # a child closes nothing of its parent's, not even in a loop that it inherited
            await client.aclose()
