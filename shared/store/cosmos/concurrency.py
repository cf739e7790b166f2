"""Several requests at once, for one caller."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

AT_ONCE = 8  # requests in flight for one caller
Item = TypeVar("Item")
Result = TypeVar("Result")


async def for_each(things: Iterable[Item], work: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """Do the work for each thing, AT_ONCE at a time; return the results in order, or raise the first failure alone."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(thing: Item) -> Result:
        async with gate:
            return await work(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(gated(thing)) for thing in things]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
