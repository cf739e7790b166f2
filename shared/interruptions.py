"""Which failures are nobody's to answer, because more than the work in hand is to end."""

import asyncio


def must_pass(error: BaseException) -> bool:
    """Return whether the process, a coroutine that is being closed, or the running task itself is to end.

    Everything else has to be answered: Microsoft's runtime leaves a request that ends with anything but an Exception
    unanswered, and is started anew when its time is up. A cancellation comes here in the same words when a task that
    was waited for was cancelled; only the running task's own counts as its end.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
