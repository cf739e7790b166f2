"""The asynchronous client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import httpx

from parley_client import calls
from parley_client.calls import Call, JsonObject
from parley_client.client import TIMEOUT_SECONDS
from parley_client.connections import LoopConnections
from parley_client.exchange import LOST, Outcome, Patience, Send, exchange, json_of, lines_of
from parley_client.freshness import Freshness
from parley_client.process import PerProcess
from parley_client.settings import Server


class AsyncParley:
    """Speaks to Parley for one user, as Parley does, without blocking the loop; in any loop, also in several."""

    def __init__(
        self,
        url: str | None = None,
        user: str | None = None,
        *,
        function_key: str | None = None,
        patience: Patience | None = None,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        """Take PARLEY_URL and PARLEY_FUNCTION_KEY where nothing is given; `user` None where a user is signed in.

        `transport` makes what carries the requests of one loop.
        """
        server = Server.of(url, function_key)
        certificates = PerProcess(httpx.create_ssl_context)  # 24 ms each (measured): too much for every loop

        def connect() -> httpx.AsyncClient:
            made = transport and transport()
            return httpx.AsyncClient(
                base_url=server.url, headers=server.headers(), verify=certificates.here(), transport=made
            )

        self._http = LoopConnections(connect)
        self._freshness = Freshness()
        self._user = user
        self._patience = patience or Patience()

    @classmethod
    def in_process(cls, user: str | None = None, *, patience: Patience | None = None) -> Self:
        """Call the functions of the project in this process, without a socket; it must be importable."""
        from parley_client.in_process import AsyncFunctionsTransport  # noqa: PLC0415 - only who asks needs the project

        return cls("http://in-process", user, patience=patience, transport=AsyncFunctionsTransport)

    def speaking_for(self, user: str | None) -> "AsyncParley":
        """Return a client for another user, which shares the connections and is closed with this one."""
        other = object.__new__(type(self))
        other._http, other._freshness, other._patience, other._user = self._http, self._freshness, self._patience, user
        return other

    async def close(self) -> None:
        """Close this process's connections, those of other loops too; a later request opens new ones."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def create_session(self, **fields: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Create a session; with an `id` of one's own a repeat is refused with `session_exists`."""
        return await self._json(calls.create_session(fields))

    async def append(self, session_id: str, *messages: JsonObject) -> JsonObject:
        """Append 1 to 20 messages, all or none."""
        return await self._json(calls.append(session_id, messages))

    async def append_anywhere(self, *messages: JsonObject, **target: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Append to `session_id`, which is made if need be (`channel`, `session_name`), or to a new session."""
        return await self._json(calls.append_anywhere(messages, target))

    async def read_session(self, session_id: str, limit: int = 50) -> JsonObject:
        """Return a session with its newest messages, oldest of them first."""
        return await self._json(calls.read_session(session_id, limit))

    def sessions(self, **filters: Any) -> AsyncIterator[JsonObject]:  # noqa: ANN401 - the API's parameters
        """Yield sessions, last activity first."""
        return self._pages(calls.list_sessions(filters))

    def messages(self, session_id: str, order: str = "asc", **query: Any) -> AsyncIterator[JsonObject]:  # noqa: ANN401 - as above
        """Yield a session's messages to the last one, oldest first unless told otherwise."""
        return self._pages(calls.list_messages(session_id, {"order": order, **query}))

    async def stats(self, session_id: str) -> JsonObject:
        """Return a session's counts."""
        return await self._json(calls.stats(session_id))

    async def change_session(self, session_id: str, **changes: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Change a session's settings."""
        return await self._json(calls.change_session(session_id, changes))

    async def archive(self, session_id: str) -> JsonObject:
        """Archive a session."""
        return await self._json(calls.archive(session_id))

    async def restore(self, session_id: str) -> JsonObject:
        """Restore a session."""
        return await self._json(calls.restore(session_id))

    async def change_message(self, session_id: str, message_id: str, **changes: Any) -> JsonObject:  # noqa: ANN401 - as above
        """Set a message's `metadata` or `feedback`."""
        return await self._json(calls.change_message(session_id, message_id, changes))

    async def redact_message(self, session_id: str, message_id: str) -> None:
        """Take away what a message says; its place stays."""
        await self._send(calls.redact_message(session_id, message_id))

    async def clear(self, session_id: str) -> None:
        """Remove every message of a session and keep the session."""
        await self._send(calls.clear(session_id))

    async def delete_session(self, session_id: str) -> None:
        """Delete a session and every message of it."""
        await self._send(calls.delete_session(session_id))

    def search(self, text: str, **filters: Any) -> AsyncIterator[JsonObject]:  # noqa: ANN401 - the API's parameters
        """Yield the messages that contain a text, newest session first."""
        return self._pages(calls.search(text, filters))

    async def export(self, session_id: str | None = None) -> AsyncIterator[JsonObject]:
        """Yield the lines of a session's export, or of everything the user has."""
        call = calls.export(session_id)
        while True:
            response = await self._send(call)
            for line in lines_of(response):
                yield line
            cursor = response.headers.get("x-next-cursor")
            if not cursor:
                return
            call = call.behind(cursor)

    async def erase(self) -> JsonObject:
        """Erase everything the user has, and return how many sessions and messages that were."""
        total = {"sessions": 0, "messages": 0}
        done = False
        while not done:
            answer = await self._json(calls.erase())
            done, deleted = answer["done"], answer["deleted"]
            total = {name: total[name] + deleted[name] for name in total}
        return total

    async def _pages(self, call: Call) -> AsyncIterator[JsonObject]:
        while True:
            page = json_of(await self._send(call), "data", "has_more", "next_cursor")
            for item in page["data"]:
                yield item
            if not page["has_more"]:
                return
            call = call.behind(page["next_cursor"])

    async def _json(self, call: Call) -> JsonObject:
        return json_of(await self._send(call))

    async def _send(self, call: Call) -> httpx.Response:
        steps = exchange(call, self._patience)
        outcome: Outcome = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Send):
                    outcome = await self._once(call, step.timeout_seconds)
                else:
                    await asyncio.sleep(step.seconds)
        except StopIteration as end:
            response: httpx.Response = end.value
            return response

    async def _once(self, call: Call, seconds: float) -> Outcome:
        headers, query = calls.identity(self._user)
        owner = call.owner(self._user)
        http = await self._http.here()
        try:
            response = await http.request(
                call.method,
                call.path,
                params={**call.query, **query},
                content=call.content(),
                headers={**headers, **self._freshness.headers(owner), **call.headers},
                timeout=min(seconds, TIMEOUT_SECONDS),
            )
        except LOST as error:
            return error
        self._freshness.learn(owner, response.headers)
        return response
