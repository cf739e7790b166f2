"""idle_sessions: what nobody has used since a moment, of all owners, longest idle first."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.models import KEEP, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import HOUR, a_message, an_owner, fill, messages
from tests.contract.eras import Era

MICROSECOND = 0.000_001
LONG = "a rather long description of the one who speaks here " * 4


@pytest.fixture
def era(store: SessionStore) -> Era:
    """Live long ago."""
    return Era(store)


async def change(era: Era, session: Session, **changes: object) -> None:
    await era.store.update(session.user_id, session.id, SessionChanges.model_validate(changes))


async def ids(era: Era, until: float = 10) -> list[str]:
    return [session.id for session in await era.idle(until)]


async def test_where_nothing_is_idle_nothing_is_found(era: Era) -> None:
    assert await era.idle(10) == []


async def test_the_longest_idle_come_first_whoever_owns_them(era: Era) -> None:
    created = [await era.session(seconds, user_id=owner) for seconds, owner in ((3, "b"), (1, "c"), (2, "a"))]

    assert await ids(era) == [created[1].id, created[2].id, created[0].id]


async def test_of_one_moment_they_come_by_owner_and_then_by_id(era: Era) -> None:
    first, second = sorted([an_owner(), an_owner()])
    places = [(second, "a"), (first, "b"), (first, "a"), (second, "b"), (first, "B")]
    for owner, name in places:
        await era.session(1, user_id=owner, id=name)

    assert [(session.user_id, session.id) for session in await era.idle(10)] == sorted(places)


async def test_the_moment_itself_counts_as_idle_and_what_is_later_does_not(era: Era) -> None:
    at = await era.session(5)
    await era.session(5 + MICROSECOND)

    assert await ids(era, until=5) == [at.id]
    assert await ids(era, until=5 - MICROSECOND) == []


async def test_a_session_is_described_as_it_is(era: Era) -> None:
    session = await era.session(1, ttl_seconds=77)

    (idle,) = await era.idle(10)

    assert (idle.user_id, idle.id, idle.etag) == (session.user_id, session.id, session.etag)
    assert (idle.last_activity_at, idle.ttl_seconds) == (session.last_activity_at, 77)


Deed = Callable[[Era, Session], Awaitable[object]]
GONE: dict[str, Deed] = {
    "pinned": lambda era, session: change(era, session, pinned=True),
    "archived": lambda era, session: change(era, session, is_active=False),
    "deleted": lambda era, session: era.store.delete(session.user_id, session.id),
    "erased": lambda era, session: era.store.erase(session.user_id, 10),
    "written to": lambda era, session: era.store.append(session.user_id, session.id, [a_message()]),
    "written to at length": lambda era, session: fill(era.store, session, 60, persona=LONG),
}
STILL: dict[str, Deed] = {
    "renamed": lambda era, session: change(era, session, session_name="n"),
    "kept": lambda era, session: change(era, session, ttl_seconds=KEEP),
    "read": lambda era, session: era.store.read(session.user_id, session.id, 10),
    "cleared": lambda era, session: era.store.clear(session.user_id, session.id),
    "restored though active": lambda era, session: change(era, session, is_active=True),
}


@pytest.mark.parametrize("deed", GONE)
async def test_what_is_no_longer_idle_is_not_found(era: Era, deed: str) -> None:
    session = await era.session(1)
    await GONE[deed](era, session)

    assert await era.idle(10) == []


@pytest.mark.parametrize("deed", STILL)
async def test_what_is_no_activity_leaves_a_session_idle(era: Era, deed: str) -> None:
    session = await era.session(1)
    await STILL[deed](era, session)

    assert await ids(era) == [session.id]


async def test_a_restored_session_is_not_idle(era: Era) -> None:
    session = await era.session(1)
    for is_active in (False, True):
        await change(era, session, is_active=is_active)

    assert await era.idle(10) == []


async def test_a_session_without_its_pin_is_idle_again(era: Era) -> None:
    session = await era.session(1, pinned=True)
    assert await era.idle(10) == []

    await change(era, session, pinned=False)

    assert await ids(era) == [session.id]


async def test_the_last_message_counts_and_not_the_creation(era: Era) -> None:
    session = await era.session(1)
    await era.store.append(session.user_id, session.id, [a_message(created_at=era.at(5))])

    (idle,) = await era.idle(10)

    assert idle.last_activity_at == era.at(5)
    assert await era.idle(4) == []


async def test_an_expired_session_is_not_found(era: Era) -> None:
    await era.session(1, ttl_seconds=1)
    lasting = await era.session(2, ttl_seconds=HOUR)
    await asyncio.sleep(1.2)

    assert await ids(era) == [lasting.id]


async def test_no_more_than_the_limit_are_returned(era: Era) -> None:
    created = [await era.session(seconds) for seconds in range(5)]

    assert [session.id for session in await era.idle(10, limit=3)] == [session.id for session in created[:3]]


async def test_a_page_leads_on_behind_its_last(era: Era) -> None:
    created = [await era.session(seconds) for seconds in range(4)]
    first = await era.idle(10, limit=2)

    rest = await era.idle(10, limit=10, after=first[-1])

    assert [session.id for session in [*first, *rest]] == [session.id for session in created]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_over_one_moment_hold_each_session_once(era: Era, limit: int) -> None:
    owners = [an_owner() for _ in range(3)]
    places = [(owner, f"s{number}") for owner in owners for number in range(4)]
    await asyncio.gather(*(era.session(1, user_id=owner, id=name) for owner, name in places))
    later = await era.session(2)

    found, page = [], await era.idle(10, limit)
    while page:
        found += page
        page = await era.idle(10, limit, after=page[-1])

    assert [(session.user_id, session.id) for session in found] == [*sorted(places), (later.user_id, later.id)]


async def test_pages_hold_owners_of_any_name_once(era: Era) -> None:
    names = ["Z", "a", "ä", "a b", 'quo"te', "it's", "漢", "\ufffd", "😀", "~"]
    owners = [f"{name} {an_owner()}" for name in names]
    await asyncio.gather(*(era.session(1, user_id=owner) for owner in owners))

    found, page = [], await era.idle(10, 1)
    while page:
        found += page
        page = await era.idle(10, 1, after=page[-1])

    assert sorted(session.user_id for session in found) == sorted(owners)


async def test_what_was_archived_behind_a_page_does_not_hide_what_follows(era: Era) -> None:
    created = [await era.session(seconds) for seconds in range(4)]
    first = await era.idle(10, limit=2)
    for session in created[:2]:
        await change(era, session, is_active=False)

    assert [session.id for session in await era.idle(10, after=first[-1])] == [session.id for session in created[2:]]


async def test_a_session_with_first_messages_of_long_ago_is_idle_since_the_last(era: Era) -> None:
    first = [message.model_copy(update={"created_at": era.at(3)}) for message in messages(2)]
    session = await era.session(1)
    await era.store.append(session.user_id, session.id, first)

    assert await ids(era, until=3) == [session.id]
    assert await ids(era, until=2) == []
