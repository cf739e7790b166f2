"""The synchronous client.

It speaks through httpx2, as the asynchronous one does: that is what the openai package, openai-agents, pydantic-ai,
langsmith and mcp bring themselves, so that a program has one HTTP library and one set of certificates, not two.
"""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx2

from parley_client import calls
from parley_client.answers import (
    Appended,
    Counts,
    EditedMessage,
    Health,
    Hit,
    Message,
    NewLink,
    OwnerStats,
    Prompt,
    Session,
    SessionStats,
    SessionWithMessages,
    SharedLink,
)
from parley_client.calls import Call, Fields, Found, JsonObject
from parley_client.errors import ParleyError
from parley_client.exchange import (
    LOST,
    Outcome,
    Patience,
    Result,
    Send,
    Steps,
    exchange,
    found_in,
    lines_of,
    page_of,
    timeout_of,
)
from parley_client.freshness import Freshness
from parley_client.process import PerProcess
from parley_client.settings import Server
from parley_client.turn_verbs import TurnVerbs


class Parley(TurnVerbs):
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
        transport: Callable[[], httpx2.BaseTransport] | None = None,
    ) -> None:
        """Take PARLEY_URL and PARLEY_FUNCTION_KEY where nothing is given; `user` None where a user is signed in.

        `transport` makes what carries the requests of one process.
        """
        server = Server.of(url, function_key)

        def connect() -> httpx2.Client:
            made = transport and transport()
            return httpx2.Client(base_url=server.url, headers=server.headers(), transport=made)

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

    def create_session(self, **fields: Any) -> Session:  # noqa: ANN401 - the API's fields
        """Create a session; with an `id` of one's own a repeat is refused with `session_exists`."""
        return self._found(calls.create_session(fields))

    def append(self, session_id: str, *messages: Fields, if_match: str | None = None) -> Appended:
        """Append 1 to 200 messages, all or none; with `if_match` only to the session of that etag."""
        return self._found(calls.append(session_id, messages, if_match))

    def append_anywhere(self, *messages: Fields, if_match: str | None = None, **target: Any) -> Appended:  # noqa: ANN401 - the API's fields
        """Append to `session_id`, which is made if need be (`channel`, `session_name`), or to a new session."""
        return self._found(calls.append_anywhere(messages, target, if_match))

    def replace_tail(self, session_id: str, *messages: Fields, after: int, if_match: str | None = None) -> Appended:
        """Let these 0 to 200 messages be what follows the seq `after`, in one step; 0 replaces everything."""
        return self._found(calls.replace_tail(session_id, messages, after, if_match))

    def read_session(self, session_id: str, limit: int = 50) -> SessionWithMessages:
        """Return a session with its newest messages, oldest of them first."""
        return self._found(calls.read_session(session_id, limit))

    def sessions(self, **filters: Any) -> Iterator[Session]:  # noqa: ANN401 - the API's parameters
        """Yield sessions, last activity first."""
        return self._pages(calls.list_sessions(filters))

    def messages(self, session_id: str, order: str = "asc", **query: Any) -> Iterator[Message]:  # noqa: ANN401 - as above
        """Yield a session's messages to the last one, oldest first unless told otherwise."""
        return self._pages(calls.list_messages(session_id, {"order": order, **query}))

    def prompt(self, session_id: str, last: int = 50) -> Prompt:
        """Return the newest messages, up to 200, as a chat completions API takes them."""
        return self._found(calls.prompt(session_id, last))

    def stats(self, session_id: str) -> SessionStats:
        """Return a session's counts."""
        return self._found(calls.stats(session_id))

    def change_session(self, session_id: str, *, if_match: str | None = None, **changes: Any) -> Session:  # noqa: ANN401 - the API's fields
        """Change a session's settings."""
        return self._found(calls.change_session(session_id, changes, if_match))

    def archive(self, session_id: str, *, if_match: str | None = None) -> Session:
        """Archive a session."""
        return self._found(calls.archive(session_id, if_match))

    def restore(self, session_id: str, *, if_match: str | None = None) -> Session:
        """Restore a session."""
        return self._found(calls.restore(session_id, if_match))

    def fork(self, session_id: str, after_seq: int | None = None) -> Session:
        """Copy a session, up to a seq, into a new one; not repeated when its answer is lost."""
        return self._found(calls.fork(session_id, after_seq))

    def share(self, session_id: str, **fields: Any) -> NewLink:  # noqa: ANN401 - the API's fields
        """Make a link to a session (`expires_in_seconds`, `up_to_seq`); not repeated when its answer is lost."""
        return self._found(calls.share(session_id, fields))

    def shares(self, session_id: str) -> Iterator[SharedLink]:
        """Yield the links to a session that work, oldest first."""
        return self._pages(calls.list_shares(session_id))

    def revoke_share(self, session_id: str, share_id: str) -> None:
        """Revoke a link."""
        self._found(calls.revoke_share(session_id, share_id))

    def read_message(self, session_id: str, message_id: str) -> Message:
        """Return a message, wherever in its session it is."""
        return self._found(calls.read_message(session_id, message_id))

    def change_message(
        self,
        session_id: str,
        message_id: str,
        *,
        if_match: str | None = None,
        **changes: Any,  # noqa: ANN401 - as above
    ) -> EditedMessage:
        """Set a message's `metadata` or `feedback`."""
        return self._found(calls.change_message(session_id, message_id, changes, if_match))

    def replace_message(
        self, session_id: str, message_id: str, message: Fields, *, if_match: str | None = None
    ) -> EditedMessage:
        """Put another message in the place of one that grew, or was edited; id, seq and time stay."""
        return self._found(calls.replace_message(session_id, message_id, message, if_match))

    def redact_message(self, session_id: str, message_id: str, *, if_match: str | None = None) -> None:
        """Take away what a message says; its place stays."""
        self._found(calls.redact_message(session_id, message_id, if_match))

    def clear(self, session_id: str, *, after: int | None = None, if_match: str | None = None) -> None:
        """Remove every message of a session, or those newer than the seq `after`, and keep the session."""
        self._found(calls.clear(session_id, after, if_match))

    def delete_session(self, session_id: str, *, if_match: str | None = None) -> None:
        """Delete a session and every message of it."""
        self._found(calls.delete_session(session_id, if_match))

    def search(self, text: str, **filters: Any) -> Iterator[Hit]:  # noqa: ANN401 - the API's parameters
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

    def owner_stats(self, days: int = 30) -> OwnerStats:
        """Return counts of everything the user has, and of the messages of the last days."""
        return self._found(calls.owner_stats(days))

    def erase(self) -> Counts:
        """Erase everything the user has, and return how many sessions and messages that were."""
        total = Counts(sessions=0, messages=0)
        done = False
        while not done:
            answer = self._found(calls.erase())
            done, deleted = answer["done"], answer["deleted"]
            total["sessions"] += deleted["sessions"]
            total["messages"] += deleted["messages"]
        return total

    def health(self) -> Health:
        """Return that the store answers, and how fast; UnavailableError when it does not."""
        return self._found(calls.health())

    def carry_out(self, steps: Steps[Result]) -> Result:
        """Send each call that `steps` yields, give back its answer or throw its ParleyError, and return the result."""
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._found(call)
                except ParleyError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _pages(self, call: Call[Found]) -> Iterator[Found]:
        while True:
            page = page_of(call, self._send(call))
            yield from page.items
            if page.following is None:
                return
            call = page.following

    def _found(self, call: Call[Found]) -> Found:
        found: Found = found_in(self._send(call))
        return found

    def _send(self, call: Call[Any]) -> httpx2.Response:
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
            response: httpx2.Response = end.value
            return response

    def _once(self, call: Call[Any], seconds: float) -> Outcome:
        headers, query = calls.identity(self._user)
        owner = call.owner(self._user)
        http = self._http.here()
        request = http.build_request(
            call.method,
            call.path,
            params={**call.query, **query},
            content=call.content(),
            headers={**headers, **self._freshness.headers(owner), **call.headers},
            timeout=timeout_of(call, seconds),
        )
        try:
            response = http.send(request, stream=True)
            if not (call.silence_seconds and response.is_success):
                response.read()
        except LOST as error:
            return error
        self._freshness.learn(owner, response.headers)
        return response
