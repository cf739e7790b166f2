"""create: a session comes into being, with its first messages if it has any."""

from datetime import timedelta

import pytest

from shared.errors import SessionExistsError, SessionNotFoundError
from shared.models import KEEP
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, a_session, again, all_messages, messages

NEARLY = timedelta(seconds=5)  # a store may count by a clock of its own, in whole seconds


async def test_a_created_session_holds_what_was_given(store: SessionStore, owner: str) -> None:
    new = a_session(
        owner,
        session_name="Łódź \"quoted\" 'and' 😀",
        channel="scene-writer",
        context={"persona": {"name": "Ada", "depth": [1, 2.5, None, True, ""]}},
        tags=["b", "a", "x'y\"z"],
        pinned=True,
        ttl_seconds=120,
    )

    created = await store.create(new)

    assert created.model_dump(include=set(type(new).model_fields)) == new.model_dump(exclude={"fingerprint"})


async def test_a_created_session_is_active_and_empty(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner))

    assert created.status == "active"
    assert created.message_count == 0
    assert created.last_message_at is None
    assert created.archived_at is None


async def test_the_last_activity_of_a_new_session_is_its_creation(store: SessionStore, owner: str) -> None:
    new = a_session(owner)

    created = await store.create(new)

    assert created.last_activity_at == new.created_at
    assert created.created_at == new.created_at


async def test_the_last_activity_of_a_session_made_with_messages_is_the_last_of_them(
    store: SessionStore, owner: str
) -> None:
    sent = messages(2)

    created = await store.create(a_session(owner, created_at=sent[0].created_at), sent)

    assert created.last_activity_at == sent[-1].created_at


async def test_a_created_session_is_read_back_the_same(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, session_name="Plans", tags=["x"]), messages(3))

    assert await store.get(owner, created.id) == created


async def test_an_id_that_the_owner_already_has_is_refused(store: SessionStore, owner: str) -> None:
    first = await store.create(a_session(owner, session_name="first"))

    with pytest.raises(SessionExistsError):
        await store.create(a_session(owner, id=first.id, session_name="second"))

    assert await store.get(owner, first.id) == first


async def test_a_refused_creation_stores_none_of_its_messages(store: SessionStore, owner: str) -> None:
    first = await store.create(a_session(owner), [a_message("kept")])

    with pytest.raises(SessionExistsError):
        await store.create(a_session(owner, id=first.id), [a_message("lost")])

    assert [message.content for message in await all_messages(store, first)] == ["kept"]


async def test_first_messages_are_numbered_from_one(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner), messages(3))

    stored = await all_messages(store, created)
    assert [(message.seq, message.content) for message in stored] == [
        (1, "message 1"),
        (2, "message 2"),
        (3, "message 3"),
    ]
    assert created.message_count == 3


async def test_a_session_may_begin_with_twenty_messages(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner), messages(20))

    assert [message.seq for message in await all_messages(store, created)] == list(range(1, 21))


async def test_the_last_of_the_first_messages_dates_the_session(store: SessionStore, owner: str) -> None:
    first_messages = messages(2)

    created = await store.create(a_session(owner), first_messages)

    assert created.last_message_at == first_messages[-1].created_at


async def test_appends_go_on_after_the_first_messages(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner), messages(2))

    appended = await store.append(owner, created.id, [a_message("next")])

    assert appended.messages[0].seq == 3
    assert appended.message_count == 3


async def test_first_messages_sent_again_are_recognised(store: SessionStore, owner: str) -> None:
    sent = messages(2)
    created = await store.create(a_session(owner), sent)

    repeated = await store.append(owner, created.id, again(sent))

    assert not repeated.created
    assert [message.seq for message in repeated.messages] == [1, 2]


async def test_the_id_of_a_deleted_session_is_free_again(store: SessionStore, owner: str) -> None:
    first = await store.create(a_session(owner, session_name="old"), messages(2))
    await store.delete(owner, first.id)

    second = await store.create(a_session(owner, id=first.id))

    assert second.session_name is None
    assert second.message_count == 0


async def test_a_session_under_a_used_id_sees_nothing_of_the_old_messages(store: SessionStore, owner: str) -> None:
    old_messages = messages(3)
    first = await store.create(a_session(owner), old_messages)
    await store.delete(owner, first.id)

    second = await store.create(a_session(owner, id=first.id))
    appended = await store.append(owner, second.id, old_messages)

    assert appended.created
    assert [message.seq for message in await all_messages(store, second)] == [1, 2, 3]


async def test_the_etag_of_a_deleted_session_does_not_come_back(store: SessionStore, owner: str) -> None:
    new = a_session(owner)
    first = await store.create(new)
    await store.delete(owner, first.id)

    second = await store.create(new)

    assert second.etag != first.etag


async def test_an_etag_is_a_quoted_string(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner))

    assert len(created.etag) > 2
    assert created.etag[0] == created.etag[-1] == '"'


async def test_a_session_expires_its_ttl_after_its_creation(store: SessionStore, owner: str) -> None:
    new = a_session(owner, ttl_seconds=HOUR)

    created = await store.create(new)

    assert created.expires_at is not None
    assert abs(created.expires_at - new.created_at - timedelta(seconds=HOUR)) < NEARLY


async def test_a_kept_session_does_not_expire(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, ttl_seconds=KEEP))

    assert created.expires_at is None


async def test_a_pinned_session_does_not_expire_whatever_its_ttl(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, ttl_seconds=HOUR, pinned=True))

    assert created.expires_at is None
    assert created.ttl_seconds == HOUR


async def test_the_longest_ttl_is_accepted(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, ttl_seconds=2_147_483_647))

    assert created.expires_at is not None


@pytest.mark.parametrize("session_id", ["a", "A", "a.b-c_d", "0", "select", "x" * 64])
async def test_every_id_of_the_grammar_is_an_id_of_its_own(store: SessionStore, owner: str, session_id: str) -> None:
    await store.create(a_session(owner, id=session_id))

    assert (await store.get(owner, session_id)).id == session_id
    with pytest.raises(SessionNotFoundError):
        await store.get(owner, session_id[:-1] + "~")


async def test_ids_differ_by_case(store: SessionStore, owner: str) -> None:
    await store.create(a_session(owner, id="case", session_name="lower"))

    await store.create(a_session(owner, id="CASE", session_name="upper"))

    assert (await store.get(owner, "case")).session_name == "lower"
