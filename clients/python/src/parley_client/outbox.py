"""The messages on their way: sent at once if that works within a bounded time, else later, from a background thread."""

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from parley_client.calls import JsonObject
from parley_client.conversation_state import ConversationState
from parley_client.errors import ParleyError, UnavailableError
from parley_client.sender import Sender

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Key = tuple[str, str]

THREADS: Final = 16  # that may wait for Parley at once
REMEMBERED: Final = 1_000  # conversations of which nothing waits
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


class BusyError(UnavailableError):
    """Too many threads wait for Parley already, or it took too long."""


class Outbox:
    """Knows the conversations, sends what waits of them, and keeps trying as long as something does."""

    def __init__(self, sender: Sender, capacity: int) -> None:
        """Send so; at most `capacity` messages wait."""
        self._sender = sender
        self.mutex = sender.mutex
        self._changed = threading.Condition(self.mutex)
        self._capacity = capacity
        self._states: OrderedDict[Key, ConversationState] = OrderedDict()
        self._slots = threading.BoundedSemaphore(THREADS)
        self._thread: threading.Thread | None = None
        self._quiet_until = 0.0
        self._failures = 0

    @property
    def waiting(self) -> int:
        """How many messages are not known to be stored."""
        with self._changed:
            return sum(len(state.waiting) for state in self._states.values())

    def state(self, session: JsonObject, customer_id: str) -> ConversationState:
        """Return the state of a conversation, a new one if it is not known."""
        with self._changed:
            key = (customer_id, session["id"])
            state = self._states.setdefault(key, ConversationState(session, customer_id))
            self._states.move_to_end(key)
            if len(self._states) > REMEMBERED:
                oldest = next((name for name, each in self._states.items() if each.is_settled), key)
                if oldest != key:
                    del self._states[oldest]
            return state

    def find(self, session_id: str, customer_id: str) -> ConversationState | None:
        """Return the state of a conversation, None if it is not known."""
        with self._changed:
            return self._states.get((customer_id, session_id))

    def forget(self, state: ConversationState) -> None:
        """Let go of a conversation with everything that waits of it."""
        with self._changed:
            state.waiting.clear()
            state.replaced.clear()
            self._states.pop((state.customer_id, state.session["id"]), None)
            self._changed.notify_all()

    def save(self, session: JsonObject, customer_id: str, messages: list[JsonObject], wait_seconds: float) -> bool:
        """Store a document's messages, or let them wait; True when all of them are known to be stored."""
        with self._changed:
            state = self.state(session, customer_id)
            asked = state.offer(messages, self._capacity - self.waiting)
            if len(state.waiting) and self.waiting >= self._capacity:
                logger.error("Parley: %d messages wait, and no more can; save again later", self._capacity)
        if not state.is_settled and time.monotonic() >= self._quiet_until:
            try:
                self.within(wait_seconds, lambda: self._try(state, messages))
            except BusyError as error:
                self._pause(error)
        self._start()
        with self._changed:
            return not state.replaced and state.has(asked)

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

    def _try(self, state: ConversationState, document: list[JsonObject]) -> bool:
        """Send what waits of a conversation and return whether Parley was there."""
        try:
            self._sender.send(state, document)
        except UnavailableError as error:
            self._pause(error)
            return False
        except ParleyError as error:
            state.resting_until = time.monotonic() + LONGEST_PAUSE_SECONDS
            logger.error("Parley refuses a conversation, its messages wait: %s", error)  # noqa: TRY400 - no defect here
        except Exception:  # whatever it is, the others are sent all the same
            state.resting_until = time.monotonic() + LONGEST_PAUSE_SECONDS
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
                self._thread = threading.Thread(target=self._keep_trying, name="parley-outbox", daemon=True)
                self._thread.start()

    def _keep_trying(self) -> None:
        while self._wait_for_work():
            for state in self._due():
                if not self._try(state, []):
                    break

    def _wait_for_work(self) -> bool:
        """Let the pause pass; False, and this thread is over, when nothing is left to do."""
        with self._changed:
            self._changed.wait(max(self._quiet_until - time.monotonic(), FIRST_PAUSE_SECONDS / 2))
            goes_on = self._thread is threading.current_thread()
            if goes_on and self._is_settled():
                self._thread = None
            return goes_on and self._thread is not None

    def _due(self) -> list[ConversationState]:
        now = time.monotonic()
        with self._changed:
            if now < self._quiet_until:  # something else has found out meanwhile
                return []
            return [each for each in self._states.values() if not each.is_settled and each.resting_until <= now]

    def flush(self, seconds: float) -> bool:
        """Try now, and return whether nothing waits any more, after this time at the latest."""
        with self._changed:
            self._quiet_until, self._failures = 0.0, 0
            for state in self._states.values():
                state.resting_until = 0.0
            self._start()
            self._changed.notify_all()
            return self._changed.wait_for(self._is_settled, seconds)

    def stop(self) -> None:
        """Try no more until somebody saves again."""
        with self._changed:
            self._thread = None
            self._changed.notify_all()

    def _is_settled(self) -> bool:
        return all(state.is_settled for state in self._states.values())
