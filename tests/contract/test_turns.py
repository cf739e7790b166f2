"""A session's lease: who makes the next reply, taken and given back with the writes that need it."""

import time
from typing import Any

import pytest

from shared.errors import (
    LeaseLostError,
    MessageConflictError,
    SessionArchivedError,
    SessionNotFoundError,
    TurnInProgressError,
)
from shared.models import STOP_SECONDS, Lease, Replied, ReplyUsage, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_lease, a_message, a_session, again, all_messages, fill, messages

USAGE = ReplyUsage(replies=1, input_tokens=20, output_tokens=5)


def replied(holder: str = "holder") -> Replied:
    return Replied(holder=holder, usage=USAGE)


async def lease_of(store: SessionStore, session: Session) -> Lease | None:
    return (await store.get(session.user_id, session.id)).lease


async def test_an_append_takes_the_lease_with_its_messages(store: SessionStore, session: Session) -> None:
    lease = a_lease()

    appended = await store.append(session.user_id, session.id, messages(2), turn=lease)

    assert (appended.created, appended.message_count) == (True, 2)
    assert await lease_of(store, session) == lease


@pytest.mark.parametrize("count", [1, 5, 6, 7, 60])
async def test_as_many_messages_as_an_append_may_have_can_take_the_lease(
    store: SessionStore, session: Session, count: int
) -> None:
    for held in (0, 3, 40):
        await fill(store, session, held)
        lease = a_lease(f"with-{held}-before", reply_id=f"reply-{held}")

        await store.append(session.user_id, session.id, messages(count), turn=lease)

        assert await lease_of(store, session) == lease
        await store.end_turn(session.user_id, session.id, lease.holder)


async def test_a_new_session_is_made_with_its_lease(store: SessionStore, owner: str) -> None:
    lease = a_lease()

    session = await store.create(a_session(owner), messages(1), lease)

    assert await lease_of(store, session) == lease


async def test_an_append_that_wants_a_lease_which_another_holds_stores_nothing(
    store: SessionStore, session: Session
) -> None:
    await store.append(session.user_id, session.id, messages(1), turn=a_lease("holder", reply_id="theirs"))

    with pytest.raises(TurnInProgressError) as refused:
        await store.append(session.user_id, session.id, messages(1), turn=a_lease("second"))

    assert refused.value.reply_id == "theirs"
    assert len(await all_messages(store, session)) == 1


async def test_a_lease_that_is_over_can_be_taken(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease("crashed", seconds=-1))
    later = a_lease("later")

    await store.append(session.user_id, session.id, messages(1), turn=later)

    assert await lease_of(store, session) == later


async def test_messages_without_a_turn_are_appended_whoever_holds_the_lease(
    store: SessionStore, session: Session
) -> None:
    lease = a_lease()
    await store.hold_turn(session.user_id, session.id, lease)

    appended = await store.append(session.user_id, session.id, messages(1))

    assert appended.created
    assert await lease_of(store, session) == lease


async def test_a_full_repeat_takes_no_lease(store: SessionStore, session: Session) -> None:
    sent = messages(1)
    await store.append(session.user_id, session.id, sent, turn=a_lease("holder"))

    repeated = await store.append(session.user_id, session.id, again(sent), turn=a_lease("second"))

    lease = await lease_of(store, session)
    assert not repeated.created
    assert lease
    assert lease.holder == "holder"


@pytest.mark.parametrize("held", [0, 40])
async def test_the_reply_gives_the_lease_back_and_is_counted(store: SessionStore, session: Session, held: int) -> None:
    await fill(store, session, held)
    for number in (1, 2):
        await store.append(session.user_id, session.id, messages(1), turn=a_lease())

        appended = await store.append(
            session.user_id, session.id, [a_message(f"reply {number}", role="assistant")], turn=replied()
        )

        assert appended.created
        assert await lease_of(store, session) is None
    both = ReplyUsage(replies=2, input_tokens=40, output_tokens=10)
    assert (await store.stats(session.user_id, session.id)).usage == both
    assert (await store.owner_stats(session.user_id, [])).usage == both


@pytest.mark.parametrize("holder", [None, "another"])
async def test_a_reply_whose_lease_is_lost_is_not_stored(
    store: SessionStore, session: Session, holder: str | None
) -> None:
    await store.append(session.user_id, session.id, messages(1))
    if holder:
        await store.hold_turn(session.user_id, session.id, a_lease(holder))

    with pytest.raises(LeaseLostError):
        await store.append(session.user_id, session.id, [a_message("late")], turn=replied())

    assert len(await all_messages(store, session)) == 1
    assert (await store.stats(session.user_id, session.id)).usage == ReplyUsage()


async def test_a_repeated_reply_is_recognised_and_counted_once(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(1), turn=a_lease())
    reply = a_message("reply", role="assistant")
    await store.append(session.user_id, session.id, [reply], turn=replied())

    repeated = await store.append(session.user_id, session.id, again([reply]), turn=replied())

    assert not repeated.created
    assert (await store.stats(session.user_id, session.id)).usage.replies == 1


async def test_another_reply_under_the_same_id_is_a_conflict(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, [a_message("first", id="reply")])
    await store.hold_turn(session.user_id, session.id, a_lease())

    with pytest.raises(MessageConflictError):
        await store.append(session.user_id, session.id, [a_message("second", id="reply")], turn=replied())


async def test_taking_and_giving_back_moves_no_etag(store: SessionStore, session: Session) -> None:
    lease = a_lease()

    await store.hold_turn(session.user_id, session.id, lease)
    await store.hold_turn(session.user_id, session.id, lease)
    await store.stop_turn(session.user_id, session.id, lease.reply_id)
    await store.end_turn(session.user_id, session.id, "holder")

    assert (await store.get(session.user_id, session.id)).etag == session.etag


async def test_only_its_holder_gives_a_lease_back(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease("holder"))

    await store.end_turn(session.user_id, session.id, "second")
    assert await lease_of(store, session)
    await store.end_turn(session.user_id, session.id, "holder")

    assert await lease_of(store, session) is None


async def test_a_held_lease_can_be_marked_as_stopped(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease())

    assert not await store.stop_turn(session.user_id, session.id, "another")
    assert await store.stop_turn(session.user_id, session.id, "reply")

    lease = await lease_of(store, session)
    assert lease
    assert lease.is_stopped


async def test_a_stopped_lease_is_over_as_soon_as_a_living_holder_would_have_ended(
    store: SessionStore, session: Session
) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease(seconds=200))

    assert await store.stop_turn(session.user_id, session.id, "reply")
    stopped = await lease_of(store, session)
    assert await store.stop_turn(session.user_id, session.id, "reply")

    assert stopped
    assert 0 < stopped.until - time.time() <= STOP_SECONDS
    assert await lease_of(store, session) == stopped  # stopping it again buys a dead holder no time
    assert not stopped.is_over(time.time())


async def test_a_stop_makes_no_lease_longer(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease(seconds=5))
    before = await lease_of(store, session)

    assert await store.stop_turn(session.user_id, session.id, "reply")

    after = await lease_of(store, session)
    assert before
    assert after == before.model_copy(update={"is_stopped": True})


async def test_who_stopped_a_dead_holder_may_ask_again_when_the_stopped_lease_is_over(
    store: SessionStore, session: Session
) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease("dead", seconds=200))
    await store.stop_turn(session.user_id, session.id, "reply")

    with pytest.raises(TurnInProgressError) as refused:
        await store.hold_turn(session.user_id, session.id, a_lease("second"))

    assert refused.value.retry_after_seconds <= STOP_SECONDS


async def test_a_lease_that_is_over_is_not_marked(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease(seconds=-1))

    assert not await store.stop_turn(session.user_id, session.id, "reply")


async def test_an_archived_session_has_no_turns(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(1), turn=a_lease())
    await store.update(session.user_id, session.id, SessionChanges(is_active=False))

    with pytest.raises(SessionArchivedError):
        await store.append(session.user_id, session.id, [a_message("late")], turn=replied())
    with pytest.raises(SessionArchivedError):
        await store.hold_turn(session.user_id, session.id, a_lease())
    await store.end_turn(session.user_id, session.id, "holder")

    assert await lease_of(store, session) is None


@pytest.mark.parametrize("change", ["clear", "rewind", "deep rewind", "replace", "delete"])
async def test_what_takes_the_question_away_takes_the_lease(store: SessionStore, session: Session, change: str) -> None:
    owned = session.user_id, session.id
    await fill(store, session, 40)
    await store.append(*owned, messages(1), turn=a_lease())
    await {
        "clear": lambda: store.clear(*owned),
        "rewind": lambda: store.rewind(*owned, 40),
        "deep rewind": lambda: store.rewind(*owned, 3),
        "replace": lambda: store.replace_tail(*owned, 40, messages(1)),
        "delete": lambda: store.delete(*owned),
    }[change]()

    with pytest.raises(SessionNotFoundError if change == "delete" else LeaseLostError):
        await store.append(*owned, [a_message("late")], turn=replied())


async def test_a_tail_that_removes_nothing_leaves_the_lease(store: SessionStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(1), turn=a_lease())

    await store.replace_tail(session.user_id, session.id, 1, messages(1))
    await store.rewind(session.user_id, session.id, 9)

    assert await lease_of(store, session)


@pytest.mark.parametrize("held", [0, 40])
async def test_another_reply_in_the_place_of_one_ends_its_turn(
    store: SessionStore, session: Session, held: int
) -> None:
    reply = a_message("first", role="assistant")
    await store.append(session.user_id, session.id, [reply])
    await fill(store, session, held)
    await store.hold_turn(session.user_id, session.id, a_lease())

    def change(found: Any) -> Any:
        return found.model_copy(update={"content": "second"})

    edited = await store.edit_message(session.user_id, session.id, reply.id, change, turn=replied())

    assert edited.message.content == "second"
    assert await lease_of(store, session) is None
    assert (await store.stats(session.user_id, session.id)).usage == USAGE
    with pytest.raises(LeaseLostError):
        await store.edit_message(session.user_id, session.id, reply.id, change, turn=replied())


async def test_a_lease_is_not_shown(store: SessionStore, session: Session) -> None:
    await store.hold_turn(session.user_id, session.id, a_lease())

    assert "lease" not in (await store.get(session.user_id, session.id)).model_dump(mode="json")
