"""One message: finding it wherever in its session it lives, and changing it there."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

from shared.errors import LeaseLostError, MessageNotFoundError, PreconditionFailedError
from shared.models import Edited, Message, Replied, format_time, utc_now
from shared.store.cosmos.batch import turn_conditions, turn_operations
from shared.store.cosmos.documents import MessageDocument, PageDocument
from shared.store.cosmos.errors import ItemMissingError, ItemRefusedError
from shared.store.cosmos.guards import (
    IS_PAGE,
    Operation,
    all_of,
    has_room,
    increment,
    matching,
    message_unchanged_since,
    page_counts,
    replace_at,
    set_at,
    set_fields,
)
from shared.store.cosmos.head import Head
from shared.store.cosmos.history import TRIES as READ_TRIES
from shared.store.cosmos.log import read_head, rotate
from shared.store.cosmos.pages import IDS_OF_PAGES, ids_of_pages
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.proof import proven
from shared.store.cosmos.renewal import renew_if_due
from shared.store.cosmos.retry import Retries
from shared.store.rules import counts_of, documents_bytes

MessageEdit = Callable[[Message], Message]


class Place(NamedTuple):
    """Where a message is stored: in a list of the head or in a page, and the `position` in there."""

    kept_in: Literal["messages", "previous", "page"]
    position: int
    seq: int
    document: MessageDocument
    page: PageDocument | None = None


class Along(NamedTuple):
    """What else has to hold for an edit, and what it changes beside the message."""

    conditions: Sequence[str]
    operations: Sequence[Operation]


async def read_message(partition: Partition, session_id: str, message_id: str) -> Message:
    """Return one message; see SessionStore.get_message."""
    retries = Retries(partition.limits, READ_TRIES, seconds=0)
    while True:
        head = await read_head(partition, session_id)
        try:
            place = await _find(partition, head, message_id)
        except ItemMissingError:  # the head has moved on
            await retries.again()
        else:
            return head.message(place.seq, place.document)


@proven
async def edit_message(  # noqa: PLR0913 - what a session, a message and an edit are named by, and its conditions
    partition: Partition,
    session_id: str,
    message_id: str,
    change: MessageEdit,
    if_match: str | None = None,
    *,
    turn: Replied | None = None,
) -> Edited:
    """Change one message; see SessionStore.edit_message.

    What another may be copying is never changed under its hands: `previous` becomes a page first, a page's
    change is noted in the head in the same step, and so a rewind that has copied the page finds out.
    """
    written: list[MessageDocument] = []  # by a try whose answer may be lost
    retries = Retries(partition.limits)
    while True:
        head = await read_head(partition, session_id)
        try:
            place = await _find(partition, head, message_id)
            refusal = _refusal(head, if_match, turn)
            if refusal:
                if place.document in written:
                    return Edited(message=head.message(place.seq, place.document), etag=head.version)
                raise refusal
            changed = change(head.message(place.seq, place.document))
            edit = _edit_page if place.kept_in == "page" else _edit_held
            along = Along([*matching(if_match), *turn_conditions(turn, partition.now)], turn_operations(turn))
            after = await edit(partition, head, place, document=changed.document(), along=along)
            if after is not None:
                return Edited(message=changed, etag=after.version)
            if not await renew_if_due(partition, head):  # which a rotation would be refused for, without a word
                await rotate(partition, head)
        except (ItemRefusedError, ItemMissingError) as error:
            if error.repeated:
                written.append(changed.document())
            await renew_if_due(partition, head)
        await retries.again()


def _refusal(head: Head, if_match: str | None, turn: Replied | None) -> PreconditionFailedError | LeaseLostError | None:
    """Return what keeps a session in this state from being edited on these conditions."""
    if if_match not in {None, head.version}:
        return PreconditionFailedError()
    if turn and (head.lease is None or head.lease.holder != turn.holder):
        return LeaseLostError()
    return None


async def _find(partition: Partition, head: Head, message_id: str) -> Place:
    """Return the newest message by that id; raises MessageNotFoundError, or ItemMissingError when the head is old."""
    if found := _index_of(head.messages, message_id):
        return Place("messages", found[0], head.messages_first_seq + found[0], found[1])
    if found := _index_of(head.previous, message_id):
        return Place("previous", found[0], head.previous_first_seq + found[0], found[1])
    page = await _page_with_id(partition, head, message_id)
    if page is None or not (found := _index_of(page["messages"], message_id)):
        raise MessageNotFoundError
    return Place("page", found[0], page["first_seq"] + found[0], found[1], page)


def _index_of(documents: Sequence[MessageDocument], message_id: str) -> tuple[int, MessageDocument] | None:
    found = [(index, document) for index, document in enumerate(documents) if document["id"] == message_id]
    return found[-1] if found else None


async def _page_with_id(partition: Partition, head: Head, message_id: str) -> PageDocument | None:
    if not head.counted_pages:
        return None
    sql = f"SELECT * FROM c WHERE {IDS_OF_PAGES} AND ARRAY_CONTAINS(c.messages, {{'id': @message_id}}, true)"  # noqa: S608
    found: list[PageDocument] = await partition.query(
        sql, {**ids_of_pages(head.id, head.epoch), "message_id": message_id}
    )
    counted = (page for page in found if page["generation"] < head.counted_pages)
    return max(counted, key=lambda page: page["generation"], default=None)


async def _edit_held(
    partition: Partition, head: Head, place: Place, *, document: MessageDocument, along: Along
) -> Head | None:
    """Change a message in the head; return None where that cannot be done, or where there is no room."""
    grown = documents_bytes([document]) - documents_bytes([place.document])
    cap = partition.limits.head_cap_bytes - grown
    if place.kept_in == "previous" or head.bytes + head.previous_bytes >= cap:
        return None
    operations = [
        replace_at(f"/log/messages/{place.position}", document),
        increment("/log/bytes", grown),
        *_count_edit(),
        *along.operations,
    ]
    where = all_of(message_unchanged_since(head, place.position, partition.now), has_room(cap), *along.conditions)
    return Head(await partition.patch(head.id, operations, where))


async def _edit_page(
    partition: Partition, head: Head, place: Place, *, document: MessageDocument, along: Along
) -> Head:
    """Change a message in a page that counts, and what the head says of the page's messages, in one step."""
    page = cast("PageDocument", place.page)
    where = all_of(page_counts(head, page["generation"], partition.now), *along.conditions)
    noted = [*_count_edit(), *_count_roles(place.document["role"], document["role"]), *along.operations]
    if document == place.document:
        return Head(await partition.patch(head.id, noted, where))
    messages = [*page["messages"][: place.position], document, *page["messages"][place.position + 1 :]]
    operations = [replace_at(f"/messages/{place.position}", document), set_at("/counts", counts_of(messages))]
    return Head(await partition.patch_both((page["id"], operations, IS_PAGE), page["_etag"], (head.id, noted, where)))


def _count_roles(before: str, after: str) -> list[Operation]:
    """Count a message that is in a page under another role."""
    if before == after:
        return []
    return [increment(f"/log/sealed/roles/{before}", -1), increment(f"/log/sealed/roles/{after}")]


def _count_edit() -> list[Operation]:
    return [increment("/log/edits"), *set_fields(updated_at=format_time(utc_now()))]
