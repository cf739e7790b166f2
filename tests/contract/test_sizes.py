"""The largest that is allowed is stored and read like anything else."""

from itertools import cycle

import pytest

from shared.models import MAX_REQUEST_MESSAGES_BYTES, MessageQuery, NewMessage, Session
from shared.settings import MAX_CONTENT_BYTES
from shared.store.port import SessionStore
from shared.store.rules import documents_bytes
from tests.builders import a_message, a_session, again, all_messages, fill, message_pages, messages
from tests.tiers import slow_but

EMOJI = "😀👩‍🚀"
CONTENTS = {
    "latin": "x" * MAX_CONTENT_BYTES,
    "CJK": "漢" * (MAX_CONTENT_BYTES // 3),
    "emoji": EMOJI * (MAX_CONTENT_BYTES // len(EMOJI.encode())),
    "quotes and backslashes": '"\\' * (MAX_REQUEST_MESSAGES_BYTES // 4 - 1000),  # two bytes each once stored
    "control characters": "\u0001" * (MAX_REQUEST_MESSAGES_BYTES // 6 - 1000),  # six bytes each once stored
}


def largest_batch(text: str = "漢") -> list[NewMessage]:
    """Return 20 messages that together are just as large as one request's may be."""
    batch = messages(20)
    room = MAX_REQUEST_MESSAGES_BYTES - documents_bytes(message.document() for message in batch)
    each = text * (room // 20 // len(text.encode()))
    return [message.model_copy(update={"content": f"{message.content}{each}"}) for message in batch]


@pytest.mark.parametrize("kind", CONTENTS)
async def test_a_message_of_the_largest_size_is_kept_exactly(store: SessionStore, session: Session, kind: str) -> None:
    await store.append(session.user_id, session.id, [a_message(CONTENTS[kind])])

    _, page = await store.read(session.user_id, session.id, limit=1)

    assert page.messages[0].content == CONTENTS[kind]


@pytest.mark.parametrize("content", slow_but(CONTENTS, "CJK", "control characters"))
async def test_largest_messages_in_a_row_are_all_kept(store: SessionStore, session: Session, content: str) -> None:
    for number in range(10):
        await store.append(session.user_id, session.id, [a_message(content[:-1] + str(number))])

    stored = await all_messages(store, session)

    assert [str(message.content)[-1] for message in stored] == list("0123456789")


async def test_a_largest_message_may_be_repeated(store: SessionStore, session: Session) -> None:
    message = a_message(CONTENTS["CJK"])
    await store.append(session.user_id, session.id, [message])

    repeat = await store.append(session.user_id, session.id, again([message]))

    assert not repeat.created
    assert repeat.messages[0].content == message.content


async def test_largest_batches_in_a_row_are_all_kept(store: SessionStore, session: Session) -> None:
    batches = [largest_batch() for _ in range(3)]
    for batch in batches:
        await store.append(session.user_id, session.id, batch)

    stored = await all_messages(store, session)

    assert [message.content for message in stored] == [message.content for batch in batches for message in batch]
    assert [message.seq for message in stored] == list(range(1, 61))


async def test_a_largest_batch_may_be_repeated(store: SessionStore, session: Session) -> None:
    batch = largest_batch()
    await store.append(session.user_id, session.id, batch)

    repeat = await store.append(session.user_id, session.id, again(batch))

    assert not repeat.created
    assert [message.seq for message in repeat.messages] == list(range(1, 21))


async def test_a_session_may_begin_with_a_largest_batch(store: SessionStore, owner: str) -> None:
    batch = largest_batch("\u00e9")

    session = await store.create(a_session(owner, context={"k": "x" * 8000}), batch)

    assert [message.content for message in await all_messages(store, session)] == [each.content for each in batch]


async def test_single_messages_follow_largest_batches(store: SessionStore, session: Session) -> None:
    for _ in range(3):
        await store.append(session.user_id, session.id, largest_batch())
        await store.append(session.user_id, session.id, [a_message("small")])

    small = [message.seq for message in await all_messages(store, session) if message.content == "small"]

    assert small == [21, 42, 63]


@pytest.mark.parametrize("order", slow_but({"asc": "asc", "desc": "desc"}, "desc"))
async def test_a_page_of_large_messages_is_bounded_and_leads_on(
    store: SessionStore, session: Session, order: str
) -> None:
    for _ in range(30):
        await store.append(session.user_id, session.id, [a_message(CONTENTS["latin"])])

    query = MessageQuery.model_validate({"limit": 200, "order": order})
    pages = [[message.seq for message in page] async for page in message_pages(store, session, query)]

    assert len(pages) > 1
    assert sorted(seq for page in pages for seq in page) == list(range(1, 31))


async def test_reading_large_messages_with_the_session_is_bounded_too(store: SessionStore, session: Session) -> None:
    for _ in range(30):
        await store.append(session.user_id, session.id, [a_message(CONTENTS["latin"])])

    _, page = await store.read(session.user_id, session.id, limit=200)

    assert page.has_more
    assert [message.seq for message in page.messages] == list(range(30, 30 - len(page.messages), -1))


@pytest.mark.parametrize("count", slow_but({"700 messages": 700, "2000 messages": 2000}, "700 messages"))
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_many_messages_are_paged_once_each_with_changing_limits(
    store: SessionStore, session: Session, order: str, count: int
) -> None:
    stored = await fill(store, session, count)
    limits = cycle([1, 200, 7, 50, 199, 2])
    query = MessageQuery.model_validate({"limit": next(limits), "order": order})
    found = []

    while True:
        page = await store.read_messages(session.user_id, session.id, query)
        found += page.messages
        if not page.has_more:
            break
        bound = "after" if order == "asc" else "before"
        moved = {bound: page.next_seq, "page_hint": page.page_hint, "limit": next(limits)}
        query = query.model_copy(update=moved)

    assert found == (stored if order == "asc" else stored[::-1])
