"""read: the session and its newest messages, of one moment."""

import pytest

from shared.errors import SessionNotFoundError
from shared.models import MessageQuery, Session
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, fill, message_pages, messages


async def test_a_session_that_never_was_cannot_be_read(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.read(owner, "nothing-here", limit=10)


async def test_an_empty_session_has_no_messages_and_no_more(store: SessionStore, session: Session) -> None:
    read, page = await store.read(session.user_id, session.id, limit=10)

    assert read == session
    assert page.messages == []
    assert not page.has_more


async def test_the_newest_message_comes_first(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(3))

    _, page = await store.read(session.user_id, session.id, limit=10)

    assert [message.seq for message in page.messages] == [3, 2, 1]


async def test_the_session_read_is_the_session_itself(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, session_name="Plans", context={"a": 1}), messages(2))

    read, _ = await store.read(owner, created.id, limit=1)

    assert read == await store.get(owner, created.id)


async def test_no_more_than_the_limit_is_read(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(5))

    _, page = await store.read(session.user_id, session.id, limit=2)

    assert [message.seq for message in page.messages] == [5, 4]
    assert page.has_more


async def test_a_limit_of_just_all_messages_leaves_no_more(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(5))

    _, page = await store.read(session.user_id, session.id, limit=5)

    assert len(page.messages) == 5
    assert not page.has_more


async def test_what_is_left_over_leads_on_to_the_older_messages(store: SessionStore, session: Session) -> None:
    await fill(store, session, 130, persona="a rather long description of the one who speaks here " * 4)
    _, first = await store.read(session.user_id, session.id, limit=50)

    rest = MessageQuery(limit=30, before=first.next_seq, page_hint=first.page_hint)
    older = [message.seq async for page in message_pages(store, session, rest) for message in page]

    assert [message.seq for message in first.messages] + older == list(range(130, 0, -1))


async def test_a_message_is_read_back_as_it_was_sent(store: SessionStore, session: Session) -> None:
    sent = a_message(
        [{"type": "text", "text": "Grüße\u0000\u0001\n"}, {"type": "image_url", "image_url": {"url": "https://x"}}],
        role="tool",
        name="lookup",
        persona="oracle",
        audio_files=["a.wav", {"url": "b.wav", "seconds": 1.5}],
        transcription_confidence=0.75,
        function_calls=[{"id": "call_1", "function": {"name": "f", "arguments": "{}"}}],
        tool_call_id="call_1",
        metadata={"tokens": 12, "nested": {"deep": [None, False]}},
    )
    await store.append(session.user_id, session.id, [sent])

    _, page = await store.read(session.user_id, session.id, limit=1)

    assert page.messages[0].model_dump(include=set(type(sent).model_fields)) == sent.model_dump()


async def test_a_message_names_its_owner_and_its_place(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, [a_message()])

    _, page = await store.read(session.user_id, session.id, limit=1)

    assert (page.messages[0].user_id, page.messages[0].seq) == (session.user_id, 1)


@pytest.mark.parametrize("length", [0, 60])
async def test_as_of_a_write_what_is_read_is_what_it_left(store: SessionStore, owner: str, length: int) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, length)
    appended = await store.append(owner, session.id, [a_message()])

    found, page = await store.read(owner, session.id, 50, as_of=appended.etag)

    assert (found, page) == await store.read(owner, session.id, 50)
    assert page.messages[0] == appended.messages[0]
    assert found.etag == appended.etag
