"""One store, several instances of the service: a question has one reply, and one instance pays for it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from shared.errors import (
    ModelFailedError,
    ModelThrottledError,
    StoreUnavailableError,
    TurnInProgressError,
    TurnNotNewestError,
)
from shared.freshness import fresh_as
from shared.models import Lease, Message, MessageInput, MessageQuery, Session, SessionTarget
from shared.service import ChatService
from shared.settings import Settings, load_settings
from shared.store.port import SessionStore
from shared.turns import generation, in_progress
from shared.turns.leases import reply_id_for
from shared.turns.pending import Taken
from shared.turns.saying import Said
from shared.turns.turns import Turns, turns_of
from tests.builders import a_message, a_session
from tests.conftest import OpenStore
from tests.turns.model_server import FakeModel, Script, chunk, whole

pytestmark = pytest.mark.on_both_stores

HELLO = "Hello there."
SOON = 10  # seconds: far less than a lease lasts that nobody gives back


@dataclass
class Instance:
    """An instance of the service, with a store of its own that leads to the same sessions."""

    chat: ChatService
    session: Session

    @property
    def turns(self) -> Turns:
        return turns_of(self.chat)

    async def say(self, text: str = "Hi", message_id: str = "m1") -> Taken:
        said = Said([MessageInput(role="user", content=text, id=message_id)])
        with fresh_as(None):
            return await self.turns.say(self.session.user_id, self.session.id, said)

    async def look(self, message_id: str = "m1", *, follow: bool = True) -> Taken | None:
        with fresh_as(None):
            return await self.turns.look(self.session.user_id, self.session.id, message_id, follow=follow)

    async def stop(self, message_id: str = "m1") -> None:
        await self.turns.stop(self.session.user_id, self.session.id, message_id)

    async def contents(self) -> list[object]:
        query = MessageQuery(limit=100, order="asc")
        with fresh_as(None):
            await self.chat.store.catch_up(self.session.user_id, self.session.id)
            page = await self.chat.store.read_messages(self.session.user_id, self.session.id, query)
        return [message.content for message in page.messages]


@pytest_asyncio.fixture
async def instances(
    open_store: OpenStore, store: SessionStore, owner: str, model: FakeModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Instance]]:
    """Run two instances, and let the owner have a session."""
    settings: Settings = load_settings({}, tmp_path_factory.mktemp("unset"))
    settings = replace(settings, model=model.settings)
    session = await store.create(a_session(owner))
    stores = [open_store(), open_store()]
    running = [Instance(ChatService(each, settings), session) for each in stores]
    yield running
    for each in running:
        await each.chat.close()


async def has_begun(taken: Taken) -> None:
    """Return when the first of the reply's words has come."""
    while not taken.pending.text:
        await taken.pending.changed(SOON)


async def content_of(taken: Taken | None) -> object:
    assert taken
    return (await taken.pending.answered()).reply.content


async def test_two_instances_at_once_have_one_reply_and_pay_once(instances: list[Instance], model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))

    taken = await asyncio.gather(*(each.say() for each in instances))
    await model.waiting.wait()
    model.go_on()

    assert [await content_of(each) for each in taken] == ["HalfRest", "HalfRest"]
    assert sorted(each.how for each in taken) == ["joined", "started"]
    assert await instances[0].contents() == ["Hi", "HalfRest"]
    assert len(model.asked) == 1


async def test_a_turn_that_runs_elsewhere_can_be_followed_to_its_end(
    instances: list[Instance], model: FakeModel
) -> None:
    here, there = instances
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    await there.say()
    await model.waiting.wait()

    seen = await here.look(follow=False)
    followed = await here.look()
    model.go_on()

    assert seen
    assert seen.pending.outcome is None
    assert await content_of(followed) == "HalfRest"
    assert await content_of(await here.look()) == "HalfRest"


async def test_another_turn_is_refused_on_every_instance(instances: list[Instance], model: FakeModel) -> None:
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    taken = await instances[0].say()
    await model.waiting.wait()

    for each in instances:
        with pytest.raises(TurnInProgressError):
            await each.say("Other", "m2")
    model.go_on()

    await taken.pending.answered()
    assert await instances[1].contents() == ["Hi", "HalfRest"]


async def test_after_a_failure_elsewhere_who_waited_asks_once(instances: list[Instance], model: FakeModel) -> None:
    model.next(Script([None, {"error": {}}]), Script([{"error": {}}]))
    failing = await instances[0].say()
    await model.waiting.wait()
    joined = await instances[1].say()
    model.go_on()

    for each in (failing, joined):
        with pytest.raises(ModelFailedError):
            await each.pending.answered()
    assert len(model.asked) == 2
    assert await content_of(await instances[1].say()) == HELLO


async def test_who_only_looked_asks_no_model(instances: list[Instance], model: FakeModel) -> None:
    model.next(Script([None, {"error": {}}]))
    await instances[0].say()
    await model.waiting.wait()
    looking = await instances[1].look()
    model.go_on()

    with pytest.raises(ModelFailedError):
        await content_of(looking)
    assert len(model.asked) == 1


def a_dead_instances(session: Session, message: Message | None = None, *, seconds: int) -> Lease:
    reply_id = reply_id_for(session.user_id, session.id, message.id if message else "m1")
    return Lease(reply_id=reply_id, holder="dead", until=int(time.time()) + seconds)


async def test_a_crash_before_the_reply_leaves_the_words_and_a_repeat_answers_after_the_lease(
    instances: list[Instance], model: FakeModel
) -> None:
    here, session = instances[0], instances[0].session
    words = [a_message("Hi", id="m1")]
    await here.chat.store.append(session.user_id, session.id, words, turn=a_dead_instances(session, seconds=-1))

    taken = await here.say()

    assert (taken.how, await content_of(taken)) == ("started", HELLO)
    assert await here.contents() == ["Hi", HELLO]


async def test_repeats_that_wait_for_a_crashed_instance_are_answered_when_its_lease_is_over(
    instances: list[Instance], model: FakeModel
) -> None:
    here, session = instances[0], instances[0].session
    words = [a_message("Hi", id="m1")]
    await here.chat.store.append(session.user_id, session.id, words, turn=a_dead_instances(session, seconds=600))

    waiting = [await each.say() for each in instances]
    asked_while_it_lasted = len(model.asked)
    await here.chat.store.hold_turn(session.user_id, session.id, a_dead_instances(session, seconds=-1))

    assert [await content_of(each) for each in waiting] == [HELLO, HELLO]
    assert (asked_while_it_lasted, len(model.asked)) == (0, 1)
    assert await here.contents() == ["Hi", HELLO]


async def test_who_waited_is_refused_when_something_else_was_said_first(
    instances: list[Instance], model: FakeModel
) -> None:
    here, session = instances[0], instances[0].session
    words = [a_message("Hi", id="m1")]
    await here.chat.store.append(session.user_id, session.id, words, turn=a_dead_instances(session, seconds=600))

    waiting = await here.say()
    await here.chat.store.append(session.user_id, session.id, [a_message("Well?", id="m2")])
    await here.chat.store.hold_turn(session.user_id, session.id, a_dead_instances(session, seconds=-1))

    with pytest.raises(TurnNotNewestError):
        await waiting.pending.answered()
    assert model.asked == []


async def test_a_repeat_is_refused_when_something_was_said_before_it_had_the_lease(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, session = instances[0], instances[0].session
    store = here.chat.store
    await store.append(session.user_id, session.id, [a_message("Hi", id="m1")])
    hold = store.hold_turn

    async def late(user_id: str, session_id: str, lease: Lease) -> None:
        await store.append(user_id, session_id, [a_message("Well?", id="m2")])
        await hold(user_id, session_id, lease)

    monkeypatch.setattr(store, "hold_turn", late)
    taken = await here.say()

    with pytest.raises(TurnNotNewestError):
        await taken.pending.answered()
    assert model.asked == []
    assert (await store.get(session.user_id, session.id)).lease is None


async def test_a_reply_that_comes_after_its_lease_was_taken_is_not_stored(
    instances: list[Instance], model: FakeModel
) -> None:
    late, other = instances
    session = late.session
    model.next(Script([chunk("Late"), None, *whole()]), Script([None, *whole("In time")]))
    first = await late.say()
    await model.waiting.wait()
    model.waiting.clear()
    await other.chat.store.end_turn(session.user_id, session.id, await holder_of(other))
    second = await other.say()
    await model.waiting.wait()
    model.go_on()
    await asyncio.sleep(0)
    while len([each for each in (first, second) if each.pending.outcome is None]) > 0:
        model.go_on()
        await asyncio.sleep(0.01)

    replies = [message for message in await other.contents() if message != "Hi"]
    assert len(replies) == 1
    assert len(await other.contents()) == 2


async def holder_of(instance: Instance) -> str:
    session = instance.session
    with fresh_as(None):
        await instance.chat.store.catch_up(session.user_id, session.id)
        lease = (await instance.chat.store.get(session.user_id, session.id)).lease
    assert lease
    return lease.holder


async def test_a_stop_on_another_instance_is_seen_at_the_next_look(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "LOOK_SECONDS", 0.05)
    here, there = instances
    model.next(Script([chunk("Half"), None]))
    taken = await here.say()
    await model.waiting.wait()

    await there.stop()

    reply = (await taken.pending.answered()).reply
    assert (reply.content, reply.metadata["reply"]["finish_reason"]) == ("Half", "stopped")


async def test_a_reply_to_what_is_gone_is_not_paid_to_its_end(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "LOOK_SECONDS", 0.05)
    here, there = instances
    model.next(Script([chunk("Half"), None]))
    taken = await here.say()
    await model.waiting.wait()

    await there.chat.store.delete(here.session.user_id, here.session.id)

    with pytest.raises(Exception, match="no session"):
        await taken.pending.answered()
    assert model.left == 1


async def test_an_instance_that_ends_gives_its_leases_back(instances: list[Instance], model: FakeModel) -> None:
    here, there = instances
    model.next(Script([chunk("Half"), None]))
    taken = await here.say()
    await model.waiting.wait()

    await here.turns.close()

    with pytest.raises(ModelFailedError):
        await taken.pending.answered()
    assert await content_of(await there.say()) == HELLO
    assert await there.contents() == ["Hi", HELLO]


async def test_an_instance_may_end_before_a_turn_has_begun(instances: list[Instance], model: FakeModel) -> None:
    here, there = instances
    model.next(Script([chunk("Half"), None]))
    taken = await here.say()
    await here.turns.close()
    model.scripts.clear()  # it may have ended before it asked

    async with asyncio.timeout(SOON):
        with pytest.raises(ModelFailedError):
            await taken.pending.answered()
        assert await content_of(await there.say()) == HELLO
    assert await there.contents() == ["Hi", HELLO]


async def test_an_instance_may_end_before_it_waits_for_another(instances: list[Instance], model: FakeModel) -> None:
    here, there = instances
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    taken = await here.say()
    await model.waiting.wait()

    joined = await there.say()
    await there.turns.close()

    async with asyncio.timeout(SOON):
        with pytest.raises(ModelFailedError):
            await joined.pending.answered()
        model.go_on()
        assert await content_of(taken) == "HalfRest"


async def test_an_instance_that_ends_while_it_gives_a_lease_back_gives_it_back(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = instances
    store = here.chat.store
    end_turn, giving, on = store.end_turn, asyncio.Event(), asyncio.Event()

    async def slowly(user_id: str, session_id: str, holder: str) -> None:
        giving.set()
        await on.wait()
        await end_turn(user_id, session_id, holder)

    monkeypatch.setattr(store, "end_turn", slowly)
    model.next(Script([], status=500))
    taken = await here.say()
    async with asyncio.timeout(SOON):
        await giving.wait()
        asyncio.get_running_loop().call_later(0.05, on.set)
        await here.turns.close()

        with pytest.raises(ModelFailedError):
            await taken.pending.answered()
        assert await content_of(await there.say()) == HELLO


@pytest.mark.parametrize("is_away", [False, True])
async def test_an_instance_that_ends_stores_what_was_paid_for_if_it_can(
    instances: list[Instance], monkeypatch: pytest.MonkeyPatch, *, is_away: bool
) -> None:
    here, there = instances
    store = here.chat.store
    append, storing = store.append, asyncio.Event()

    async def slowly(*arguments: Any, **options: Any) -> Any:
        storing.set()
        await asyncio.sleep(3600 if is_away else 0.1)
        return await append(*arguments, **options)

    monkeypatch.setattr(in_progress, "CLOSING_SECONDS", 0.5)
    taken = await here.say()
    monkeypatch.setattr(store, "append", slowly)
    await storing.wait()
    async with asyncio.timeout(SOON):
        await here.turns.close()

        if is_away:
            with pytest.raises(ModelFailedError):
                await taken.pending.answered()
        else:
            assert await content_of(taken) == HELLO
        assert await content_of(await there.say()) == HELLO
    assert await there.contents() == ["Hi", HELLO]


@pytest.mark.parametrize("how", ["told away", "broken off"])
@pytest.mark.parametrize("verb", ["append", "create", "hold_turn"])
async def test_a_lease_is_not_kept_where_the_answer_to_taking_it_was_lost(
    instances: list[Instance], monkeypatch: pytest.MonkeyPatch, verb: str, how: str
) -> None:
    here, there = instances
    user_id, session_id = here.session.user_id, "new" if verb == "create" else here.session.id
    if verb == "hold_turn":
        await here.chat.store.append(user_id, session_id, [a_message("Hi", id="m1")])
    target = SessionTarget(session_id=session_id)
    said = Said([MessageInput(role="user", content="Hi", id="m1")])
    write = getattr(here.chat.store, verb)

    async def lost(*arguments: Any, **options: Any) -> None:
        await write(*arguments, **options)
        raise StoreUnavailableError if how == "told away" else asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(here.chat.store, verb, lost)
        with pytest.raises((StoreUnavailableError, asyncio.CancelledError)):
            await here.turns.say(user_id, target, said)

    with fresh_as(None):
        async with asyncio.timeout(SOON):
            assert await content_of(await there.turns.say(user_id, target, said)) == HELLO


async def test_who_waits_for_another_instance_is_told_when_the_store_is_away_for_longer_than_leases_last(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = instances
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    taken = await here.say()
    await model.waiting.wait()

    async def away(*_: object) -> Session:
        raise StoreUnavailableError

    moods = iter([there.chat.store.get] * 3)

    async def get(*place: str) -> Session:
        return await next(moods, away)(*place)

    monkeypatch.setattr(there.chat.store, "get", get)
    there.turns.leases.seconds = 1
    joined = await there.say()
    began = time.monotonic()

    async with asyncio.timeout(SOON):
        with pytest.raises(StoreUnavailableError):
            await joined.pending.answered()
    assert time.monotonic() > began + 1.2, "it was answered three times, a moment before"
    model.go_on()
    assert await content_of(taken) == "HalfRest"


async def test_a_reply_that_is_taken_over_and_loses_its_lease_is_not_made_again(
    instances: list[Instance], model: FakeModel
) -> None:
    here, there = instances
    session, store = here.session, here.chat.store
    place = session.user_id, session.id
    await store.append(*place, [a_message("Hi", id="m1")], turn=a_dead_instances(session, seconds=600))
    waiting = await there.say()
    model.next(Script([chunk("First. "), None, *whole("Rest.")]))
    await store.hold_turn(*place, a_dead_instances(session, seconds=-1))
    await model.waiting.wait()
    await store.append(*place, [a_message("Taken back", id="n1", role="system")])
    await store.rewind(*place, 1)
    model.go_on()

    async with asyncio.timeout(SOON):
        with pytest.raises(TurnInProgressError):
            await waiting.pending.answered()
        assert await content_of(await there.say()) == HELLO
    assert await here.contents() == ["Hi", HELLO]
    assert len(model.asked) == 2


async def test_a_question_with_much_behind_it_that_nobody_said_is_answered(
    instances: list[Instance], model: FakeModel
) -> None:
    here = instances[0]
    place = here.session.user_id, here.session.id
    notes = [a_message(f"Note {number} {'x' * 600}", role="system") for number in range(100)]
    await here.chat.store.append(*place, [a_message("Hi", id="m1"), *notes])

    async with asyncio.timeout(SOON):
        assert await content_of(await here.say()) == HELLO


async def test_what_an_instance_has_just_stored_when_it_ends_has_no_lease(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = instances
    append, on = here.chat.append, asyncio.Event()

    async def slowly(*arguments: Any, **options: Any) -> Any:
        appended = await append(*arguments, **options)
        await on.wait()
        return appended

    monkeypatch.setattr(here.chat, "append", slowly)
    model.next(Script([chunk("Half"), None]))
    saying = asyncio.create_task(here.say())
    closing = asyncio.create_task(here.turns.close())
    await asyncio.sleep(0.1)
    on.set()

    async with asyncio.timeout(SOON):
        taken = await saying
        await closing
        with pytest.raises(ModelFailedError):
            await taken.pending.answered()
        with pytest.raises(ModelThrottledError):
            await here.say(message_id="m2")
        model.scripts.clear()  # it may have ended before it asked
        assert await content_of(await there.say()) == HELLO


async def test_a_reply_that_has_just_ended_when_its_instance_does_is_stored(
    instances: list[Instance], model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = instances
    read_reply = generation.Generation._read_reply
    closing: list[asyncio.Task[None]] = []

    async def and_close(self: generation.Generation, *arguments: Any) -> Any:
        ended = await read_reply(self, *arguments)
        monkeypatch.setattr(in_progress, "CLOSING_STEP_SECONDS", 0)
        closing.append(asyncio.create_task(here.turns.close()))
        return ended

    monkeypatch.setattr(generation.Generation, "_read_reply", and_close)

    assert await content_of(await here.say()) == HELLO
    await closing[0]
    assert await there.contents() == ["Hi", HELLO]


async def test_no_more_replies_are_made_at_once_than_the_deployment_allows(
    instances: list[Instance], model: FakeModel
) -> None:
    here = instances[0]
    owner = here.session.user_id
    few = replace(here.chat.settings, model=replace(model.settings, concurrency=2))
    chat = ChatService(here.chat.store, few)
    model.next(Script([None, *whole("x")]), Script([None, *whole("x")]))
    sessions = [await here.chat.store.create(a_session(owner)) for _ in range(3)]

    def say(session: Session) -> Said:
        return Said([MessageInput(role="user", content=session.id, id="m1")])

    taken = [await turns_of(chat).say(owner, each.id, say(each)) for each in sessions[:2]]
    with pytest.raises(ModelThrottledError):
        await turns_of(chat).say(owner, sessions[2].id, say(sessions[2]))

    for each in taken:
        while each.pending.outcome is None:
            model.go_on()
            await asyncio.sleep(0.01)
    assert (await here.chat.store.get(owner, sessions[2].id)).message_count == 0
    assert await content_of(await turns_of(chat).say(owner, sessions[2].id, say(sessions[2]))) == HELLO
    await chat.settle()
