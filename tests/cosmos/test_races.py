"""Schedules that once broke something, or were thought to: what happens between two requests of one call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
import pytest_asyncio

from shared.errors import PreconditionFailedError, SessionNotFoundError, StoreError
from shared.models import MessageQuery, Session, SessionChanges
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.errors import AnswerLostError
from shared.store.cosmos.lifetimes import page_ttl
from shared.store.cosmos.partition import Partition
from tests.builders import HOUR, a_message, a_session, all_messages, an_owner, fill, messages
from tests.conftest import CosmosPlace, open_cosmos
from tests.cosmos.stored import Stored
from tests.cosmos.test_documents import LONG, crash_before_rotating, grown

Meanwhile = Callable[[], Awaitable[object]]
Place = tuple[Literal["before", "after"], str]


class Interrupted:
    """A store whose requests are interrupted: others act before one, or after it, or its answer gets lost."""

    def __init__(self, store: CosmosStore, others: CosmosStore) -> None:
        """Interrupt the requests of the first store; the second is for those who act meanwhile."""
        self.store, self.others = store, others

    def at(self, place: Place, meanwhile: Meanwhile) -> None:
        """Let others act before or after a request of that kind."""
        self._wrap(place[1], 0, **{place[0]: meanwhile})

    def before(self, request: str, meanwhile: Meanwhile, *, skip: int = 0) -> None:
        """Let others act before a request of that kind: a method of Partition, `unseen` if nothing is sent back."""
        self._wrap(request, skip, before=meanwhile)

    def after(self, request: str, meanwhile: Meanwhile, *, skip: int = 0) -> None:
        """Let others act after a request of that kind was carried out, before its answer is seen."""
        self._wrap(request, skip, after=meanwhile)

    def _wrap(self, request: str, skip: int, before: Meanwhile | None = None, after: Meanwhile | None = None) -> None:
        items, calls = self.store._items, iter(range(1_000))
        kind, _, unseen = request.partition(" ")
        original_of = items.of

        def of(user_id: str) -> Partition:
            partition = original_of(user_id)
            original = getattr(partition, kind)

            async def interrupted(*given: Any, **options: Any) -> Any:
                meant = options.get("no_response", False) == bool(unseen)
                now = meant and next(calls) == skip
                if now and before:
                    await before()
                try:
                    return await original(*given, **options)
                finally:
                    if now and after:
                        await after()

            setattr(partition, kind, interrupted)
            return partition

        items.of = of  # type: ignore[method-assign]

    def lose_first_answer(self, meanwhile: Meanwhile | None = None, *, carried_out: bool = True, skip: int = 0) -> None:
        """Lose the answer of one write, and let others act before it is sent again."""
        items, calls = self.store._items, iter(range(1_000))
        original_write, original_call = items.write, items.call
        writes: set[Any] = set()

        async def write(send: Any) -> Any:
            writes.add(send)
            return await original_write(send)

        async def call(send: Any) -> Any:
            if send not in writes or next(calls) != skip:
                return await original_call(send)
            if carried_out:
                await original_call(send)
            if meanwhile:
                await meanwhile()
            raise AnswerLostError

        items.write, items.call = write, call  # type: ignore[method-assign]


@pytest_asyncio.fixture
async def slow(cosmos_place: CosmosPlace, store: CosmosStore) -> AsyncIterator[Interrupted]:
    """Open a second store, the one that things happen to."""
    opened = open_cosmos(cosmos_place)
    yield Interrupted(opened, store)
    await opened.close()


@pytest_asyncio.fixture
async def long_session(store: CosmosStore, owner: str) -> Session:
    """Store a session with pages behind its head."""
    return await grown(store, owner)


def places(*requests: str) -> Any:
    """Interrupt before and after the first request of each kind."""
    both = [(moment, request) for request in requests for moment in ("before", "after")]
    return pytest.mark.parametrize("place", both, ids=" ".join)


async def write_long(store: CosmosStore, session: Session, count: int) -> list[str]:
    """Append messages that fill a generation every few of them."""
    sent = [a_message(f"{number} {LONG}") for number in range(count)]
    for message in sent:
        await store.append(session.user_id, session.id, [message])
    return [message.id for message in sent]


async def ids(store: CosmosStore, session: Session) -> list[str]:
    return [message.id for message in await all_messages(store, session)]


# Writes that are sent again


async def test_a_clear_sent_again_does_not_bring_an_epoch_back_that_has_pages(
    store: CosmosStore, slow: Interrupted, owner: str
) -> None:
    session = await grown(store, owner)
    written: list[str] = []

    async def meanwhile() -> None:
        written.extend(await write_long(store, session, 40))

    slow.lose_first_answer(meanwhile)
    await slow.store.clear(owner, session.id)
    written += await write_long(store, session, 40)

    assert await ids(store, session) == written


async def test_a_create_sent_again_does_not_bring_an_epoch_back_that_had_pages(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str
) -> None:
    wanted = a_session(owner)
    epochs: list[str] = []

    async def meanwhile() -> None:
        made = await store.get(owner, wanted.id)
        epochs.append((await stored.log(made))["epoch"])
        await write_long(store, made, 20)
        await store.delete(owner, wanted.id)

    slow.lose_first_answer(meanwhile)
    made = await slow.store.create(wanted)

    assert (await stored.log(made))["epoch"] not in epochs


async def test_a_delete_sent_again_leaves_a_session_alone_that_was_created_meanwhile(
    store: CosmosStore, slow: Interrupted, owner: str
) -> None:
    session = await grown(store, owner)

    async def meanwhile() -> None:
        await store.create(a_session(owner, id=session.id), messages(3))

    slow.lose_first_answer(meanwhile)
    await slow.store.delete(owner, session.id)

    assert len(await all_messages(store, session)) == 3


async def test_a_delete_whose_answer_is_lost_and_that_another_finishes_has_deleted(
    store: CosmosStore, slow: Interrupted, owner: str
) -> None:
    session = await grown(store, owner)

    async def meanwhile() -> None:
        with suppress(SessionNotFoundError):
            await store.delete(owner, session.id)

    slow.lose_first_answer(meanwhile)
    await slow.store.delete(owner, session.id)

    with pytest.raises(SessionNotFoundError):
        await store.get(owner, session.id)


async def test_a_delete_takes_along_what_a_clear_left_of_the_session_it_read(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)

    slow.before("patch", lambda: store.clear(owner, session.id))
    await slow.store.delete(owner, session.id)

    assert await stored.everything(owner) == []


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_page_found_after_a_lost_answer_may_be_an_old_one_and_its_clock_is_started_again(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str, *, carried_out: bool
) -> None:
    session = await grown(store, owner, 20)
    left = await crash_before_rotating(stored, session, ttl=60)

    slow.lose_first_answer(carried_out=carried_out)
    await slow.store.append(owner, session.id, messages(20, metadata={"text": LONG}))

    assert next(page for page in await stored.pages(session) if page["id"] == left)["ttl"] == page_ttl(HOUR)


# A session that is there is never "not found"


@pytest.mark.parametrize("others", ["clear", "update"])
@pytest.mark.parametrize(("request_kind", "skip"), [("create unseen", 0), ("read", 1), ("patch", 0)])
async def test_a_batch_is_stored_although_its_page_is_swept_meanwhile(
    slow: Interrupted, stored: Stored, others: str, request_kind: str, skip: int
) -> None:
    session = await grown(slow.others, an_owner(), 20)
    await crash_before_rotating(stored, session, ttl=60)
    act: dict[str, Meanwhile] = {
        "clear": lambda: slow.others.clear(session.user_id, session.id),
        "update": lambda: slow.others.update(session.user_id, session.id, SessionChanges(ttl_seconds=2 * HOUR)),
    }

    slow.before(request_kind, act[others], skip=skip)
    appended = await slow.store.append(session.user_id, session.id, messages(20))

    assert appended.created
    assert (await ids(slow.others, session))[-20:] == [message.id for message in appended.messages]


@pytest.mark.parametrize("ttl", [60, 2 * HOUR, -1])
@pytest.mark.parametrize("request_kind", ["query", "patch unseen", "patch"])
async def test_a_ttl_is_changed_although_the_pages_are_swept_meanwhile(
    store: CosmosStore, slow: Interrupted, owner: str, ttl: int, request_kind: str
) -> None:
    session = await grown(store, owner)

    slow.before(request_kind, lambda: store.clear(owner, session.id))
    changed = await slow.store.update(owner, session.id, SessionChanges(ttl_seconds=ttl))

    assert changed.ttl_seconds == ttl
    assert (await store.get(owner, session.id)).ttl_seconds == ttl


async def test_a_session_and_its_newest_messages_are_read_as_of_one_moment(
    store: CosmosStore, slow: Interrupted, owner: str
) -> None:
    session = await grown(store, owner)

    async def start_over() -> None:
        await store.clear(owner, session.id)
        await store.append(owner, session.id, messages(2))

    slow.after("read", start_over)
    found, page = await slow.store.read(owner, session.id, 100)

    assert len(page.messages) == found.message_count


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_history_is_read_without_a_gap_while_some_of_its_pages_are_swept_already(
    slow: Interrupted, stored: Stored, owner: str, order: Literal["asc", "desc"]
) -> None:
    store = slow.others
    session = await grown(store, owner, 60)
    pages = await stored.pages(session)
    middle = pages[4]["first_seq"]

    async def sweep_some() -> None:
        await store.clear(owner, session.id)
        for page in pages[:3]:
            await stored.create({name: value for name, value in page.items() if not name.startswith("_")})

    slow.before("read", sweep_some, skip=1)
    query = MessageQuery(limit=5, order=order, before=middle + 1, after=middle - 1 if order == "asc" else None)
    page = await slow.store.read_messages(owner, session.id, query)

    assert page.messages == []


# The life of pages


async def outlast(stored: Stored, session: Session) -> bool:
    """Tell whether all pages outlast their head until its next renewal."""
    document = await stored.head(session)
    needed = document["renew_at"] - 1 + document["ttl"]
    pages = await stored.pages(session)
    kept = document["ttl"] == -1
    return all(page["ttl"] == -1 or (not kept and page["_ts"] + page["ttl"] >= needed) for page in pages)


@places("query", "patch", "patch unseen")
@pytest.mark.parametrize("longer", [{"ttl_seconds": 10 * HOUR}, {"pinned": True}], ids=str)
async def test_a_shorter_life_that_comes_late_does_not_cut_that_of_the_pages_of_a_longer_one(
    slow: Interrupted, stored: Stored, long_session: Session, place: Place, longer: dict[str, Any]
) -> None:
    user_id, session_id = long_session.user_id, long_session.id

    slow.at(place, lambda: slow.others.update(user_id, session_id, SessionChanges(**longer)))
    await slow.store.update(user_id, session_id, SessionChanges(ttl_seconds=60))

    assert await outlast(stored, long_session)


@places("query", "patch", "patch unseen")
@pytest.mark.parametrize("other", [60, 5 * HOUR, 20 * HOUR, -1])
async def test_two_changes_of_the_ttl_at_once_leave_pages_that_outlast_their_head(
    slow: Interrupted, stored: Stored, long_session: Session, place: Place, other: int
) -> None:
    user_id, session_id = long_session.user_id, long_session.id

    slow.at(place, lambda: slow.others.update(user_id, session_id, SessionChanges(ttl_seconds=other)))
    await slow.store.update(user_id, session_id, SessionChanges(ttl_seconds=10 * HOUR))

    assert await outlast(stored, long_session)


@places("query", "patch unseen")
async def test_a_renewal_that_comes_late_does_not_cut_the_life_of_pages_of_a_longer_ttl(
    slow: Interrupted, stored: Stored, long_session: Session, place: Place
) -> None:
    user_id, session_id = long_session.user_id, long_session.id
    for page in await stored.pages(long_session):
        await stored.set(long_session, page["id"], ttl=3000)
    await stored.set(long_session, renew_at=1)

    slow.at(place, lambda: slow.others.update(user_id, session_id, SessionChanges(ttl_seconds=10 * HOUR)))
    await slow.store.append(user_id, session_id, [a_message()])

    assert await outlast(stored, long_session)


@pytest.mark.parametrize("ttl", [HOUR - 60, HOUR * 3 // 4, 60, 4])
async def test_a_shorter_ttl_puts_no_renewal_off_before_the_pages_know_of_it(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str, ttl: int
) -> None:
    session = await grown(store, owner)
    soon = (await stored.head(session))["_ts"] + 20
    await stored.set(session, renew_at=soon)

    async def die() -> None:
        raise StoreError

    slow.before("patch unseen", die)
    with suppress(StoreError):
        await slow.store.update(owner, session.id, SessionChanges(ttl_seconds=ttl))

    document = await stored.head(session)
    assert document["ttl"] == ttl
    assert document["pending"]
    assert document["renew_at"] <= soon


async def test_a_rotator_that_slept_through_a_renewal_counts_no_page_that_was_not_renewed(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 20)
    before = (await stored.log(session))["generation"]

    async def renew() -> None:
        await stored.set(session, renew_at=1)
        await store.update(owner, session.id, SessionChanges(session_name="renewed"))

    slow.before("patch unseen", renew)
    await write_long(slow.store, session, 4)

    assert (await stored.log(session))["generation"] in {before, before + 1}
    assert await outlast(stored, session)
    assert len(await all_messages(store, session)) == 24


async def test_a_condition_is_not_lost_over_a_renewal_that_others_finish(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    await stored.set(session, renew_at=1)
    etag = (await store.get(owner, session.id)).etag

    slow.before("query", lambda: store.update(owner, session.id, SessionChanges(session_name="theirs")))
    with pytest.raises(PreconditionFailedError):
        await slow.store.update(owner, session.id, SessionChanges(session_name="mine"), etag)

    assert (await store.get(owner, session.id)).session_name == "theirs"


async def test_a_rotator_that_comes_after_a_clear_changes_nothing(
    store: CosmosStore, slow: Interrupted, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 20)

    slow.before("patch unseen", lambda: store.clear(owner, session.id))
    await write_long(slow.store, session, 4)
    rest = await fill(store, session, 20, metadata={"text": LONG})
    await store.clear(owner, session.id)

    assert rest
    assert await ids(store, session) == []
    assert await stored.pages(session) == []
