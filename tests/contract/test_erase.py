"""erase: everything an owner had goes, archived sessions too, and nobody else's."""

import asyncio
from typing import Any

import pytest

from shared.errors import SessionNotFoundError
from shared.models import KEEP, Erased, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, all_messages, an_owner, fill, listed, messages

LONG = "a rather long description of the one who speaks here " * 4
ENOUGH_SECONDS = 60.0
NOTHING = Erased(sessions=0, messages=0, done=True)


async def erase(store: SessionStore, owner: str, budget_seconds: float = ENOUGH_SECONDS) -> Erased:
    return await store.erase(owner, budget_seconds)


async def archive(store: SessionStore, session: Session) -> None:
    await store.update(session.user_id, session.id, SessionChanges(is_active=False))


async def many(store: SessionStore, owner: str, count: int, each: int = 0) -> list[Session]:
    return await asyncio.gather(*(store.create(a_session(owner), messages(each)) for _ in range(count)))


async def test_an_owner_who_has_nothing_is_done_at_once(store: SessionStore, owner: str) -> None:
    assert await erase(store, owner) == NOTHING


@pytest.mark.parametrize("fields", [{}, {"pinned": True}, {"ttl_seconds": KEEP}, {"channel": "another"}])
async def test_no_session_is_left(store: SessionStore, owner: str, fields: dict[str, Any]) -> None:
    session = await store.create(a_session(owner, **fields), messages(2))

    assert (await erase(store, owner)).done

    assert await listed(store, owner, status=None) == []
    with pytest.raises(SessionNotFoundError):
        await store.get(owner, session.id)


async def test_archived_sessions_go_too(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await archive(store, session)

    assert await erase(store, session.user_id) == Erased(sessions=1, messages=60, done=True)
    assert await listed(store, session.user_id, status="archived") == []


async def test_it_counts_what_the_owner_had(store: SessionStore, owner: str) -> None:
    sessions = await many(store, owner, 4, each=3)
    await fill(store, sessions[0], 120, persona=LONG)
    await store.clear(owner, sessions[1].id)
    await archive(store, sessions[2])

    assert await erase(store, owner) == Erased(sessions=4, messages=129, done=True)


async def test_it_does_not_count_what_was_deleted_or_rewound(store: SessionStore, owner: str) -> None:
    deleted, rewound = await many(store, owner, 2)
    for session in (deleted, rewound):
        await fill(store, session, 60, persona=LONG)
    await store.delete(owner, deleted.id)
    await store.rewind(owner, rewound.id, 10)

    assert await erase(store, owner) == Erased(sessions=1, messages=10, done=True)


async def test_it_does_not_count_what_had_expired(store: SessionStore, owner: str) -> None:
    await store.create(a_session(owner, ttl_seconds=1), messages(3))
    await store.create(a_session(owner), messages(2))
    await asyncio.sleep(1.2)

    assert await erase(store, owner) == Erased(sessions=1, messages=2, done=True)


async def test_a_second_call_finds_nothing(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await erase(store, session.user_id)

    assert await erase(store, session.user_id) == NOTHING


async def test_other_owners_keep_everything(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, 60, persona=LONG)
    kept = await store.get(session.user_id, session.id)
    other = await store.create(a_session(an_owner(), id=session.id), messages(2))

    assert await erase(store, other.user_id) == Erased(sessions=1, messages=2, done=True)

    assert await store.get(session.user_id, session.id) == kept
    assert await all_messages(store, session) == stored


async def test_an_owner_whose_name_begins_the_same_keeps_everything(store: SessionStore, owner: str) -> None:
    longer = await store.create(a_session(f"{owner}-2"), messages(1))
    await store.create(a_session(owner))

    await erase(store, owner)

    assert await store.get(longer.user_id, longer.id) == longer


async def test_ids_of_erased_sessions_begin_anew(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await erase(store, session.user_id)

    new = await store.create(a_session(session.user_id, id=session.id))

    assert (await store.append(new.user_id, new.id, [a_message()])).messages[0].seq == 1
    assert len(await all_messages(store, new)) == 1


async def test_without_time_nothing_is_claimed(store: SessionStore, owner: str) -> None:
    await many(store, owner, 2)

    assert await erase(store, owner, budget_seconds=0) == Erased(sessions=0, messages=0, done=False)
    assert len(await listed(store, owner)) == 2


async def test_small_budgets_repeated_end_with_nothing_left(store: SessionStore, owner: str) -> None:
    await many(store, owner, 60, each=2)

    answers = [await erase(store, owner, budget_seconds=0.02)]
    while not answers[-1].done:
        answers.append(await erase(store, owner, budget_seconds=0.02))

    assert len(answers) > 1
    assert sum(answer.sessions for answer in answers) == 60
    assert sum(answer.messages for answer in answers) == 120
    assert await listed(store, owner, status=None) == []


async def test_many_sessions_go_in_one_call(store: SessionStore, owner: str) -> None:
    await many(store, owner, 230, each=1)

    assert await erase(store, owner) == Erased(sessions=230, messages=230, done=True)
    assert await listed(store, owner, status=None) == []


async def test_erasing_twice_at_once_counts_each_session_once(store: SessionStore, owner: str) -> None:
    await many(store, owner, 40, each=2)

    answers = await asyncio.gather(*(erase(store, owner) for _ in range(3)))

    assert all(answer.done for answer in answers)
    assert sum(answer.sessions for answer in answers) == 40
    assert sum(answer.messages for answer in answers) == 80


async def test_everything_from_before_the_call_goes_though_more_is_made_beside_it(
    store: SessionStore, owner: str
) -> None:
    before = await many(store, owner, 30, each=2)

    erased, made = await asyncio.gather(erase(store, owner), many(store, owner, 10))

    left = {session.id for session in await listed(store, owner, status=None)}
    assert erased.done
    assert not left & {session.id for session in before}
    assert left <= {session.id for session in made}


async def test_messages_beside_it_come_too_late_or_go_with_their_session(store: SessionStore, session: Session) -> None:
    async def write() -> None:
        for _ in range(500):
            try:
                await store.append(session.user_id, session.id, [a_message(persona=LONG)])
            except SessionNotFoundError:
                return

    async def erase_soon() -> Erased:
        await asyncio.sleep(0.05)
        return await erase(store, session.user_id)

    erased, *_ = await asyncio.gather(erase_soon(), *(write() for _ in range(4)))

    assert (erased.sessions, erased.done) == (1, True)
    assert await erase(store, session.user_id) == NOTHING
