"""Servers of a test's own on asyncio's streams, ended so that nothing of them outlives the test."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

STEPS_TO_A_HANDLER = 5  # of the loop, from the accepted connection to the first line of what serves it, and one more


async def close_listener(listener: asyncio.Server) -> None:
    """Take no more connections; those that were taken have reached their handlers on return, and can be ended.

    One that is on its way when a server closes is lost without a word, and its socket is left open (python/cpython
    issue 109564): so nothing is on its way by then.
    """
    for each in listener.sockets:
        asyncio.get_running_loop().remove_reader(each.fileno())
    for _ in range(STEPS_TO_A_HANDLER):
        await asyncio.sleep(0)
    listener.close()


async def cancel_others() -> None:
    """Cancel every other task of the loop and wait for their ends, and for the last word of their connections."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)


class LoopBeside:
    """An event loop in a thread of its own, for servers of tests that block their thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()

    def run(self, work: Any) -> Any:
        """Run a coroutine there, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@contextmanager
def loop_beside() -> Iterator[LoopBeside]:
    """Run a loop until the block ends; what its stack holds ends first, then every task."""
    beside = LoopBeside()
    thread = threading.Thread(target=beside.loop.run_forever)
    thread.start()
    try:
        yield beside
    finally:
        beside.run(beside.stack.aclose())
        beside.run(cancel_others())
        beside.loop.call_soon_threadsafe(beside.loop.stop)
        thread.join()
        beside.loop.close()
