"""Who makes a session's next reply: a field of the head, set and taken away under its own guard."""

from collections.abc import Sequence

from shared.errors import SessionArchivedError, SessionNotFoundError
from shared.models import STOP_SECONDS, Lease
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    ACTIVE,
    Operation,
    all_of,
    lease_free,
    lease_held,
    lease_of,
    not_due,
    set_at,
    set_fields,
    writable,
)
from shared.store.cosmos.head import Head
from shared.store.cosmos.log import read_head
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import renew_if_due
from shared.store.cosmos.retry import Retries
from shared.store.rules import require_free


@proven
async def hold(partition: Partition, session_id: str, lease: Lease) -> None:
    """Take a lease; see SessionStore.hold_turn."""
    retries = Retries(partition.limits)
    while True:
        now = partition.now
        where = all_of(ACTIVE, not_due(now), lease_free(lease.holder, now))
        head = await _written(partition, session_id, set_fields(lease=lease.model_dump()), where)
        if head is None:
            return
        if head.status != "active":
            raise SessionArchivedError
        require_free(head.lease, lease, now)
        await renew_if_due(partition, head)
        await retries.again()


@proven
async def end(partition: Partition, session_id: str, holder: str) -> None:
    """Give a lease back; see SessionStore.end_turn."""
    retries = Retries(partition.limits)
    while True:
        where = all_of(writable(partition.now), lease_held(holder))
        head = await _written(partition, session_id, set_fields(lease=None), where)
        if head is None or head.lease is None or head.lease.holder != holder:
            return
        await renew_if_due(partition, head)
        await retries.again()


@proven
async def stop(partition: Partition, session_id: str, reply_id: str) -> bool:
    """Mark a lease; see SessionStore.stop_turn."""
    retries = Retries(partition.limits)
    mark = set_at("/lease/is_stopped", value=True)
    while True:
        now = partition.now
        soon = now + STOP_SECONDS
        shortened = [mark, set_at("/lease/until", soon)]
        head = await _written(partition, session_id, shortened, all_of(writable(now), lease_of(reply_id, soon)))
        if head is None:
            return True
        if head.lease is None or head.lease.reply_id != reply_id or head.lease.is_over(now):
            return False
        if head.lease.until <= soon:
            where = all_of(writable(now), lease_of(reply_id, now))
            if head.lease.is_stopped or await _written(partition, session_id, [mark], where) is None:
                return True
        await renew_if_due(partition, head)
        await retries.again()


async def _written(partition: Partition, session_id: str, operations: Sequence[Operation], where: str) -> Head | None:
    """Change the head and return None; where that was refused, return the head that refused it."""
    try:
        await partition.patch(session_id, operations, where)
    except ItemMissingError as error:
        raise SessionNotFoundError from error
    except ItemRefusedError:
        return await read_head(partition, session_id)
    return None
