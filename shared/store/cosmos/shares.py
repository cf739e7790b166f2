"""Links to a session, kept in its head: they end with it, whatever ends it."""

from collections.abc import Sequence
from time import time

from shared.errors import SessionNotFoundError, ShareNotFoundError, TooManySharesError
from shared.models import MAX_SHARES, JsonObject, Session, Share, format_time, utc_now
from shared.store.cosmos.changes import set_fields
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import literal, writable
from shared.store.cosmos.head import Head
from shared.store.cosmos.items import Items
from shared.store.cosmos.log import read_head, renew_if_due
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.retry import Retries

FIND = "SELECT c.id, c.user_id FROM c JOIN s IN c.shares WHERE s.token_hash = @token_hash"


@proven
async def add_share(partition: Partition, session_id: str, share: Share) -> None:
    """Keep a link; see SessionStore.add_share. A repeat of the write finds it there."""
    retries = Retries()
    while True:
        head = await read_head(partition, session_id)
        kept = head.document["shares"]
        if any(known["id"] == share.id for known in kept):
            return
        working = [known for known in kept if not Share.model_validate(known).is_over(utc_now())]
        if len(working) >= MAX_SHARES:
            raise TooManySharesError
        if await _write(partition, head, [*working, share.model_dump(mode="json")]):
            return
        await retries.again()


async def list_shares(partition: Partition, session_id: str) -> list[Share]:
    """Return the links that work; see SessionStore.list_shares."""
    return sorted(_working(await read_head(partition, session_id)), key=lambda share: (share.created_at, share.id))


@proven
async def remove_share(partition: Partition, session_id: str, share_id: str) -> None:
    """Revoke a link; see SessionStore.remove_share."""
    removed = False
    retries = Retries()
    while True:
        head = await read_head(partition, session_id)
        kept = [known for known in head.document["shares"] if known["id"] != share_id]
        if all(share.id != share_id for share in _working(head)):
            if removed:
                return
            raise ShareNotFoundError
        removed = True  # perhaps: the answer may get lost
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
        for share in _working(head):
            if share.token_hash == token_hash:
                return head.session(), share
    raise ShareNotFoundError


def _working(head: Head) -> list[Share]:
    now = utc_now()
    shares = [Share.model_validate(known) for known in head.document["shares"]]
    return [share for share in shares if not share.is_over(now)]


async def _write(partition: Partition, head: Head, shares: Sequence[JsonObject]) -> bool:
    """Put these links in the place of those that were read; return whether they still were the same."""
    same = [f"ARRAY_LENGTH(c.shares) = {len(head.document['shares']):d}"]
    same += [f"c.shares[{n:d}].id = {literal(known['id'])}" for n, known in enumerate(head.document["shares"])]
    operations = set_fields(shares=list(shares), updated_at=format_time(utc_now()))
    where = " AND ".join((writable(int(time())), *same))
    try:
        await partition.patch(head.id, operations, where, no_response=True)
    except (ItemRefusedError, ItemMissingError):
        await renew_if_due(partition, head)
        return False
    return True
