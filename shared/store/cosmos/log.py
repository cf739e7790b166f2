"""Writing to a session's log: append, rotate, renew. Each change of the head is one guarded Patch."""

import logging
from collections.abc import Sequence
from time import time

from shared.errors import (
    MessageConflictError,
    SessionArchivedError,
    SessionNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from shared.models import Appended, JsonObject, Message, NewMessage
from shared.store.cosmos.errors import ItemError, ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import appendable, same_log, unsealed, writable
from shared.store.cosmos.head import (
    HEAD_CAP_BYTES,
    PREVIOUS_CAP_BYTES,
    RECENT_IDS,
    Head,
    renewal_due,
    short_hash,
    summary,
)
from shared.store.cosmos.items import Items, pause
from shared.store.cosmos.pages import read_page, retime_pages, seal_previous
from shared.store.documents import conflicting_ids, documents_bytes, message_document

logger = logging.getLogger(__name__)

TRIES = 8
MESSAGES_PER_PATCH = 6  # with four operations for the counters that makes ten, the most a Patch may have


async def read_head(items: Items, user_id: str, session_id: str) -> Head:
    """Return the head of a session that exists; raises SessionNotFoundError."""
    try:
        head = Head(await items.read(user_id, session_id))
    except ItemMissingError as error:
        raise SessionNotFoundError from error
    if head.is_deleted:
        raise SessionNotFoundError
    return head


async def append(items: Items, user_id: str, session_id: str, messages: Sequence[NewMessage]) -> Appended:
    """Append the messages, all or none; see SessionStore.append."""
    documents = [message_document(message) for message in messages]
    size = documents_bytes(documents)
    write = _append_few if len(messages) <= MESSAGES_PER_PATCH else _append_many
    for attempt in range(TRIES):
        try:
            head = await write(items, user_id, session_id, documents)
        except ItemMissingError as error:
            raise SessionNotFoundError from error
        except ItemRefusedError:
            stored = await _explain(items, await read_head(items, user_id, session_id), messages, size)
            if stored is not None:
                return stored
            await pause(attempt)
        else:
            await _rotate_if_due(items, head, size)
            newest = head.held()[-len(documents) :]
            return Appended(
                messages=[head.message(seq, document) for seq, document in newest],
                message_count=head.document["message_count"],
                created=True,
            )
    raise StoreUnavailableError


def _counters(documents: Sequence[JsonObject]) -> list[JsonObject]:
    return [
        {"op": "incr", "path": "/last_seq", "value": len(documents)},
        {"op": "incr", "path": "/message_count", "value": len(documents)},
        {"op": "set", "path": "/last_activity_at", "value": documents[-1]["created_at"]},
    ]


def _guard(session_id: str, documents: Sequence[JsonObject]) -> str:
    ids = [document["id"] for document in documents]
    room = appendable(ids, documents_bytes(documents), int(time()))
    return f"{room} AND {unsealed(short_hash(session_id, message_id) for message_id in ids)}"


async def _append_few(items: Items, user_id: str, session_id: str, documents: Sequence[JsonObject]) -> Head:
    operations: list[JsonObject] = [
        *({"op": "add", "path": "/log/messages/-", "value": document} for document in documents),
        {"op": "incr", "path": "/log/bytes", "value": documents_bytes(documents)},
        *_counters(documents),
    ]
    return Head(await items.patch(user_id, session_id, operations, _guard(session_id, documents)))


async def _append_many(items: Items, user_id: str, session_id: str, documents: Sequence[JsonObject]) -> Head:
    head = await read_head(items, user_id, session_id)
    if head.generation:
        await seal_previous(items, head)
    operations = [*_rotation(head, documents), *_counters(documents)]
    where = f"{_guard(session_id, documents)} AND {same_log(head)}"
    return Head(await items.patch(user_id, session_id, operations, where))


def _rotation(head: Head, documents: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the operations that make `documents` the current generation; a first one has no page to account for."""
    turn: list[JsonObject] = [
        {"op": "move", "from": "/log/messages", "path": "/log/previous"},
        {"op": "set", "path": "/log/messages", "value": list(documents)},
        {"op": "move", "from": "/log/bytes", "path": "/log/previous_bytes"},
        {"op": "set", "path": "/log/bytes", "value": documents_bytes(documents)},
        {"op": "incr", "path": "/log/generation", "value": 1},
    ]
    if not head.generation:
        return [*turn, {"op": "set", "path": "/renew_at", "value": renewal_due(int(time()), head.ttl)}]
    return [
        *turn,
        {"op": "set", "path": "/log/recent_ids", "value": head.recent_ids_after_sealing()},
        {"op": "set", "path": "/log/sealed", "value": summary(head.sealed, head.previous)},
    ]


async def rotate(items: Items, head: Head) -> None:
    """Make the current generation the previous one, sealing that first; another rotator may have won."""
    if head.generation:
        await seal_previous(items, head)
    where = f"{writable(int(time()))} AND {same_log(head)}"
    try:
        await items.patch_unseen(head.user_id, head.id, _rotation(head, []), where)
    except (ItemRefusedError, ItemMissingError):
        return


async def _rotate_if_due(items: Items, head: Head, appended_bytes: int) -> None:
    """Rotate when this very append crossed a multiple of the threshold, so that one of many writers does it."""
    threshold = head.generation_bytes()
    before = head.bytes - appended_bytes
    crossed = before // threshold < head.bytes // threshold
    first = before <= 0 and head.previous_bytes > PREVIOUS_CAP_BYTES
    if not (crossed or first):
        return
    try:
        await rotate(items, head)
    except (StoreError, ItemError):
        logger.warning("a rotation was put off; the next one makes up for it", exc_info=True)


async def rotate_new(items: Items, head: Head) -> None:
    """Rotate a session that was created with messages, if they call for it."""
    await _rotate_if_due(items, head, head.bytes)


async def renew(items: Items, head: Head) -> Head:
    """Start the clocks of all counted pages again and say when that is due next; returns the head as it is then."""
    start = int(time())
    await retime_pages(items, head, head.ttl, fresh_since=start - head.ttl // 2)
    operations = [{"op": "set", "path": "/renew_at", "value": renewal_due(start, head.ttl)}]
    where = f"c.status != 'deleted' AND {same_log(head)}"
    return Head(await items.patch(head.user_id, head.id, operations, where))


async def renew_if_due(items: Items, head: Head) -> Head | None:
    """Renew when that is what keeps the head from being written; None when it is not, or another was faster."""
    if head.document["renew_at"] > int(time()):
        return None
    try:
        return await renew(items, head)
    except (ItemRefusedError, ItemMissingError):
        return None


async def _explain(items: Items, head: Head, messages: Sequence[NewMessage], size: int) -> Appended | None:
    """Say why an append was refused: return it if it is stored already, raise, or make room for the next try."""
    try:
        stored = await _find_stored(items, head, {message.id for message in messages})
    except ItemMissingError:  # the head has moved on
        return None
    if stored:
        conflicts = conflicting_ids(messages, dict(stored))
        if not conflicts:
            return _as_stored(head, messages, stored)
        if head.status == "active":
            raise MessageConflictError(conflicts)
    if head.status == "archived":
        raise SessionArchivedError
    if not await renew_if_due(items, head) and head.bytes + head.previous_bytes + size >= HEAD_CAP_BYTES:
        await rotate(items, head)
    return None


def _as_stored(head: Head, messages: Sequence[NewMessage], stored: dict[str, Message]) -> Appended:
    """Answer a full repeat; it was this very call that stored them if they bear its time (its answer was lost)."""
    return Appended(
        messages=[stored[message.id] for message in messages],
        message_count=head.document["message_count"],
        created=all(stored[message.id].created_at == message.created_at for message in messages),
    )


async def _find_stored(items: Items, head: Head, ids: set[str]) -> dict[str, Message]:
    """Return the messages by these ids that the head, or the newest pages, hold."""
    found = {document["id"]: head.message(seq, document) for seq, document in head.held() if document["id"] in ids}
    sealed = {message_id for message_id in ids - found.keys() if short_hash(head.id, message_id) in head.recent_ids}
    looked_at = 0
    for generation in reversed(range(head.counted_pages)):
        if not sealed - found.keys() or looked_at >= RECENT_IDS:
            break
        page = await read_page(items, head, generation)
        looked_at += len(page["messages"])
        for seq, document in enumerate(page["messages"], page["first_seq"]):
            if document["id"] in sealed:
                found.setdefault(document["id"], head.message(seq, document))
    return found
