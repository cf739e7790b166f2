"""Refusals that stand: what a read alone led to is judged again, on a state that a write has confirmed."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from shared.errors import (
    LeaseLostError,
    MessageNotFoundError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionNotFoundError,
    ShareNotFoundError,
    TooManySharesError,
    TurnInProgressError,
)
from shared.store.cosmos.partition import Partition

REFUSALS = (
    LeaseLostError,
    MessageNotFoundError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionNotFoundError,
    ShareNotFoundError,
    TooManySharesError,
    TurnInProgressError,
)
P = ParamSpec("P")
Result = TypeVar("Result")
Verb = Callable[Concatenate[Partition, str, P], Awaitable[Result]]


def proven(verb: Verb[P, Result]) -> Verb[P, Result]:
    """Have a verb that changes a session refuse only what the newest state refuses.

    A replica that lags may show no session, or not yet a message or an etag that another instance has given out.
    If the verb has not met a write's answer before it refused, the head is asked for one, and the verb begins anew.
    It costs two requests, of refusals alone.
    """

    @wraps(verb)
    async def judged(partition: Partition, session_id: str, /, *args: P.args, **options: P.kwargs) -> Result:
        try:
            return await verb(partition, session_id, *args, **options)
        except REFUSALS:
            if partition.pinned:
                raise
        await partition.pin(session_id)
        return await verb(partition, session_id, *args, **options)

    return judged
