"""Work that no answer waits for; whoever comes next makes up for what is lost of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.logs import event, trace
from shared.usage import measured_behind

logger = logging.getLogger(__name__)

CLOSING_SECONDS = 5


class Background:
    """Runs work behind answers, one piece a session at a time."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self, user_id: str, session_id: str, work: Callable[[], Awaitable[object]]) -> None:
        """Begin the work and return at once; where something is being done for the session, this is left out."""
        key = user_id, session_id
        if key in self._tasks:
            return
        task = self._tasks[key] = asyncio.create_task(attempt(work))
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def settle(self) -> None:
        """Return when everything that was begun is done, or after some seconds given up."""
        if self._tasks:
            _, late = await asyncio.wait([*self._tasks.values()], timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()


async def attempt(work: Callable[[], Awaitable[object]]) -> None:
    """Do the work; that it fails is written to the log and nobody else's matter, and so is what it costs."""
    with measured_behind() as usage:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            logger.warning("what was to be done behind an answer was put off\n%s", trace(error))
        finally:
            event("behind", usage.fields())
