"""Links to sessions: kept with the session, found by their hash, gone at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import SessionNotFoundError, ShareNotFoundError, TooManySharesError
from shared.models import MAX_SHARES, Session, SessionChanges, Share, utc_now
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, a_share, all_messages, an_owner, fill, messages

LONG = "a rather long description of the one who speaks here " * 4


async def shared(store: SessionStore, session: Session, **fields: Any) -> Share:
    share = a_share(**fields)
    await store.add_share(session.user_id, session.id, share)
    return share


async def is_found(store: SessionStore, share: Share) -> bool:
    try:
        found = (await store.find_share(share.token_hash))[1]
    except ShareNotFoundError:
        return False
    return found == share


async def test_a_link_is_found_by_its_hash_alone(store: SessionStore, session: Session) -> None:
    share = await shared(store, session, expires_at=utc_now() + timedelta(hours=1))

    found, kept = await store.find_share(share.token_hash)

    assert (found.user_id, found.id, kept) == (session.user_id, session.id, share)


async def test_links_are_listed_in_the_order_they_were_made(store: SessionStore, session: Session) -> None:
    shares = [await shared(store, session) for _ in range(3)]

    assert await store.list_shares(session.user_id, session.id) == shares


async def test_a_link_that_is_kept_late_is_listed_by_when_it_was_made(store: SessionStore, session: Session) -> None:
    younger = await shared(store, session)
    older = await shared(store, session, created_at=younger.created_at - timedelta(seconds=1))

    assert await store.list_shares(session.user_id, session.id) == [older, younger]


async def test_a_revoked_link_is_gone_and_the_others_stay(store: SessionStore, session: Session) -> None:
    shares = [await shared(store, session) for _ in range(3)]

    await store.remove_share(session.user_id, session.id, shares[1].id)

    assert [await is_found(store, share) for share in shares] == [True, False, True]
    with pytest.raises(ShareNotFoundError):
        await store.remove_share(session.user_id, session.id, shares[1].id)


async def test_an_expired_link_is_gone(store: SessionStore, session: Session) -> None:
    share = await shared(store, session, expires_at=utc_now() - timedelta(seconds=1))

    assert not await is_found(store, share)
    assert await store.list_shares(session.user_id, session.id) == []
    with pytest.raises(ShareNotFoundError):
        await store.remove_share(session.user_id, session.id, share.id)


async def test_links_outlive_the_life_of_their_session(store: SessionStore, session: Session) -> None:
    share = await shared(store, session)
    await fill(store, session, 120, persona=LONG)
    await store.rewind(session.user_id, session.id, 30)
    await store.update(session.user_id, session.id, SessionChanges(session_name="n", is_active=False))
    await store.clear(session.user_id, session.id)

    assert await is_found(store, share)


@pytest.mark.parametrize("end", ["delete", "erase"])
async def test_links_end_with_their_session_and_do_not_come_back(
    store: SessionStore, session: Session, end: str
) -> None:
    share = await shared(store, session)

    await (store.erase(session.user_id, 10) if end == "erase" else store.delete(session.user_id, session.id))

    assert not await is_found(store, share)
    again = await store.create(a_session(session.user_id, id=session.id), messages(3))
    assert not await is_found(store, share)
    assert await store.list_shares(again.user_id, again.id) == []


async def test_links_made_at_once_are_all_kept_beside_writers(store: SessionStore, session: Session) -> None:
    shares = [a_share() for _ in range(4)]

    await asyncio.gather(
        *(store.add_share(session.user_id, session.id, share) for share in shares),
        *(store.append(session.user_id, session.id, [a_message()]) for _ in range(6)),
    )

    assert {share.id for share in await store.list_shares(session.user_id, session.id)} == {
        share.id for share in shares
    }
    assert len(await all_messages(store, session)) == 6


async def test_a_session_has_no_more_links_than_it_may(store: SessionStore, session: Session) -> None:
    await shared(store, session, expires_at=utc_now() - timedelta(seconds=1))
    shares = [await shared(store, session) for _ in range(MAX_SHARES)]

    with pytest.raises(TooManySharesError):
        await shared(store, session)

    await store.remove_share(session.user_id, session.id, shares[0].id)
    assert await is_found(store, await shared(store, session))


async def test_nobody_sees_or_revokes_the_links_of_others(store: SessionStore, session: Session) -> None:
    share = await shared(store, session)
    stranger = an_owner()
    await store.create(a_session(stranger, id=session.id))

    assert await store.list_shares(stranger, session.id) == []
    with pytest.raises(ShareNotFoundError):
        await store.remove_share(stranger, session.id, share.id)
    for verb in (store.list_shares(an_owner(), session.id), store.add_share(an_owner(), session.id, a_share())):
        with pytest.raises(SessionNotFoundError):
            await verb
    assert await is_found(store, share)


async def test_an_unknown_hash_finds_nothing(store: SessionStore, session: Session) -> None:
    await shared(store, session)

    for token_hash in ("", "0" * 64, "' OR 1=1 --"):
        with pytest.raises(ShareNotFoundError):
            await store.find_share(token_hash)
