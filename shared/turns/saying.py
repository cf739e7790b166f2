"""Storing what is said in a turn, together with the lease to answer it."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from shared.errors import ModelThrottledError, PreconditionFailedError
from shared.idempotency import IdempotencyKey
from shared.models import Appended, Lease, MessageInput, SessionTarget
from shared.service import ChatService
from shared.turns.leases import Leases

NO_ETAG = "none"  # that no session ever has


class Said(NamedTuple):
    """What is said in a turn, and what makes saying it again a repeat."""

    messages: Sequence[MessageInput]
    key: IdempotencyKey | None = None
    ttl_seconds: int | None = None  # of a session that is made
    if_match: str | None = None  # the session's etag, unless it is a repeat


async def store_said(  # noqa: PLR0913 - what an append needs, and whose
    chat: ChatService,
    leases: Leases,
    user_id: str,
    target: str | SessionTarget,
    said: Said,
    *,
    only_if_repeated: bool,
) -> tuple[str, Appended, Lease]:
    """Store what is said, and take the lease; ModelThrottledError where it is new and only a repeat may be."""
    messages, key, ttl_seconds, if_match = said if not only_if_repeated else said._replace(if_match=NO_ETAG)
    made: list[Lease] = []
    with ExitStack() as taking:

        def lease_for(session_id: str, message_id: str) -> Lease:
            place = user_id, session_id
            lease = leases.new(place, message_id)
            taking.enter_context(leases.taking(place, lease))
            made.append(lease)
            return lease

        try:
            if isinstance(target, str):
                session_id = target
                appended = await chat.append(user_id, target, messages, key, if_match=if_match, lease_for=lease_for)
            else:
                session_id, appended = await chat.append_anywhere(
                    user_id, target, messages, key, ttl_seconds=ttl_seconds, if_match=if_match, lease_for=lease_for
                )
        except PreconditionFailedError as error:
            if only_if_repeated:
                raise ModelThrottledError(1) from error
            raise
    return session_id, appended, made[0]
