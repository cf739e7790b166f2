"""Brings what waits in a ledger to Parley, in as many requests as it takes."""

import logging
from collections.abc import Iterable
from threading import RLock
from typing import Any, Final

from parley_client.calls import JsonObject
from parley_client.client import Parley
from parley_client.errors import ParleyError, UnavailableError
from parley_client.ledger import Ledger
from parley_client.names import user_id_for

logger = logging.getLogger(__name__)

REFUSED: Final = frozenset({400, 413, 422})  # with a problem document: these messages will never be taken
NO_SESSION: Final = "session_not_found"
ROUNDS: Final = 10  # of a delivery without a message stored; somebody deletes or archives beside us all the time


def speaking_for(parley: Parley, customer_id: str) -> Parley:
    """Return a client for a customer."""
    return parley.speaking_for(user_id_for(customer_id))


class Delivery:
    """Delivers ledgers, each by one thread at a time; `mutex` guards what they know."""

    def __init__(self, parley: Parley, options: dict[str, Any]) -> None:
        """Send with this client; `options` are fields of the sessions it makes."""
        self._parley = parley
        self._options = options
        self.mutex = RLock()

    def deliver(self, ledger: Ledger, document: Iterable[JsonObject] = ()) -> None:
        """Store everything that waits, and with it a document of which Parley has no session any more.

        Raises UnavailableError or another ParleyError when that cannot be done now; what is left goes on waiting.
        """
        parley, messages = speaking_for(self._parley, ledger.customer_id), list(document)
        with ledger.turn:
            for _ in range(ROUNDS):
                try:
                    self._bring(parley, ledger)
                except ParleyError as error:
                    self._mend(parley, ledger, messages, error)
                else:
                    return
        raise UnavailableError("the session changes all the time")

    def _bring(self, parley: Parley, ledger: Ledger) -> None:
        while ledger.waiting:
            if not ledger.exists:
                self._create(parley, ledger)
            elif not ledger.current:
                self._catch_up(parley, ledger)
            else:
                with self.mutex:
                    batch = ledger.batch()
                if batch:
                    self._append(parley, ledger, batch)
        while ledger.replaced:
            self._redact(parley, ledger)

    def _create(self, parley: Parley, ledger: Ledger) -> None:
        try:
            parley.create_session(**self._options, **ledger.session)
            ledger.current = True
        except ParleyError as error:
            if error.code == "validation_failed" and ledger.reduce():
                logger.warning("Parley does not take all fields of %s: %s", ledger.session["id"], error)
                return
            if error.code != "session_exists":
                raise
            ledger.current = False
        ledger.exists = True

    def _catch_up(self, parley: Parley, ledger: Ledger) -> None:
        """Learn what others have stored, and what we have ourselves without knowing it."""
        messages = list(parley.messages(ledger.session["id"], after=ledger.seq))
        with self.mutex:
            ledger.read(messages)
            ledger.current = True

    def _append(self, parley: Parley, ledger: Ledger, batch: list[JsonObject]) -> None:
        try:
            stored = parley.append(ledger.session["id"], *batch)["messages"]
        except ParleyError as error:
            if error.status not in REFUSED or not error.code:
                raise
            self._refuse(parley, ledger, batch, error)
            return
        with self.mutex:
            ledger.appended(stored)

    def _refuse(self, parley: Parley, ledger: Ledger, batch: list[JsonObject], error: ParleyError) -> None:
        """Find out which message of a batch Parley does not take, and let it go."""
        for message in batch if len(batch) > 1 else []:
            self._append(parley, ledger, [message])
        if len(batch) == 1:
            logger.error("Parley does not take message %s of %s: %s", batch[0]["id"], ledger.session["id"], error)
            with self.mutex:
                ledger.refuse(batch[0]["id"])

    def _redact(self, parley: Parley, ledger: Ledger) -> None:
        try:
            parley.redact_message(ledger.session["id"], ledger.replaced[0])
        except ParleyError as error:
            if error.code not in {"message_not_found", NO_SESSION}:
                raise
        with self.mutex:
            del ledger.replaced[0]

    def _mend(self, parley: Parley, ledger: Ledger, document: list[JsonObject], error: ParleyError) -> None:
        """Remove what was in the way of a delivery, or raise the error when that is nothing of the session's."""
        with self.mutex:
            if isinstance(error, UnavailableError):
                ledger.current = False  # what was sent may be stored
            elif error.code == NO_SESSION:
                ledger.forget()
                ledger.offer(document, len(document))
                return
            elif error.code == "message_conflict":
                ledger.dispute(error.problem.get("ids", []))
                return
        if error.code != "session_archived":
            raise error
        parley.restore(ledger.session["id"])
