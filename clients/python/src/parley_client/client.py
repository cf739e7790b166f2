"""The synchronous client."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from parley_client import calls
from parley_client.calls import Call, JsonObject
from parley_client.exchange import LOST, Outcome, Patience, Send, exchange, json_of, lines_of
from parley_client.freshness import Freshness
from parley_client.process import PerProcess
from parley_client.settings import Server

TIMEOUT_SECONDS = 10.0  # for one part of one answer; Patience bounds the whole


class Parley:
    """Speaks to Parley for one user; safe to share between threads, and with forked processes.

    Whatever it sends it may send again: appended messages carry ids, new sessions a key. Refusals are
    ParleyError, and UnavailableError when Parley was not reached or stayed busy.
    """

    def __init__(
        self,
        url: str | None = None,
        user: str | None = None,
        *,
        function_key: str | None = None,
        patience: Patience | None = None,
        transport: Callable[[], httpx.BaseTransport] | None = None,
    ) -> None:
        """Take PARLEY_URL and PARLEY_FUNCTION_KEY where nothing is given; `user` None where a user is signed in.

        `transport` makes what carries the requests of one process.
        """
        server = Server.of(url, function_key)

        def connect() -> httpx.Client:
            made = transport and transport()
            return httpx.Client(base_url=server.url, headers=server.headers(), transport=made)

        self._http = PerProcess(connect)
        self._freshness = Freshness()
        self._user = user
        self._patience = patience or Patience()

    @classmethod
    def in_process(cls, user: str | None = None, *, patience: Patience | None = None) -> Self:
        """Call the functions of the project in this process, without a socket; it must be importable."""
        from parley_client.in_process import FunctionsTransport  # noqa: PLC0415 - only who asks needs the project

        return cls("http://in-process", user, patience=patience, transport=FunctionsTransport)

    def speaking_for(self, user: str | None) -> "Parley":
        """Return a client for another user, which shares the connections and is closed with this one."""
        other = object.__new__(type(self))
        other._http, other._freshness, other._patience, other._user = self._http, self._freshness, self._patience, user
        return other

    def close(self) -> None:
        """Close this process's connections; a later request opens new ones."""
        if http := self._http.take():
            http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create_session(self, **fields: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Create a session; with an `id` of one's own a repeat is refused with `session_exists`."""
        return self._json(calls.create_session(fields))

    def append(self, session_id: str, *messages: JsonObject) -> JsonObject:
        """Append 1 to 20 messages, all or none."""
        return self._json(calls.append(session_id, messages))

    def append_anywhere(self, *messages: JsonObject, **target: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Append to `session_id`, which is made if need be (`channel`, `session_name`), or to a new session."""
        return self._json(calls.append_anywhere(messages, target))

    def read_session(self, session_id: str, limit: int = 50) -> JsonObject:
        """Return a session with its newest messages, oldest of them first."""
        return self._json(calls.read_session(session_id, limit))

    def sessions(self, **filters: Any) -> Iterator[JsonObject]:  # noqa: ANN401 - the API's parameters
        """Yield sessions, last activity first."""
        return self._pages(calls.list_sessions(filters))

    def messages(self, session_id: str, order: str = "asc", **query: Any) -> Iterator[JsonObject]:  # noqa: ANN401 - as above
        """Yield a session's messages to the last one, oldest first unless told otherwise."""
        return self._pages(calls.list_messages(session_id, {"order": order, **query}))

    def stats(self, session_id: str) -> JsonObject:
        """Return a session's counts."""
        return self._json(calls.stats(session_id))

    def change_session(self, session_id: str, **changes: Any) -> JsonObject:  # noqa: ANN401 - the API's fields
        """Change a session's settings."""
        return self._json(calls.change_session(session_id, changes))

    def archive(self, session_id: str) -> JsonObject:
        """Archive a session."""
        return self._json(calls.archive(session_id))

    def restore(self, session_id: str) -> JsonObject:
        """Restore a session."""
        return self._json(calls.restore(session_id))

    def change_message(self, session_id: str, message_id: str, **changes: Any) -> JsonObject:  # noqa: ANN401 - as above
        """Set a message's `metadata` or `feedback`."""
        return self._json(calls.change_message(session_id, message_id, changes))

    def redact_message(self, session_id: str, message_id: str) -> None:
        """Take away what a message says; its place stays."""
        self._send(calls.redact_message(session_id, message_id))

    def clear(self, session_id: str) -> None:
        """Remove every message of a session and keep the session."""
        self._send(calls.clear(session_id))

    def delete_session(self, session_id: str) -> None:
        """Delete a session and every message of it."""
        self._send(calls.delete_session(session_id))

    def search(self, text: str, **filters: Any) -> Iterator[JsonObject]:  # noqa: ANN401 - the API's parameters
        """Yield the messages that contain a text, newest session first."""
        return self._pages(calls.search(text, filters))

    def export(self, session_id: str | None = None) -> Iterator[JsonObject]:
        """Yield the lines of a session's export, or of everything the user has."""
        call = calls.export(session_id)
        while True:
            response = self._send(call)
            yield from lines_of(response)
            cursor = response.headers.get("x-next-cursor")
            if not cursor:
                return
            call = call.behind(cursor)

    def erase(self) -> JsonObject:
        """Erase everything the user has, and return how many sessions and messages that were."""
        total = {"sessions": 0, "messages": 0}
        done = False
        while not done:
            answer = self._json(calls.erase())
            done, deleted = answer["done"], answer["deleted"]
            total = {name: total[name] + deleted[name] for name in total}
        return total

    def _pages(self, call: Call) -> Iterator[JsonObject]:
        while True:
            page = json_of(self._send(call), "data", "has_more", "next_cursor")
            yield from page["data"]
            if not page["has_more"]:
                return
            call = call.behind(page["next_cursor"])

    def _json(self, call: Call) -> JsonObject:
        return json_of(self._send(call))

    def _send(self, call: Call) -> httpx.Response:
        steps = exchange(call, self._patience)
        outcome: Outcome = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Send):
                    outcome = self._once(call, step.timeout_seconds)
                else:
                    time.sleep(step.seconds)
        except StopIteration as end:
            response: httpx.Response = end.value
            return response

    def _once(self, call: Call, seconds: float) -> Outcome:
        headers, query = calls.identity(self._user)
        owner = call.owner(self._user)
        try:
            response = self._http.here().request(
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
