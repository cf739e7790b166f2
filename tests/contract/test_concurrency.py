"""Many at once: nothing is lost, nothing is doubled, and everybody sees whole moments."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.errors import MessageConflictError, PreconditionFailedError, SessionExistsError, SessionNotFoundError
from shared.models import Appended, NewMessage, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, again, all_messages, fill, messages, until_written
from tests.tiers import slow_but

WRITERS = 32
SENT_BY_EACH = {"some": 8, "many": 50}


async def outcomes(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def write_twice(store: SessionStore, session: Session, sent: list[NewMessage]) -> list[tuple[Appended, Appended]]:
    answers = []
    for message in sent:
        append = (store.append(session.user_id, session.id, again([message])) for _ in range(2))
        first, second = await asyncio.gather(*append)
        answers.append((first, second))
    return answers


async def write_once(store: SessionStore, session: Session, sent: list[NewMessage]) -> list[int]:
    appended = [await store.append(session.user_id, session.id, [message]) for message in sent]
    return [answer.messages[0].seq for answer in appended]


async def write_until_gone(store: SessionStore, session: Session, sent: list[NewMessage]) -> int:
    for count, message in enumerate(sent):
        try:
            await store.append(session.user_id, session.id, [message])
        except SessionNotFoundError:
            return count
    return len(sent)


@pytest.mark.parametrize("number", slow_but(SENT_BY_EACH, "some"))
async def test_32_writers_who_send_everything_twice_lose_and_double_nothing(
    store: SessionStore, session: Session, number: int
) -> None:
    sent = [messages(number) for _ in range(WRITERS)]

    answers = await asyncio.gather(*(write_twice(store, session, each) for each in sent))

    stored = await all_messages(store, session)
    pairs = [pair for answer in answers for pair in answer]
    assert [message.seq for message in stored] == list(range(1, WRITERS * number + 1))
    assert {message.id for message in stored} == {message.id for each in sent for message in each}
    assert all(first.messages == second.messages for first, second in pairs)
    assert all([first.created, second.created].count(True) == 1 for first, second in pairs)


async def test_each_writers_own_order_is_kept(store: SessionStore, session: Session) -> None:
    sent = [messages(20, name=f"writer {number}") for number in range(8)]

    await asyncio.gather(*(write_twice(store, session, each) for each in sent))

    stored = await all_messages(store, session)
    for number, each in enumerate(sent):
        assert [message.id for message in stored if message.name == f"writer {number}"] == [one.id for one in each]


async def test_batches_written_at_once_stay_together(store: SessionStore, session: Session) -> None:
    sizes = [20, 1, 7, 6, 20, 3, 12, 20, 2, 8]

    appended = await asyncio.gather(*(store.append(session.user_id, session.id, messages(size)) for size in sizes))

    for answer in appended:
        seqs = [message.seq for message in answer.messages]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert [message.seq for message in await all_messages(store, session)] == list(range(1, sum(sizes) + 1))


async def test_one_batch_sent_many_times_at_once_is_stored_once(store: SessionStore, session: Session) -> None:
    sent = messages(20)

    appended = await asyncio.gather(*(store.append(session.user_id, session.id, again(sent)) for _ in range(8)))

    assert sum(answer.created for answer in appended) == 1
    assert [message.id for message in await all_messages(store, session)] == [message.id for message in sent]


async def test_of_different_messages_under_one_id_one_wins(store: SessionStore, session: Session) -> None:
    rivals = [a_message(f"version {number}", id="the-same") for number in range(8)]

    answers = await outcomes(*(store.append(session.user_id, session.id, [rival]) for rival in rivals))

    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert sum(isinstance(answer, MessageConflictError) for answer in answers) == 7
    assert len(await all_messages(store, session)) == 1


async def test_of_sessions_created_at_once_under_one_id_one_wins(store: SessionStore, owner: str) -> None:
    rivals = [a_session(owner, id="the-same", session_name=f"version {number}") for number in range(8)]

    answers = await outcomes(*(store.create(rival, messages(2)) for rival in rivals))

    winners = [answer for answer in answers if isinstance(answer, Session)]
    assert winners == [await store.get(owner, "the-same")]
    assert sum(isinstance(answer, SessionExistsError) for answer in answers) == 7
    assert len(await all_messages(store, winners[0])) == 2


async def test_of_changes_with_one_etag_one_wins(store: SessionStore, session: Session) -> None:
    answers = await outcomes(
        *(
            store.update(session.user_id, session.id, SessionChanges(session_name=f"version {number}"), session.etag)
            for number in range(8)
        )
    )

    winners = [answer for answer in answers if isinstance(answer, Session)]
    assert winners == [await store.get(session.user_id, session.id)]
    assert sum(isinstance(answer, PreconditionFailedError) for answer in answers) == 7


async def test_changes_of_different_fields_are_all_kept(store: SessionStore, session: Session) -> None:
    changes = [{"session_name": "n"}, {"tags": ["t"]}, {"context": {"c": 1}}, {"pinned": True}, {"ttl_seconds": 77}]

    await asyncio.gather(
        *(store.update(session.user_id, session.id, SessionChanges.model_validate(each)) for each in changes)
    )

    after = await store.get(session.user_id, session.id)
    assert (after.session_name, after.tags, after.context) == ("n", ["t"], {"c": 1})
    assert (after.pinned, after.ttl_seconds) == (True, 77)


async def test_changes_beside_appends_lose_neither(store: SessionStore, session: Session) -> None:
    async def rename() -> None:
        for number in range(20):
            await store.update(session.user_id, session.id, SessionChanges(session_name=f"name {number}"))

    await asyncio.gather(rename(), *(write_twice(store, session, messages(20)) for _ in range(4)))

    after = await store.get(session.user_id, session.id)
    assert after.session_name == "name 19"
    assert after.message_count == len(await all_messages(store, session)) == 80


async def test_a_reader_beside_writers_sees_whole_moments(store: SessionStore, session: Session) -> None:
    async def watch() -> list[tuple[int, list[int]]]:
        seen = []
        for _ in range(50):
            read, page = await store.read(session.user_id, session.id, limit=20)
            seen.append((read.message_count, [message.seq for message in page.messages]))
        return seen

    seen, *_ = await asyncio.gather(watch(), *(write_twice(store, session, messages(20)) for _ in range(8)))

    for count, seqs in seen:
        assert seqs == list(range(count, max(count - 20, 0), -1))


async def test_a_reader_of_all_pages_beside_writers_finds_no_hole(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60)

    async def read_all() -> list[list[int]]:
        orders: list[Any] = ["asc", "desc"] * 3
        return [
            sorted(message.seq for message in await all_messages(store, session, order=order, limit=30))
            for order in orders
        ]

    found, *_ = await asyncio.gather(read_all(), *(write_twice(store, session, messages(20)) for _ in range(8)))

    for seqs in found:
        assert len(seqs) >= 60
        assert seqs == list(range(1, len(seqs) + 1))


async def test_a_clear_beside_writers_takes_a_beginning_and_leaves_the_rest(
    store: SessionStore, session: Session
) -> None:
    async def clear_soon() -> None:
        await until_written(store, session, 40)
        await store.clear(session.user_id, session.id)

    _, *taken = await asyncio.gather(clear_soon(), *(write_once(store, session, messages(25)) for _ in range(8)))

    left = [message.seq for message in await all_messages(store, session)]
    assert sorted(seq for each in taken for seq in each) == list(range(1, 201))
    assert left == list(range(201 - len(left), 201))
    assert (await store.get(session.user_id, session.id)).message_count == len(left) < 200


async def test_a_deletion_beside_writers_leaves_nothing(store: SessionStore, session: Session) -> None:
    async def delete_soon() -> None:
        await until_written(store, session, 40)
        await store.delete(session.user_id, session.id)

    writers = [write_until_gone(store, session, messages(1000)) for _ in range(8)]
    _, *written = await asyncio.gather(delete_soon(), *writers)

    again = await store.create(a_session(session.user_id, id=session.id))
    assert 40 <= sum(written) < 8000
    assert await all_messages(store, again) == []


async def test_of_deletions_at_once_none_fails_but_by_finding_nothing(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60)

    answers = await outcomes(*(store.delete(session.user_id, session.id) for _ in range(8)))

    assert answers.count(None) >= 1
    assert all(isinstance(answer, SessionNotFoundError) for answer in answers if answer is not None)
    with pytest.raises(SessionNotFoundError):
        await store.get(session.user_id, session.id)


async def test_a_session_recreated_beside_writers_numbers_from_one(store: SessionStore, session: Session) -> None:
    async def recreate() -> Session:
        await store.delete(session.user_id, session.id)
        return await store.create(a_session(session.user_id, id=session.id))

    await fill(store, session, 60)
    again, *_ = await asyncio.gather(recreate(), *(write_until_gone(store, session, messages(30)) for _ in range(8)))

    seqs = [message.seq for message in await all_messages(store, again)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert (await store.get(again.user_id, again.id)).message_count == len(seqs)
