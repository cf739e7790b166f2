"""Answers that get lost, servers that refuse, networks that break: what a caller is told, and what is stored."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from shared.errors import (
    PreconditionFailedError,
    SessionNotFoundError,
    StoreError,
    StoreThrottledError,
    StoreUnavailableError,
)
from shared.models import MessageQuery, Session, SessionChanges, SessionFilter
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.limits import Limits
from tests.builders import a_message, a_session, again, all_messages, an_owner, fill, listed, messages
from tests.cosmos.proxy import (
    Act,
    Proxy,
    Request,
    Test,
    answers,
    carried_out_but_answers,
    delays_answer,
    drops_answer,
    drops_request,
    halves_answer,
    hangs_up_on_answer,
    resets,
)
from tests.cosmos.test_documents import grown
from tests.cosmos_server.launch import CosmosServer
from tests.tiers import slow_but

LONG = "a text that fills generations " * 40
QUICK_SECONDS = 6.0  # on a busy machine; the SDK repeats a query for 2 seconds
LOST = {
    "answer dropped": drops_answer,
    "answer reset": hangs_up_on_answer,
    "answer halved": halves_answer,
    "gateway timed out": carried_out_but_answers(408),
    "carried out, 503": carried_out_but_answers(503),
}
NOT_DONE = {
    "request dropped": drops_request,
    "request reset": resets,
    "449": answers(449),
    "503": answers(503),
    "410": answers(410),
    "429": answers(429, x_ms_retry_after_ms="5"),
}
FAULTS = LOST | NOT_DONE
Verb = Callable[[CosmosStore, Session], Awaitable[Any]]


@pytest.fixture
def store(behind_proxy: CosmosStore) -> CosmosStore:
    return behind_proxy


@pytest_asyncio.fixture
async def session(store: CosmosStore, proxy: Proxy) -> Session:
    made = await store.create(a_session(an_owner()))
    proxy.calm()
    return made


@pytest_asyncio.fixture
async def long_session(store: CosmosStore, proxy: Proxy) -> Session:
    """Store a session with pages behind its head."""
    made = await grown(store, an_owner(), 30)
    proxy.calm()
    return made


@dataclass
class Reached:
    """A long session and the way to it."""

    store: CosmosStore
    proxy: Proxy
    session: Session


@pytest.fixture
def at(store: CosmosStore, proxy: Proxy, long_session: Session) -> Reached:
    return Reached(store, proxy, long_session)


def nth_fault(proxy: Proxy, act: Act, place: int) -> None:
    """Meet the request at that place with a fault, once."""
    proxy.calm()
    proxy.on("any", act, skip=place)


def is_batch(request: Request) -> bool:
    return request.kind == "batch"


def is_page(request: Request) -> bool:
    return request.kind == "create" and "~" in (request.item_id or "")


# Lost answers


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
@pytest.mark.parametrize("count", [1, 6, 7, 20])
async def test_an_append_whose_answer_is_lost_is_stored_once_and_answered_as_stored(
    store: CosmosStore, proxy: Proxy, session: Session, count: int, fault: Act
) -> None:
    proxy.on("patch", fault)

    appended = await store.append(session.user_id, session.id, messages(count))

    assert appended.created
    assert appended.message_count == count
    assert await all_messages(store, session) == appended.messages


async def test_every_second_answer_may_be_lost_and_nothing_is_doubled(
    store: CosmosStore, proxy: Proxy, session: Session
) -> None:
    sent = [a_message(f"{number} {LONG}") for number in range(60)]

    for message in sent:
        proxy.on("patch", drops_answer)
        assert (await store.append(session.user_id, session.id, [message])).created

    assert [message.id for message in await all_messages(store, session)] == [message.id for message in sent]


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
@pytest.mark.parametrize("count", [0, 3, 20])
async def test_a_create_whose_answer_is_lost_makes_one_session_and_returns_it(
    store: CosmosStore, proxy: Proxy, count: int, fault: Act
) -> None:
    wanted = a_session(an_owner())
    proxy.on("create", fault)

    made = await store.create(wanted, messages(count))

    assert made.message_count == count
    assert made == await store.get(wanted.user_id, wanted.id)
    assert await listed(store, wanted.user_id) == [made]


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
@pytest.mark.parametrize("on_condition", [False, True], ids=["anyway", "if_match"])
@pytest.mark.parametrize("changes", [{"session_name": "new"}, {"ttl_seconds": 60}, {"ttl_seconds": -1}], ids=str)
async def test_an_update_whose_answer_is_lost_is_made_and_answered(
    at: Reached, fault: Act, *, on_condition: bool, changes: dict[str, Any]
) -> None:
    store, session = at.store, at.session
    at.proxy.on(lambda request: request.kind == "patch" and request.item_id == session.id, fault)

    etag = session.etag if on_condition else None
    changed = await store.update(session.user_id, session.id, SessionChanges(**changes), etag)

    assert {name: getattr(changed, name) for name in changes} == changes
    assert changed == await store.get(session.user_id, session.id)


async def test_an_update_on_condition_is_refused_when_another_came_between_its_two_tries(
    store: CosmosStore, proxy: Proxy, session: Session
) -> None:
    other = CosmosStore(proxy.endpoint, "a2V5", "proxied", "sessions", emulator=True)

    async def rename_first(exchange: Any) -> None:
        await other.update(session.user_id, session.id, SessionChanges(session_name="theirs"))
        await drops_request(exchange)

    proxy.on("patch", rename_first)

    with pytest.raises(PreconditionFailedError):
        await store.update(session.user_id, session.id, SessionChanges(session_name="mine"), session.etag)
    await other.close()

    assert (await store.get(session.user_id, session.id)).session_name == "theirs"


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
async def test_a_clear_whose_answer_is_lost_clears(
    store: CosmosStore, proxy: Proxy, long_session: Session, fault: Act
) -> None:
    proxy.on("patch", fault)

    await store.clear(long_session.user_id, long_session.id)

    assert await all_messages(store, long_session) == []
    assert (await store.get(long_session.user_id, long_session.id)).message_count == 0


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
@pytest.mark.parametrize("place", range(6))
async def test_a_delete_that_loses_any_one_answer_deletes(
    store: CosmosStore, proxy: Proxy, long_session: Session, fault: Act, place: int
) -> None:
    nth_fault(proxy, fault, place)

    try:
        await store.delete(long_session.user_id, long_session.id)
    except StoreError:  # a client tries again
        with suppress(SessionNotFoundError):
            await store.delete(long_session.user_id, long_session.id)

    with pytest.raises(SessionNotFoundError):
        await store.get(long_session.user_id, long_session.id)
    made = await store.create(a_session(long_session.user_id, id=long_session.id))
    assert await all_messages(store, made) == []


@pytest.mark.parametrize("fault", slow_but(FAULTS, "answer halved", "449"))
@pytest.mark.parametrize("step", ["batch", "page beside others", "rotation beside others"])
async def test_a_rotation_that_meets_a_fault_never_fails_the_append_and_is_made_up_for(
    store: CosmosStore, proxy: Proxy, session: Session, fault: Act, step: str
) -> None:
    steps: dict[str, Test] = {
        "batch": is_batch,
        "page beside others": is_page,
        "rotation beside others": lambda request: b'"/log/previous_bytes"' in request.body,
    }
    proxy.on(steps[step], fault)
    if step != "batch":
        proxy.on(is_batch, answers(412), times=3)  # as if others had appended meanwhile

    sent = [a_message(f"{number} {LONG}") for number in range(30)]
    for message in sent:
        assert (await store.append(session.user_id, session.id, [message])).created
        await store.settle()

    assert proxy.rules[0].met
    assert [message.id for message in await all_messages(store, session)] == [message.id for message in sent]


@pytest.mark.parametrize("fault", slow_but(LOST, "answer dropped", "carried out, 503"))
@pytest.mark.parametrize("count", [1, 6, 7, 20])
async def test_an_append_that_fills_the_head_and_loses_its_answer_is_stored_once_and_answered_as_stored(
    store: CosmosStore, proxy: Proxy, session: Session, count: int, fault: Act
) -> None:
    first = await store.append(session.user_id, session.id, messages(3, metadata={"text": LONG}))
    proxy.on(is_batch, fault)

    sent = messages(count, metadata={"text": LONG * 2})
    appended = await store.append(session.user_id, session.id, sent)

    assert proxy.rules[0].met
    assert appended.created
    assert await all_messages(store, session) == [*first.messages, *appended.messages]
    assert not (await store.append(session.user_id, session.id, again(sent))).created


# Any fault, at any request of any verb


async def _append(store: CosmosStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(3))


async def _append_batch(store: CosmosStore, session: Session) -> None:
    await store.append(session.user_id, session.id, messages(20, metadata={"text": LONG}))


async def _rename(store: CosmosStore, session: Session) -> None:
    await store.update(session.user_id, session.id, SessionChanges(session_name="renamed"))


async def _live_longer(store: CosmosStore, session: Session) -> None:
    await store.update(session.user_id, session.id, SessionChanges(ttl_seconds=86_400))


async def _live_shorter(store: CosmosStore, session: Session) -> None:
    await store.update(session.user_id, session.id, SessionChanges(ttl_seconds=600))


async def _clear(store: CosmosStore, session: Session) -> None:
    await store.clear(session.user_id, session.id)


VERBS = {
    verb.__name__.strip("_"): verb for verb in (_append, _append_batch, _rename, _live_longer, _live_shorter, _clear)
}


async def count_requests(store: CosmosStore, proxy: Proxy, verb: Verb, session: Session) -> int:
    proxy.calm()
    await verb(store, session)
    return len(proxy.requests)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("fault", slow_but(FAULTS, "answer halved", "449"))
async def test_whatever_fails_once_at_whichever_request_leaves_the_session_whole(
    store: CosmosStore, proxy: Proxy, long_session: Session, verb: Verb, fault: Act
) -> None:
    session = long_session
    ids = [message.id for message in await all_messages(store, session)]
    for place in range(await count_requests(store, proxy, verb, session) + 1):
        before = await all_messages(store, session)
        nth_fault(proxy, fault, place)
        with suppress(StoreError):
            await verb(store, session)
        proxy.calm()
        after = await all_messages(store, session)
        added = len(after) - len(before)
        assert added in {0, 3, 20} if verb is not _clear else not after or after == before
        assert after[: len(before)] == before or verb is _clear
        assert (await store.get(session.user_id, session.id)).message_count == len(after)
    assert ids


# Refusals and outages


async def test_two_writes_that_meet_are_tried_again(store: CosmosStore, proxy: Proxy, session: Session) -> None:
    proxy.on("patch", answers(449), times=2)

    appended = await store.append(session.user_id, session.id, [a_message()])

    assert appended.created
    assert len(await all_messages(store, session)) == 1


async def test_writes_that_meet_for_ever_are_an_outage_in_the_end(
    store: CosmosStore, proxy: Proxy, session: Session
) -> None:
    proxy.on("patch", answers(449), times=None)

    with pytest.raises(StoreUnavailableError):
        await store.append(session.user_id, session.id, [a_message()])


async def test_a_throttled_append_waits_and_is_stored(store: CosmosStore, proxy: Proxy, session: Session) -> None:
    proxy.on("patch", answers(429, x_ms_retry_after_ms="20"), times=3)

    assert (await store.append(session.user_id, session.id, [a_message()])).created


@pytest.mark.parametrize(("milliseconds", "seconds"), [("10", 1), ("1600", 2)])
async def test_throttling_past_all_retries_says_when_to_come_back(
    server: CosmosServer, proxy: Proxy, milliseconds: str, seconds: int
) -> None:
    limits = Limits(throttle_seconds=0.001)  # the SDK waits once
    store = CosmosStore(proxy.endpoint, server.key, "proxied", "sessions", emulator=True, limits=limits)
    session = await store.create(a_session(an_owner()))
    proxy.on("patch", answers(429, x_ms_retry_after_ms=milliseconds), times=None)

    with pytest.raises(StoreThrottledError) as caught:
        await store.append(session.user_id, session.id, [a_message()])
    await store.close()

    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize("verb", ["get", "read_messages"])
async def test_a_throttled_read_is_no_missing_session(
    store: CosmosStore, proxy: Proxy, session: Session, verb: str
) -> None:
    proxy.on("any", answers(429, x_ms_retry_after_ms="5"), times=None)

    with pytest.raises(StoreThrottledError):
        await READS[verb](store, session)


OUTAGES = {
    "503": answers(503),
    "500": answers(500),
    "408": answers(408),
    "410": answers(410),
    "401": answers(401),
    "403": answers(403),
    "no container": answers(404, x_ms_substatus="1003"),
    "dropped": drops_request,
    "reset": resets,
}
READS: dict[str, Verb] = {
    "get": lambda store, session: store.get(session.user_id, session.id),
    "read": lambda store, session: store.read(session.user_id, session.id, 500),
    "read_messages": lambda store, session: store.read_messages(
        session.user_id, session.id, MessageQuery(limit=500, order="asc")
    ),
    "list_sessions": lambda store, session: store.list_sessions(session.user_id, SessionFilter(), 10),
    "stats": lambda store, session: store.stats(session.user_id, session.id),
    "ping": lambda store, _session: store.ping(),
}
WRITES: dict[str, Verb] = {
    "append": lambda store, session: store.append(session.user_id, session.id, [a_message()]),
    "batch": lambda store, session: store.append(session.user_id, session.id, messages(20)),
    "update": lambda store, session: store.update(session.user_id, session.id, SessionChanges(session_name="x")),
    "ttl": lambda store, session: store.update(session.user_id, session.id, SessionChanges(ttl_seconds=9)),
    "clear": lambda store, session: store.clear(session.user_id, session.id),
    "delete": lambda store, session: store.delete(session.user_id, session.id),
    "create": lambda store, session: store.create(a_session(session.user_id)),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_is_unavailable_quickly_and_never_no_session(
    store: CosmosStore, proxy: Proxy, long_session: Session, outage: Act
) -> None:
    before = await all_messages(store, long_session)
    for verb in (READS | WRITES).values():
        proxy.on("any", outage, times=None)

        start = time.monotonic()
        with pytest.raises(StoreUnavailableError) as caught:
            await verb(store, long_session)

        assert time.monotonic() - start < QUICK_SECONDS
        assert caught.value.retry_after_seconds >= 1
        proxy.calm()
        assert await all_messages(store, long_session) == before


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_while_pages_are_read_is_no_gap(
    store: CosmosStore, proxy: Proxy, long_session: Session, outage: Act
) -> None:
    proxy.on(lambda request: "~" in (request.item_id or "") or b"~" in request.body, outage, times=None)
    store._items.known_heads.forget(long_session.user_id, long_session.id)  # else one query asks for the head too

    with pytest.raises(StoreUnavailableError):
        await store.read(long_session.user_id, long_session.id, 500)


async def test_a_refused_connection_is_unavailable_quickly_and_the_store_recovers_by_itself(
    store: CosmosStore, proxy: Proxy, long_session: Session
) -> None:
    await proxy.stop()

    for verb in (READS | WRITES).values():
        start = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            await verb(store, long_session)
        assert time.monotonic() - start < QUICK_SECONDS

    await proxy.start()
    assert len(await all_messages(store, long_session)) == 30
    assert (await store.append(long_session.user_id, long_session.id, [a_message()])).created


async def test_a_store_that_was_never_reached_recovers_by_itself(server: CosmosServer, proxy: Proxy) -> None:
    await proxy.stop()
    store = CosmosStore(proxy.endpoint, server.key, "proxied", "sessions", emulator=True)

    with pytest.raises(StoreUnavailableError):
        await store.ping()

    await proxy.start()
    await store.ping()
    await store.close()


async def test_an_answer_later_than_the_time_allowed_is_unavailable_and_what_was_stored_is_recognised(
    server: CosmosServer, proxy: Proxy, session: Session
) -> None:
    limits = Limits(call_seconds=0.2)
    store = CosmosStore(proxy.endpoint, server.key, "proxied", "sessions", emulator=True, limits=limits)
    message = a_message()
    proxy.on("patch", delays_answer(0.6), times=None)

    with pytest.raises(StoreUnavailableError):
        await store.append(session.user_id, session.id, [message])

    proxy.calm()
    repeat = await store.append(session.user_id, session.id, again([message]))
    await store.close()
    assert not repeat.created
    assert [message.seq for message in repeat.messages] == [1]


# The proxy itself


async def test_the_proxy_passes_what_no_rule_is_for_and_writes_it_down(
    store: CosmosStore, proxy: Proxy, session: Session
) -> None:
    proxy.on(lambda request: request.item_id == "another", answers(503))

    await fill(store, session, 2)
    await store.list_sessions(session.user_id, SessionFilter(), 10)

    assert [(request.kind, request.item_id) for request in proxy.requests] == [("patch", session.id), ("query", None)]


async def test_a_rule_meets_as_many_requests_as_it_says_after_those_it_skips(
    store: CosmosStore, proxy: Proxy, session: Session
) -> None:
    rule = proxy.on("read", answers(404), times=2, skip=1)

    found = 0
    for _ in range(5):
        with suppress(SessionNotFoundError):
            await store.get(session.user_id, session.id)
            found += 1

    assert (found, rule.met) == (3, 2)
