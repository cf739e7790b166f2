"""Brings what waits of a conversation to Parley, in as many requests as it takes."""

import logging
from collections.abc import Iterable
from threading import RLock
from typing import Any, Final

from parley_client.calls import JsonObject
from parley_client.client import Parley
from parley_client.conversation_state import ConversationState
from parley_client.errors import ParleyError, UnavailableError
from parley_client.names import user_id_for

logger = logging.getLogger(__name__)

REFUSED: Final = frozenset({400, 413, 422})  # with a problem document: these messages will never be taken
NO_SESSION: Final = "session_not_found"
ROUNDS: Final = 10  # without a message stored; another client deletes or archives all the time


def speaking_for(parley: Parley, customer_id: str) -> Parley:
    """Return a client for a customer."""
    return parley.speaking_for(user_id_for(customer_id))


class Sender:
    """Sends what waits, for each conversation one thread at a time; `mutex` guards what their states know."""

    def __init__(self, parley: Parley, options: dict[str, Any]) -> None:
        """Send with this client; `options` are fields of the sessions it makes."""
        self._parley = parley
        self._options = options
        self.mutex = RLock()

    def send(self, state: ConversationState, document: Iterable[JsonObject] = ()) -> None:
        """Store everything that waits, and with it a document of which Parley has no session any more.

        Raises UnavailableError or another ParleyError when that cannot be done now; what is left goes on waiting.
        """
        parley, messages = speaking_for(self._parley, state.customer_id), list(document)
        with state.turn:
            for _ in range(ROUNDS):
                try:
                    self._bring(parley, state)
                except ParleyError as error:
                    self._mend(parley, state, messages, error)
                else:
                    return
        raise UnavailableError("the session changes all the time")

    def _bring(self, parley: Parley, state: ConversationState) -> None:
        while state.waiting:
            if not state.exists:
                self._create(parley, state)
            elif not state.current:
                self._catch_up(parley, state)
            else:
                with self.mutex:
                    batch = state.batch()
                if batch:
                    self._append(parley, state, batch)
        while state.replaced:
            self._redact(parley, state)

    def _create(self, parley: Parley, state: ConversationState) -> None:
        try:
            parley.create_session(**self._options, **state.session)
            state.current = True
        except ParleyError as error:
            if error.code == "validation_failed" and state.reduce():
                logger.warning("Parley does not take all fields of %s: %s", state.session["id"], error)
                return
            if error.code != "session_exists":
                raise
            state.current = False
        state.exists = True

    def _catch_up(self, parley: Parley, state: ConversationState) -> None:
        """Learn what others have stored, and what we have ourselves without knowing it."""
        messages = list(parley.messages(state.session["id"], after=state.seq))
        with self.mutex:
            state.read(messages)
            state.current = True

    def _append(self, parley: Parley, state: ConversationState, batch: list[JsonObject]) -> None:
        try:
            stored = parley.append(state.session["id"], *batch)["messages"]
        except ParleyError as error:
            if error.status not in REFUSED or not error.code:
                raise
            self._refuse(parley, state, batch, error)
            return
        with self.mutex:
            state.appended(stored)

    def _refuse(self, parley: Parley, state: ConversationState, batch: list[JsonObject], error: ParleyError) -> None:
        """Find out which message of a batch Parley does not take, and let it go."""
        for message in batch if len(batch) > 1 else []:
            self._append(parley, state, [message])
        if len(batch) == 1:
            logger.error("Parley does not take message %s of %s: %s", batch[0]["id"], state.session["id"], error)
            with self.mutex:
                state.refuse(batch[0]["id"])

    def _redact(self, parley: Parley, state: ConversationState) -> None:
        try:
            parley.redact_message(state.session["id"], state.replaced[0])
        except ParleyError as error:
            if error.code not in {"message_not_found", NO_SESSION}:
                raise
        with self.mutex:
            del state.replaced[0]

    def _mend(self, parley: Parley, state: ConversationState, document: list[JsonObject], error: ParleyError) -> None:
        """Remove what was in the way, or raise the error when that is nothing of the session's."""
        with self.mutex:
            if isinstance(error, UnavailableError):
                state.current = False  # what was sent may be stored
            elif error.code == NO_SESSION:
                state.forget()
                state.offer(document, len(document))
                return
            elif error.code == "message_conflict":
                state.dispute(error.problem.get("ids", []))
                return
        if error.code != "session_archived":
            raise error
        parley.restore(state.session["id"])
