"""rewind: what is newer than a seq goes, and the next message takes up the numbers behind it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import SessionNotFoundError
from shared.models import ROLES, Message, MessageQuery, NewMessage, Session, SessionChanges, utc_now
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, again, all_messages, fill, listed, messages
from tests.tiers import slow_but

LONG = "a rather long description of the one who speaks here " * 4
COUNT = 124
POSITIONS = [0, 1, 3, 4, 5, 13, 14, 20, 39, 40, 63, 64, 75, 87, 88, 100, 110, 111, 112, 118, 123]  # around every seal
SOME_POSITIONS = [0, 4, 39, 87, 100, 111, 118]
BEYOND = [COUNT, COUNT + 1, 2**53]


def named(positions: list[int]) -> dict[str, int]:
    return {str(position): position for position in positions}


@dataclass(frozen=True)
class Views:
    """A session's messages as each way of looking at them shows them."""

    rising: list[Message]
    falling: list[Message]
    newest: list[Message]
    times: tuple[Any, ...]
    counts: tuple[Any, ...]


async def views(store: SessionStore, session: Session) -> Views:
    read, page = await store.read(session.user_id, session.id, limit=200)
    stats = await store.stats(session.user_id, session.id)
    (in_list,) = await listed(store, session.user_id, status=None)
    assert in_list == read
    return Views(
        rising=await all_messages(store, session, limit=23),
        falling=await all_messages(store, session, order="desc", limit=19),
        newest=page.messages,
        times=(stats.first_message_at, stats.last_message_at, read.last_message_at),
        counts=(
            stats.message_count,
            read.message_count,
            {role: count for role, count in stats.by_role.items() if count},
        ),
    )


def expected(kept: list[Message]) -> Views:
    first, last = (kept[0].created_at, kept[-1].created_at) if kept else (None, None)
    roles = [message.role for message in kept]
    return Views(
        rising=kept,
        falling=kept[::-1],
        newest=kept[::-1],
        times=(first, last, last),
        counts=(len(kept), len(kept), {role: roles.count(role) for role in ROLES if role in roles}),
    )


def talk(count: int, start: int = 0) -> list[NewMessage]:
    """Return messages of changing roles, each written a second after the one before."""
    began = utc_now() - timedelta(hours=1)
    return [
        a_message(
            f"message {number}",
            role=ROLES[number % len(ROLES)],
            persona=LONG,
            created_at=began + timedelta(seconds=number),
        )
        for number in range(start + 1, start + count + 1)
    ]


async def append_all(store: SessionStore, session: Session, sent: list[NewMessage]) -> list[Message]:
    """Append in batches of every size, so that some are rotations of their own and some cross a threshold."""
    stored: list[Message] = []
    sizes = [4, 20, 1, 6, 9, 20]
    while len(stored) < len(sent):
        size = sizes[len(stored) % len(sizes)]
        batch = sent[len(stored) : len(stored) + size]
        stored += (await store.append(session.user_id, session.id, batch)).messages
    return stored


async def append(store: SessionStore, session: Session, count: int = 1) -> list[Message]:
    return (await store.append(session.user_id, session.id, messages(count))).messages


async def rewind(store: SessionStore, session: Session, after_seq: int) -> Session:
    await store.rewind(session.user_id, session.id, after_seq)
    return await store.get(session.user_id, session.id)


async def test_a_session_that_never_was_cannot_be_rewound(store: SessionStore, owner: str) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.rewind(owner, "nothing-here", 0)


async def test_a_deleted_session_cannot_be_rewound(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await store.delete(session.user_id, session.id)

    with pytest.raises(SessionNotFoundError):
        await store.rewind(session.user_id, session.id, 10)


@pytest.mark.parametrize("after_seq", slow_but(named(POSITIONS), *named(SOME_POSITIONS)))
async def test_what_is_kept_is_what_every_reader_sees(store: SessionStore, session: Session, after_seq: int) -> None:
    stored = await append_all(store, session, talk(COUNT))

    await rewind(store, session, after_seq)

    assert await views(store, session) == expected(stored[:after_seq])


@pytest.mark.parametrize("after_seq", slow_but(named(SOME_POSITIONS), "4", "39", "111"))
async def test_the_session_goes_on_behind_what_is_kept(store: SessionStore, session: Session, after_seq: int) -> None:
    stored = await append_all(store, session, talk(COUNT))
    await rewind(store, session, after_seq)

    more = await append_all(store, session, talk(70, start=COUNT))

    assert [message.seq for message in more] == list(range(after_seq + 1, after_seq + 71))
    assert await views(store, session) == expected(stored[:after_seq] + more)


@pytest.mark.parametrize("after_seq", BEYOND)
async def test_at_the_end_or_beyond_nothing_changes(store: SessionStore, session: Session, after_seq: int) -> None:
    stored = await append_all(store, session, talk(COUNT))
    before = await store.get(session.user_id, session.id)

    assert await rewind(store, session, after_seq) == before
    assert await all_messages(store, session) == stored


@pytest.mark.parametrize("after_seq", [0, 1, 7])
async def test_rewinding_an_empty_session_changes_nothing(
    store: SessionStore, session: Session, after_seq: int
) -> None:
    assert await rewind(store, session, after_seq) == session
    assert (await append(store, session))[0].seq == 1


@pytest.mark.parametrize("after_seq", [1, 30, 60, 119])
async def test_it_is_a_change_but_no_activity(store: SessionStore, session: Session, after_seq: int) -> None:
    await fill(store, session, 120, persona=LONG)
    before = await store.get(session.user_id, session.id)

    after = await rewind(store, session, after_seq)

    assert after.updated_at > before.updated_at
    assert after.etag != before.etag
    assert after.last_activity_at == before.last_activity_at


@pytest.mark.parametrize("after_seq", [2, 119])
async def test_everything_else_of_the_session_stays(store: SessionStore, owner: str, after_seq: int) -> None:
    new = a_session(owner, session_name="n", channel="c", context={"a": 1}, tags=["t"], pinned=True)
    session = await store.create(new)
    await fill(store, session, 120, persona=LONG)
    before = await store.get(owner, session.id)

    after = await rewind(store, session, after_seq)

    moved = {"message_count", "last_message_at", "updated_at", "expires_at", "etag"}
    assert after.model_dump(exclude=moved) == before.model_dump(exclude=moved)


@pytest.mark.parametrize("after_seq", [0, 10, 60, 95, 118])
async def test_the_ids_of_removed_messages_are_free_again(
    store: SessionStore, session: Session, after_seq: int
) -> None:
    sent = talk(120)
    await append_all(store, session, sent)
    await rewind(store, session, after_seq)

    answer = await store.append(session.user_id, session.id, again(sent[after_seq : after_seq + 20], content="anew"))

    assert answer.created
    assert answer.messages[0].seq == after_seq + 1
    assert {message.content for message in answer.messages} == {"anew"}


@pytest.mark.parametrize("after_seq", [1, 10, 60, 95, 119])
async def test_the_ids_of_kept_messages_are_still_recognised(
    store: SessionStore, session: Session, after_seq: int
) -> None:
    sent = talk(120)
    stored = await append_all(store, session, sent)
    await rewind(store, session, after_seq)

    kept = slice(max(0, after_seq - 20), after_seq)
    answer = await store.append(session.user_id, session.id, again(sent[kept]))

    assert not answer.created
    assert answer.messages == stored[kept]


async def test_at_least_the_newest_100_kept_are_recognised(store: SessionStore, session: Session) -> None:
    sent = talk(150)
    stored = await append_all(store, session, sent)
    await rewind(store, session, 120)

    batches = [range(start, start + 5) for start in range(20, 120, 5)]
    answers = [await store.append(session.user_id, session.id, again(sent[each.start : each.stop])) for each in batches]

    assert not any(answer.created for answer in answers)
    assert [message for answer in answers for message in answer.messages] == stored[20:120]


async def test_deeper_and_deeper_leaves_less_and_less(store: SessionStore, session: Session) -> None:
    stored = await append_all(store, session, talk(COUNT))

    for after_seq in range(COUNT - 3, 0, -11):
        await rewind(store, session, after_seq)
        assert await views(store, session) == expected(stored[:after_seq])

    assert (await append(store, session))[0].seq == 12


async def test_back_and_forth_keeps_what_was_kept_each_time(store: SessionStore, session: Session) -> None:
    kept: list[Message] = []
    for after_seq in (31, 12, 55, 3, 40):
        kept += await append_all(store, session, talk(60, start=len(kept)))
        await rewind(store, session, after_seq)
        kept = kept[:after_seq]

    assert await views(store, session) == expected(kept)


async def test_after_a_clear_it_keeps_nothing_from_before(store: SessionStore, session: Session) -> None:
    await fill(store, session, 60, persona=LONG)
    await store.clear(session.user_id, session.id)
    await fill(store, session, 5)

    after = await rewind(store, session, 30)

    assert (after.message_count, after.last_message_at) == (0, None)
    assert (await append(store, session))[0].seq == 61


@pytest.mark.parametrize("after_seq", [61, 62, 100, 119])
async def test_after_a_clear_it_keeps_what_came_since(store: SessionStore, session: Session, after_seq: int) -> None:
    await fill(store, session, 60, persona=LONG)
    await store.clear(session.user_id, session.id)
    since = await append_all(store, session, talk(60))

    await rewind(store, session, after_seq)

    assert await views(store, session) == expected(since[: after_seq - 60])
    assert (await append(store, session))[0].seq == after_seq + 1


@pytest.mark.parametrize("after_seq", [0, 30, 60, 61])
async def test_of_a_cleared_session_it_frees_no_numbers(store: SessionStore, session: Session, after_seq: int) -> None:
    await fill(store, session, 60, persona=LONG)
    await store.clear(session.user_id, session.id)
    before = await store.get(session.user_id, session.id)

    assert await rewind(store, session, after_seq) == before
    assert (await append(store, session))[0].seq == 61


@pytest.mark.parametrize("after_seq", [0, 10, 119])
async def test_a_rewound_session_can_be_cleared_and_deleted(
    store: SessionStore, session: Session, after_seq: int
) -> None:
    await fill(store, session, 120, persona=LONG)
    await rewind(store, session, after_seq)
    await store.clear(session.user_id, session.id)
    assert (await append(store, session))[0].seq == after_seq + 1

    await store.delete(session.user_id, session.id)

    new = await store.create(a_session(session.user_id, id=session.id))
    assert await all_messages(store, new) == []


async def test_a_restored_session_keeps_the_time_of_its_newest_kept_message(
    store: SessionStore, session: Session
) -> None:
    stored = await append_all(store, session, talk(60))
    for is_active in (False, True):
        await store.update(session.user_id, session.id, SessionChanges(is_active=is_active))

    await rewind(store, session, 20)

    assert await views(store, session) == expected(stored[:20])


async def test_other_sessions_of_the_owner_are_left_alone(store: SessionStore, owner: str) -> None:
    rewound, other = [await store.create(a_session(owner, id=name)) for name in ("prefix", "prefix.2")]
    await fill(store, rewound, 60, persona=LONG)
    stored = await fill(store, other, 60, persona=LONG)

    await store.rewind(owner, rewound.id, 3)

    assert await all_messages(store, other) == stored


async def test_a_rewind_begins_the_sessions_time_again(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner), messages(3))
    await asyncio.sleep(1.1)  # a store may count in whole seconds

    after = await rewind(store, session, 1)

    assert session.expires_at
    assert after.expires_at
    assert after.expires_at > session.expires_at


async def test_of_rewinds_at_once_the_deepest_decides(store: SessionStore, session: Session) -> None:
    stored = await append_all(store, session, talk(COUNT))

    await asyncio.gather(*(store.rewind(session.user_id, session.id, seq) for seq in (120, 90, 50, 20, 110)))

    assert await views(store, session) == expected(stored[:20])


@pytest.mark.parametrize("after_seq", [2, 30, 80])
async def test_messages_beside_it_are_before_it_or_after_it(
    store: SessionStore, session: Session, after_seq: int
) -> None:
    stored = await fill(store, session, 80, persona=LONG)
    done = asyncio.Event()
    late: list[Message] = []

    async def write() -> None:
        for _ in range(30):
            is_late = done.is_set()
            appended = await store.append(session.user_id, session.id, [a_message("beside", persona=LONG)])
            late.extend(appended.messages if is_late else [])
            await asyncio.sleep(0.005)

    async def rewind_soon() -> None:
        await asyncio.sleep(0.02)
        await store.rewind(session.user_id, session.id, after_seq)
        done.set()

    await asyncio.gather(rewind_soon(), *(write() for _ in range(3)))

    left = await all_messages(store, session)
    assert [message.seq for message in left] == list(range(1, len(left) + 1))
    assert left[:after_seq] == stored[:after_seq]
    assert {message.content for message in left[after_seq:]} == {"beside"}
    assert [message for message in late if message not in left] == []
    assert len(left) == (await store.get(session.user_id, session.id)).message_count


async def test_readers_beside_it_see_a_history_of_before_or_after(store: SessionStore, session: Session) -> None:
    stored = await fill(store, session, COUNT, persona=LONG)

    async def watch() -> list[list[Message]]:
        seen = []
        for _ in range(40):
            _, page = await store.read(session.user_id, session.id, limit=200)
            seen.append(page.messages[::-1])
        return seen

    seen, _ = await asyncio.gather(watch(), store.rewind(session.user_id, session.id, 30))

    assert all(history in (stored, stored[:30]) for history in seen)
    assert seen[-1] == stored[:30]


async def test_a_clear_beside_it_leaves_nothing(store: SessionStore, session: Session) -> None:
    await fill(store, session, COUNT, persona=LONG)

    await asyncio.gather(store.rewind(session.user_id, session.id, 30), store.clear(session.user_id, session.id))

    assert await all_messages(store, session) == []
    assert (await append(store, session))[0].seq in {31, COUNT + 1}


async def test_a_deletion_beside_it_leaves_nothing(store: SessionStore, session: Session) -> None:
    await fill(store, session, COUNT, persona=LONG)

    answers = await asyncio.gather(
        store.delete(session.user_id, session.id),
        store.rewind(session.user_id, session.id, 30),
        return_exceptions=True,
    )

    new = await store.create(a_session(session.user_id, id=session.id))
    assert answers[1] is None or isinstance(answers[1], SessionNotFoundError)
    page = await store.read_messages(new.user_id, new.id, MessageQuery(limit=10))
    assert page.messages == []
