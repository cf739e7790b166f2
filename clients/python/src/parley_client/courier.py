"""Delivers ledgers: at once if that works within a bounded time, else later, from a thread in the background."""

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from parley_client.calls import JsonObject
from parley_client.delivery import Delivery
from parley_client.errors import ParleyError, UnavailableError
from parley_client.ledger import Ledger

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Key = tuple[str, str]

THREADS: Final = 16  # that may wait for Parley at once
REMEMBERED: Final = 1_000  # conversations of which nothing waits
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


class BusyError(UnavailableError):
    """Too many threads wait for Parley already, or it took too long."""


class Courier:
    """Knows the ledgers, delivers them, and keeps trying as long as something waits."""

    def __init__(self, delivery: Delivery, capacity: int) -> None:
        """Deliver so; at most `capacity` messages wait."""
        self._delivery = delivery
        self.mutex = delivery.mutex
        self._changed = threading.Condition(self.mutex)
        self._capacity = capacity
        self._ledgers: OrderedDict[Key, Ledger] = OrderedDict()
        self._slots = threading.BoundedSemaphore(THREADS)
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._failures = 0

    @property
    def waiting(self) -> int:
        """How many messages are not known to be stored."""
        with self._changed:
            return sum(len(ledger.waiting) for ledger in self._ledgers.values())

    def ledger(self, session: JsonObject, customer_id: str) -> Ledger:
        """Return the ledger of a conversation, a new one if it is not known."""
        with self._changed:
            key = (customer_id, session["id"])
            ledger = self._ledgers.setdefault(key, Ledger(session, customer_id))
            self._ledgers.move_to_end(key)
            if len(self._ledgers) > REMEMBERED:
                oldest = next((name for name, each in self._ledgers.items() if each.is_settled), key)
                if oldest != key:
                    del self._ledgers[oldest]
            return ledger

    def known(self, session_id: str, customer_id: str) -> Ledger | None:
        """Return the ledger of a conversation that is known."""
        with self._changed:
            return self._ledgers.get((customer_id, session_id))

    def forget(self, ledger: Ledger) -> None:
        """Let go of a conversation with everything that waits of it."""
        with self._changed:
            ledger.waiting.clear()
            ledger.replaced.clear()
            self._ledgers.pop((ledger.customer_id, ledger.session["id"]), None)
            self._changed.notify_all()

    def save(self, session: JsonObject, customer_id: str, messages: list[JsonObject], wait_seconds: float) -> bool:
        """Store a document's messages, or let them wait; True when all of them are known to be stored."""
        with self._changed:
            ledger = self.ledger(session, customer_id)
            asked = ledger.offer(messages, self._capacity - self.waiting)
            if len(ledger.waiting) and self.waiting >= self._capacity:
                logger.error("Parley: %d messages wait, and no more can; save again later", self._capacity)
        if not ledger.is_settled and time.monotonic() >= self._quiet_until:
            try:
                self.within(wait_seconds, lambda: self._try(ledger, messages))
            except BusyError as error:
                self._pause(error)
        self._start()
        with self._changed:
            return not ledger.replaced and ledger.has(asked)

    def within(self, seconds: float, work: Callable[[], Result]) -> Result:
        """Return what the work returns, or raise BusyError after this time; then it goes on unheard."""
        if not self._slots.acquire(blocking=False):
            raise BusyError("too many requests wait for an answer")
        future: Future[Result] = Future()
        threading.Thread(target=self._run, args=(future, work), name="parley-request", daemon=True).start()
        try:
            return future.result(seconds)
        except TimeoutError as error:
            raise BusyError(f"no answer within {seconds:g} s") from error

    def _run(self, future: Future[Result], work: Callable[[], Result]) -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            future.set_exception(error)
        finally:
            self._slots.release()

    def _try(self, ledger: Ledger, document: list[JsonObject]) -> bool:
        """Deliver a ledger and return whether Parley was there."""
        try:
            self._delivery.deliver(ledger, document)
        except UnavailableError as error:
            self._pause(error)
            return False
        except ParleyError as error:
            ledger.resting_until = time.monotonic() + LONGEST_PAUSE_SECONDS
            logger.error("Parley refuses a conversation, its messages wait: %s", error)  # noqa: TRY400 - no defect here
        except Exception:  # whatever it is, the others are delivered all the same
            ledger.resting_until = time.monotonic() + LONGEST_PAUSE_SECONDS
            logger.exception("Parley: a conversation cannot be delivered, its messages wait")
        with self._changed:
            self._failures, self._quiet_until = 0, 0.0
            self._changed.notify_all()
        return True

    def _pause(self, error: UnavailableError) -> None:
        """Ask nothing of Parley for a while, longer each time, nor before the time that it has named."""
        with self._changed:
            self._failures += 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_SECONDS)
            asked = min(error.retry_after_seconds or 0.0, LONGEST_PAUSE_SECONDS)
            self._quiet_until = time.monotonic() + max(pause * random.uniform(0.5, 1), asked)  # noqa: S311 - spreads clients
        logger.warning("Parley is not there, messages wait: %s", error)

    def _start(self) -> None:
        """See to it that a thread is trying while something waits."""
        with self._changed:
            if self._thread is None and not self._is_settled():
                self._thread = threading.Thread(target=self._keep_trying, name="parley-courier", daemon=True)
                self._thread.start()

    def _keep_trying(self) -> None:
        while self._wait_for_work():
            for ledger in self._due():
                if not self._try(ledger, []):
                    break

    def _wait_for_work(self) -> bool:
        """Let the pause pass; False, and this thread is over, when nothing is left to do."""
        with self._changed:
            self._changed.wait(max(self._quiet_until - time.monotonic(), FIRST_PAUSE_SECONDS / 2))
            goes_on = self._thread is threading.current_thread()
            if goes_on and self._is_settled():
                self._thread = None
            return goes_on and self._thread is not None

    def _due(self) -> list[Ledger]:
        now = time.monotonic()
        with self._changed:
            if now < self._quiet_until:  # something else has found out meanwhile
                return []
            return [each for each in self._ledgers.values() if not each.is_settled and each.resting_until <= now]

    def flush(self, seconds: float) -> bool:
        """Try now, and return whether nothing waits any more, after this time at the latest."""
        with self._changed:
            self._quiet_until, self._failures = 0.0, 0
            for ledger in self._ledgers.values():
                ledger.resting_until = 0.0
            self._start()
            self._changed.notify_all()
            return self._changed.wait_for(self._is_settled, seconds)

    def stop(self) -> None:
        """Try no more until somebody saves again."""
        with self._changed:
            self._thread = None
            self._changed.notify_all()

    def _is_settled(self) -> bool:
        return all(ledger.is_settled for ledger in self._ledgers.values())
