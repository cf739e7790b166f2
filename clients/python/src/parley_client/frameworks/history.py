"""A framework's conversation as a session of Parley: what is asked of Parley to read and change it.

Every function here is steps for `carry_out` of either client. A conversation that Parley does not have is empty;
whatever else goes wrong is raised, so that a store that failed is never taken for an empty history.
An archived session is restored when something is added: a chat that goes on is not idle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from parley_client import calls
from parley_client.answers import Appended, Message
from parley_client.calls import Call, Fields
from parley_client.errors import ParleyError
from parley_client.exchange import Steps
from parley_client.frameworks.mapping import is_redacted, json_text
from parley_client.names import NAME_CHARACTERS, session_id_for

REQUEST_MESSAGES: Final = 200
REQUEST_BYTES: Final = 1_200_000  # of 1.25 MiB that Parley takes as stored JSON
MESSAGE_BYTES: Final = 400  # what it stores beside what was sent
PAGE_MESSAGES: Final = 200
ORIGINAL_CHARACTERS: Final = 1_000  # of an id that are kept; a context holds 8 KiB


@dataclass(frozen=True, slots=True)
class History:
    """One conversation under any id; `session_id` is Parley's, the original is kept in the session's `context`."""

    conversation_id: str
    channel: str = "default"

    @property
    def session_id(self) -> str:
        """Return the id itself where Parley's grammar allows it, else `x-` and its hash."""
        return session_id_for(self.conversation_id)

    def read(self, newest: int | None = None) -> Steps[list[Message]]:
        """Return the newest so many messages, or all, oldest first; redacted ones are left out; ValueError below 0."""
        if newest is not None and newest < 0:
            raise ValueError(f"How many messages to read is 0 or more, not {newest}")
        found: list[Message] = []
        query = {"order": "asc" if newest is None else "desc"}
        call: Call[Any] | None = calls.list_messages(self.session_id, {**query, "limit": _page(newest)})
        while call and (newest is None or len(found) < newest):
            page = yield from or_nothing(call)
            found += [message for message in (page or {"data": []})["data"] if not is_redacted(message)]
            call = call.behind(page["next_cursor"]) if page and page["has_more"] else None
        return found if newest is None else found[:newest][::-1]

    def add(self, messages: Sequence[Fields]) -> Steps[list[Message]]:
        """Append messages and return them as stored: in one request, all or none.

        More than one request takes (200 messages, 1.2 MB) goes in several; when a later one fails, what the
        earlier ones stored is taken back, unless somebody else has written since. The error says if it stayed.
        """
        stored: list[Message] = []
        answer: Appended | None = None
        for batch in batches(messages):
            try:
                answer = yield from self._append(batch)
            except ParleyError as error:
                if answer:
                    yield from self._take_back(stored, answer["etag"], error)
                raise
            stored += answer["messages"]
        return stored

    def replace(self, messages: Sequence[Fields], after: int = 0, if_match: str | None = None) -> Steps[list[Message]]:
        """Let these messages be all that follows a seq, and return them as stored.

        The first so many that one request takes replace what was there in one step, the others are appended to them.
        """
        first, *others = batches(messages) or [[]]
        call = calls.replace_tail(self.session_id, first, after, if_match)
        try:
            answer: Appended = yield from self._revived(call)
        except ParleyError as error:
            if error.code != "session_not_found":
                raise
            return (yield from self.add(messages))
        return answer["messages"] + (yield from self.add([message for batch in others for message in batch]))

    def pop(self) -> Steps[Message | None]:
        """Remove the newest message and return it, None when there is none; what others add meanwhile stays."""
        while True:
            session = yield from or_nothing(calls.read_session(self.session_id, 1))
            if not session or not session["messages"]:
                return None
            newest: Message = session["messages"][0]
            if (yield from self._removed(newest, session["etag"])) and not is_redacted(newest):
                return newest

    def clear(self, after: int | None = None) -> Steps[None]:
        """Remove every message, or those behind a seq; the session stays."""
        yield from or_nothing(calls.clear(self.session_id, after))

    def delete(self) -> Steps[None]:
        """Delete the session."""
        yield from or_nothing(calls.delete_session(self.session_id))

    def _append(self, messages: Sequence[Fields]) -> Steps[Appended]:
        if self.session_id == self.conversation_id:
            target = {"session_id": self.session_id, "channel": self.channel}
            return (yield from self._revived(calls.append_anywhere(messages, target)))
        call = calls.append(self.session_id, messages)
        try:
            return (yield from self._revived(call))
        except ParleyError as error:
            if error.code != "session_not_found":
                raise
        yield from self._create()
        return (yield from self._revived(call))

    def _create(self) -> Steps[None]:
        """Make the session of an id that Parley cannot have as it is, so that the id is kept."""
        original = self.conversation_id.encode(errors="replace").decode()
        session = {
            "id": self.session_id,
            "channel": self.channel,
            "session_name": original[:NAME_CHARACTERS] or None,
            "context": {"original_id": original[:ORIGINAL_CHARACTERS]},
        }
        try:
            yield calls.create_session(session)
        except ParleyError as error:
            if error.code != "session_exists":
                raise

    def _revived(self, call: Call[Appended]) -> Steps[Appended]:
        """Send a call, and once more after a restore where the session is archived."""
        try:
            answer: Appended = yield call
        except ParleyError as error:
            if error.code != "session_archived":
                raise
            yield calls.restore(self.session_id)
            answer = yield call
        return answer

    def _removed(self, newest: Message, etag: str) -> Steps[bool]:
        """Remove a message if nothing has changed since it was read, and return whether that is done."""
        try:
            yield calls.clear(self.session_id, newest["seq"] - 1, etag)
        except ParleyError as error:
            if error.code != "precondition_failed":
                raise
            if not error.repeated:
                return False
            # The answer to the first try was lost: it may be that very try which has changed the session.
            return not (yield from or_nothing(calls.read_message(self.session_id, newest["id"])))
        return True

    def _take_back(self, stored: Sequence[Message], etag: str, error: ParleyError) -> Steps[None]:
        try:
            yield calls.clear(self.session_id, stored[0]["seq"] - 1, etag)
        except ParleyError:
            error.add_note(f"The first {len(stored)} messages are stored and could not be taken back.")


def or_nothing(call: Call[Any]) -> Steps[Any]:
    """Send a call; None where there is no such session or message. Another 404 is no word of Parley's."""
    try:
        return (yield call)
    except ParleyError as error:
        if error.code not in {"session_not_found", "message_not_found"}:
            raise
        return None


def _page(newest: int | None) -> int:
    return PAGE_MESSAGES if newest is None else min(max(newest, 1), PAGE_MESSAGES)


def batches(messages: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Cut messages into what one request takes."""
    cut: list[list[Mapping[str, Any]]] = []
    room = 0
    for message in messages:
        size = len(json_text(message).encode()) + MESSAGE_BYTES
        if not cut or len(cut[-1]) == REQUEST_MESSAGES or size > room:
            cut.append([])
            room = REQUEST_BYTES
        cut[-1].append(message)
        room -= size
    return cut
