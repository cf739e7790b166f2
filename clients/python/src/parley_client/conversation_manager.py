"""Conversations as the earlier `ConversationManager` kept them: the same calls, synchronous, on Parley."""

import atexit
import logging
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

from parley_client.calls import JsonObject
from parley_client.client import Parley
from parley_client.conversation_state import ConversationState
from parley_client.document import document_of, message_of, now, session_of
from parley_client.errors import ParleyError
from parley_client.exchange import Patience
from parley_client.names import session_id_for
from parley_client.outbox import Outbox
from parley_client.process import PerProcess
from parley_client.sender import Sender, speaking_for

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

CLOSE_SECONDS: Final = 5.0
AT_ONCE: Final = 200  # messages of a conversation that one request reads
PATIENCE: Final = Patience(tries=3, seconds=8.0, longest_pause_seconds=4.0)  # of one request; the outbox has more
OPEN: Final[weakref.WeakSet["ConversationManager"]] = weakref.WeakSet()


class ConversationManager:
    """Creates, saves, loads and deletes conversations; no failure of Parley ever reaches the caller.

    A call waits `wait_seconds` at most. What could not be saved by then is kept in memory, up to `capacity`
    messages, and saved by a thread in the background as soon as Parley is there. A forked child starts with
    nothing that waits: what its parent kept is the parent's to store.
    """

    def __init__(
        self,
        parley: Parley | None = None,
        *,
        wait_seconds: float = 2.0,
        capacity: int = 10_000,
        channel: str | None = None,
        ttl_seconds: int | None = None,
    ) -> None:
        """Speak through this client, else through one of the environment's (PARLEY_URL, PARLEY_FUNCTION_KEY).

        Conversations are made in the channel, and only those of it are listed; by default in Parley's own, and all.
        """
        speaker = parley or Parley(patience=PATIENCE)
        self._parley = speaker
        self._owned = parley is None
        self._wait_seconds = wait_seconds
        self._channel = channel
        options = {"channel": channel, "ttl_seconds": ttl_seconds}
        given = {name: value for name, value in options.items() if value is not None}
        self._outboxes = PerProcess(lambda: Outbox(Sender(speaker, given), capacity))
        OPEN.add(self)

    @property
    def _outbox(self) -> Outbox:
        return self._outboxes.here()

    def create_conversation_document(
        self, customer_id: str, session_id: str, voicebot_type: str | None = None
    ) -> JsonObject:
        """Return a new conversation without messages, which is not stored before it is saved."""
        moment = now()
        document = {
            "id": str(uuid4()),
            "customer_id": customer_id,
            "session_id": session_id,
            "created_at": moment,
            "updated_at": moment,
            "messages": [],
        }
        return document | ({"voicebot": voicebot_type} if voicebot_type else {})

    def add_message_to_conversation(
        self, conversation_doc: JsonObject, role: str, content: str, tool_calls: list[JsonObject] | None = None
    ) -> JsonObject:
        """Add a message to a document, and return the document; nothing is stored before it is saved."""
        moment = now()
        message = {"role": role, "content": content, "timestamp": moment}
        conversation_doc["messages"].append(message | ({"tool_calls": tool_calls} if tool_calls else {}))
        conversation_doc["updated_at"] = moment
        return conversation_doc

    def save_conversation(self, conversation_doc: Mapping[str, Any]) -> bool:
        """Store what is new in a document; False when it is not known to be stored yet, and waits."""

        def save() -> bool:
            messages = [message_of(entry) for entry in conversation_doc["messages"]]
            session, customer_id = session_of(conversation_doc), str(conversation_doc["customer_id"])
            return self._outbox.save(session, customer_id, messages, self._wait_seconds)

        return self._spared("a conversation was not saved", save, otherwise=False)

    def get_conversation(self, conversation_id: str, customer_id: str) -> JsonObject | None:
        """Return a conversation, None when there is none or Parley does not answer."""
        return self._asked("a conversation was not read", lambda: self._read(conversation_id, customer_id), None)

    def get_recent_conversations(self, customer_id: str, limit: int = 10) -> list[JsonObject]:
        """Return a customer's conversations, the one last written to first; none when Parley does not answer."""
        return self._asked("conversations were not read", lambda: self._recent(customer_id, limit), [])

    def delete_conversation(self, conversation_id: str, customer_id: str) -> bool:
        """Delete a conversation and what waits of it; False when there is none or Parley does not say that it did."""
        return self._asked(
            "a conversation was not deleted", lambda: self._delete(conversation_id, customer_id), otherwise=False
        )

    def flush(self, seconds: float = 10.0) -> bool:
        """Try to store everything that waits; return whether nothing waits any more."""
        return self._outbox.flush(seconds)

    @property
    def waiting(self) -> int:
        """How many messages wait to be stored."""
        return self._outbox.waiting

    def close(self, seconds: float = CLOSE_SECONDS) -> bool:
        """Try once more to store what waits, and let go; False, and an error in the log, when something was left."""
        OPEN.discard(self)
        done = self.flush(seconds)
        if not done:
            logger.error("Parley: %d messages were never stored", self.waiting)
        self._outbox.stop()
        if self._owned:
            self._parley.close()
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, what: str, work: Callable[[], Result], otherwise: Result) -> Result:
        return self._spared(what, lambda: self._outbox.within(self._wait_seconds, work), otherwise)

    def _spared(self, what: str, work: Callable[[], Result], otherwise: Result) -> Result:
        try:
            return work()
        except ParleyError as error:
            logger.log(
                logging.INFO if error.code == "session_not_found" else logging.ERROR, "Parley: %s: %s", what, error
            )
        except Exception:  # whatever it is, it must not end the caller's conversation
            logger.exception("Parley: %s", what)
        return otherwise

    def _read(self, conversation_id: str, customer_id: str) -> JsonObject:
        parley, session_id = speaking_for(self._parley, customer_id), session_id_for(conversation_id)
        session = parley.read_session(session_id, limit=AT_ONCE)
        messages = list(parley.messages(session_id)) if session["has_more"] else session["messages"]
        outbox = self._outbox
        state = outbox.state({"id": session_id, "context": session["context"]}, customer_id)
        with outbox.mutex:
            state.read(messages)
            state.exists = True
            document = document_of(session, [*messages, *(each.message for each in state.waiting.values())])
            state.held(message_of(entry) for entry in document["messages"])
        return document

    def _recent(self, customer_id: str, limit: int) -> list[JsonObject]:
        parley = speaking_for(self._parley, customer_id)
        wanted = {"status": "all", "channel": self._channel, "limit": min(limit, 100)}
        found: list[JsonObject] = []
        for session in parley.sessions(**wanted):
            found.append(self._read(session["id"], customer_id))
            if len(found) >= limit:
                break
        return found

    def _delete(self, conversation_id: str, customer_id: str) -> bool:
        session_id = session_id_for(conversation_id)
        state = self._outbox.find(session_id, customer_id) or ConversationState({"id": session_id}, customer_id)
        with state.turn:
            try:
                speaking_for(self._parley, customer_id).delete_session(session_id)
            except ParleyError as error:
                if error.code == "session_not_found":
                    self._outbox.forget(state)
                raise
            self._outbox.forget(state)
        return True


def _flush_at_exit() -> None:
    for manager in list(OPEN):
        if manager.waiting:
            manager.close()


atexit.register(_flush_at_exit)
