"""Links to a session, kept in its head: they end with it, whatever ends it."""

from collections.abc import Sequence

from shared.errors import SessionNotFoundError, ShareNotFoundError
from shared.models import Session, Share, format_time, utc_now
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import set_fields, shares_unchanged_since
from shared.store.cosmos.head import Head
from shared.store.cosmos.items import Items
from shared.store.cosmos.log import read_head
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import renew_if_due
from shared.store.cosmos.retry import Retries
from shared.store.rules import with_share, without_share, working_shares

FIND = "SELECT c.id, c.user_id FROM c JOIN s IN c.shares WHERE s.token_hash = @token_hash"


@proven
async def add_share(partition: Partition, session_id: str, share: Share) -> None:
    """Keep a link; see SessionStore.add_share. A repeat of the write finds it there."""
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        shares = _shares_of(head)
        if any(kept.id == share.id for kept in shares):
            return
        if await _write(partition, head, with_share(shares, share, utc_now())):
            return
        await retries.again()


async def list_shares(partition: Partition, session_id: str) -> list[Share]:
    """Return the links that work; see SessionStore.list_shares."""
    return working_shares(_shares_of(await read_head(partition, session_id)), utc_now())


@proven
async def remove_share(partition: Partition, session_id: str, share_id: str) -> None:
    """Revoke a link; see SessionStore.remove_share."""
    sent = False  # perhaps it is removed: the answer may get lost
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        try:
            kept = without_share(_shares_of(head), share_id, utc_now())
        except ShareNotFoundError:
            if sent:
                return
            raise
        sent = True
        if await _write(partition, head, kept):
            return
        await retries.again()


async def find_share(items: Items, token_hash: str) -> tuple[Session, Share]:
    """Return a link and its session; see SessionStore.find_share.

    The query only says whose it may be: the head itself, read after it, decides.
    """
    for row in await items.query_everywhere(FIND, {"token_hash": token_hash}, 1):
        try:
            head = await read_head(items.of(row["user_id"]), row["id"])
        except SessionNotFoundError as error:
            raise ShareNotFoundError from error
        for share in working_shares(_shares_of(head), utc_now()):
            if share.token_hash == token_hash:
                return head.session(), share
    raise ShareNotFoundError


def _shares_of(head: Head) -> list[Share]:
    return [Share.model_validate(kept) for kept in head.document["shares"]]


async def _write(partition: Partition, head: Head, shares: Sequence[Share]) -> bool:
    """Put these links in the place of those that were read; return whether they still were the same."""
    kept = [share.model_dump(mode="json") for share in shares]
    operations = set_fields(shares=kept, updated_at=format_time(utc_now()))
    where = shares_unchanged_since(head, partition.now)
    try:
        await partition.patch(head.id, operations, where, no_response=True)
    except (ItemRefusedError, ItemMissingError):
        await renew_if_due(partition, head)
        return False
    return True
