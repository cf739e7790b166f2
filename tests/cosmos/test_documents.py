"""The documents as they are stored, and what the adapter makes of those that others left behind."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import (
    MessageConflictError,
    SessionArchivedError,
    SessionNotFoundError,
    StoreUnavailableError,
)
from shared.models import JsonObject, MessageQuery, NewMessage, Session, SessionChanges, stored_bytes, utc_now
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.guards import literal
from shared.store.cosmos.head import Head, page_id, short_hash
from shared.store.cosmos.lifetimes import is_fresh, lasting_since, lasts, page_ttl, renewal_due
from shared.store.cosmos.limits import Limits
from shared.store.cosmos.log import _rotate_beside_others
from shared.store.rules import documents_bytes
from tests.builders import HOUR, a_message, a_session, all_messages, an_owner, fill, listed, messages
from tests.conftest import CosmosPlace, open_cosmos
from tests.cosmos.stored import Stored

FAR_FUTURE = 253_402_300_799
LONG = "a text that fills generations " * 40
TEXT = "a text of which ten fill a generation " * 10
HEAD_FIELDS = {
    "id", "user_id", "type", "schema", "session_name", "folded_name", "channel", "context", "tags", "pinned",
    "ttl_seconds", "status", "created_at", "updated_at", "last_activity_at", "archived_at", "last_seq",
    "message_count", "ttl", "renew_at", "pending", "log",
}  # fmt: skip
LOG_FIELDS = {"epoch", "generation", "messages", "previous", "bytes", "previous_bytes", "recent_ids", "edits"}


async def grown(store: CosmosStore, owner: str, count: int = 40, **fields: Any) -> Session:
    """Store a session with pages behind its head: batches of ten, numbered, each of which is a generation."""
    made = await store.create(a_session(owner, **fields))
    sent = [a_message(f"{number} {TEXT}") for number in range(1, count + 1)]
    for start in range(0, count, 10):
        await store.append(owner, made.id, sent[start : start + 10])
    return await store.get(owner, made.id)


def again(sent: NewMessage, **changes: Any) -> NewMessage:
    """Return the message as a repeat of it arrives, or one that differs under its id."""
    return sent.model_copy(update={"created_at": utc_now(), **changes})


async def rotate_beside_others(store: CosmosStore, stored: Stored, session: Session) -> None:
    """Make the current generation the previous one, as is done while others append, and as earlier builds did."""
    await _rotate_beside_others(store._items.of(session.user_id), Head(await stored.head(session)))


async def crash_before_rotating(stored: Stored, session: Session, **fields: Any) -> str:
    """Leave a page of the previous generation behind, as a rotator does that died after its first step."""
    document = await stored.head(session)
    parts = document["log"]
    generation = parts["generation"] - 1
    left = {
        "id": page_id(session.id, parts["epoch"], generation),
        "user_id": session.user_id,
        "type": "page",
        "session_id": session.id,
        "epoch": parts["epoch"],
        "generation": generation,
        "first_seq": Head(document).previous_first_seq,
        "messages": parts["previous"],
        "ttl": page_ttl(document["ttl"]),
    }
    await stored.create(left | fields)
    return left["id"]


# The head


async def test_a_head_has_the_fields_that_the_design_names(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await store.create(a_session(owner))

    document = await stored.head(session)

    assert set(document) >= HEAD_FIELDS
    assert set(document["log"]) >= LOG_FIELDS
    assert (document["id"], document["user_id"], document["type"]) == (session.id, owner, "session")
    assert (document["status"], document["pending"], document["ttl"]) == ("active", False, HOUR)
    assert document["renew_at"] == FAR_FUTURE


async def test_a_message_is_stored_without_what_is_empty_or_follows_from_its_place(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    message = a_message("hello")

    await store.append(owner, session.id, [message])

    document = (await stored.log(session))["messages"][0]
    assert set(document) == {"id", "role", "content", "created_at"}


@pytest.mark.parametrize("counts", [[1] * 12, [20, 20, 20], [7, 1, 1, 12, 3]], ids=str)
async def test_bytes_are_those_of_the_stored_messages(
    store: CosmosStore, stored: Stored, owner: str, counts: list[int]
) -> None:
    session = await store.create(a_session(owner))
    for count in counts:
        await store.append(owner, session.id, messages(count, metadata={"text": "日本語 😀 \u0001"}))

    parts = await stored.log(session)

    assert parts["bytes"] == documents_bytes(parts["messages"])
    assert parts["previous_bytes"] == documents_bytes(parts["previous"])


async def test_every_clear_and_every_creation_begins_another_epoch(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    epochs = [(await stored.log(session))["epoch"]]
    await store.clear(owner, session.id)
    epochs.append((await stored.log(session))["epoch"])
    await store.delete(owner, session.id)
    await store.create(a_session(owner, id=session.id))
    epochs.append((await stored.log(session))["epoch"])

    assert len(set(epochs)) == 3


async def test_a_clear_goes_on_with_last_seq_and_leaves_no_pages(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)

    await store.clear(owner, session.id)

    document = await stored.head(session)
    assert (document["last_seq"], document["message_count"]) == (40, 0)
    assert document["log"]["generation"] == 0
    assert document["renew_at"] == FAR_FUTURE
    assert not document["pending"]
    assert await stored.pages(session) == []


async def test_a_delete_leaves_nothing(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner)

    await store.delete(owner, session.id)

    assert await stored.everything(owner) == []


# Generations and pages


async def test_pages_previous_and_messages_hold_the_history_in_this_order(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 60)

    parts, pages = await stored.log(session), await stored.pages(session)

    held = [document["content"].split()[0] for page in pages for document in page["messages"]]
    held += [document["content"].split()[0] for document in [*parts["previous"], *parts["messages"]]]
    assert held == [str(number) for number in range(1, 61)]
    assert parts["generation"] > 4


async def test_the_pages_that_count_are_those_before_the_previous_generation(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 60)

    parts, pages = await stored.log(session), await stored.pages(session)

    assert [page["generation"] for page in pages] == list(range(parts["generation"] - 1))
    assert [page["id"] for page in pages] == [f"{session.id}~{parts['epoch']}~{page['generation']}" for page in pages]
    assert {page["session_id"] for page in pages} == {session.id}
    assert {page["epoch"] for page in pages} == {parts["epoch"]}


async def test_each_page_begins_where_the_one_before_it_ends(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner, 60)

    pages = await stored.pages(session)

    ends = [page["first_seq"] + len(page["messages"]) for page in pages]
    assert [page["first_seq"] for page in pages] == [1, *ends[:-1]]
    assert Head(await stored.head(session)).previous_first_seq == ends[-1]


async def test_what_would_fill_a_head_by_itself_goes_into_a_page_with_what_the_head_held(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner), messages(2))
    for _ in range(3):
        await store.append(owner, session.id, messages(20, metadata={"text": LONG}))

    assert [len(page["messages"]) for page in await stored.pages(session)] == [22, 20, 20]
    assert (await stored.log(session))["messages"] == (await stored.log(session))["previous"] == []
    assert [message.seq for message in await all_messages(store, session, limit=7)] == list(range(1, 63))
    assert len(await all_messages(store, session, limit=7, order="desc")) == 62


async def test_an_append_beside_others_finds_an_empty_generation_and_makes_an_empty_page_of_it(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    head = Head(await stored.head(session))

    await rotate_beside_others(store, stored, session)
    await rotate_beside_others(store, stored, session)

    pages = await stored.pages(session)
    assert [len(page["messages"]) for page in pages[-2:]] == [0, len(head.messages)]
    assert [message.seq for message in await all_messages(store, session, limit=7)] == list(range(1, 41))


@pytest.mark.parametrize(
    ("ttl", "expected"), [(HOUR, 2 * HOUR + 5), (2**31 - 1, 2**31 - 1), (2**30, 2**31 - 1), (-1, -1)]
)
async def test_a_page_outlasts_its_head_as_far_as_there_is_room(
    store: CosmosStore, stored: Stored, owner: str, ttl: int, expected: int
) -> None:
    session = await grown(store, owner, 20, ttl_seconds=ttl)

    assert {page["ttl"] for page in await stored.pages(session)} == {expected}


@pytest.mark.parametrize("ttl", [HOUR, -1])
async def test_pages_need_renewal_after_half_a_ttl_and_never_without_one(
    store: CosmosStore, stored: Stored, owner: str, ttl: int
) -> None:
    session = await grown(store, owner, 20, ttl_seconds=ttl)

    document = await stored.head(session)

    if ttl == -1:
        assert document["renew_at"] == FAR_FUTURE
    else:
        assert abs(document["renew_at"] - document["_ts"] - ttl // 2) < 30


async def test_head_and_recent_ids_cover_at_least_the_newest_hundred(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    sent = await fill(store, session, 240, metadata={"text": "x" * 150})

    parts = await stored.log(session)

    known = {document["id"] for document in [*parts["previous"], *parts["messages"]]}
    unheld = [message.id for message in sent[-100:] if message.id not in known]
    assert {short_hash(session.id, message_id) for message_id in unheld} <= set(parts["recent_ids"])
    assert len(parts["recent_ids"]) == 100


async def test_a_head_stays_small_however_long_the_session(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await store.create(a_session(owner))
    sizes = []
    for _ in range(8):
        await fill(store, session, 40, metadata={"text": "x" * 400})
        sizes.append(stored_bytes(await stored.head(session)))

    assert max(sizes) < 64 * 1024


# Explaining a refusal


async def test_a_repeat_of_what_a_page_holds_is_recognised(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await store.create(a_session(owner))
    sent = [a_message(f"{number} {LONG}") for number in range(40)]
    for message in sent:
        await store.append(owner, session.id, [message])
    sealed = {document["id"] for page in await stored.pages(session) for document in page["messages"]}

    repeat = await store.append(owner, session.id, [again(sent[0])])

    assert sent[0].id in sealed
    assert not repeat.created
    assert repeat.messages[0].seq == 1


async def test_other_content_under_an_id_that_a_page_holds_is_a_conflict(store: CosmosStore, owner: str) -> None:
    session = await store.create(a_session(owner))
    sent = [a_message(f"{number} {LONG}") for number in range(40)]
    for message in sent:
        await store.append(owner, session.id, [message])

    with pytest.raises(MessageConflictError) as caught:
        await store.append(owner, session.id, [a_message("new"), again(sent[0], content="other")])

    assert caught.value.ids == [sent[0].id]


async def test_an_archived_session_refuses_messages_but_knows_its_own(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    message = a_message()
    await store.append(owner, session.id, [message])
    await stored.set(session, status="archived")

    with pytest.raises(SessionArchivedError):
        await store.append(owner, session.id, [a_message()])
    assert not (await store.append(owner, session.id, [again(message)])).created


@pytest.mark.parametrize("count", [1, 20])
async def test_a_tombstone_is_no_session_to_anybody(store: CosmosStore, stored: Stored, owner: str, count: int) -> None:
    session = await store.create(a_session(owner))
    await stored.set(session, status="deleted")

    for call in (
        store.append(owner, session.id, messages(count)),
        store.get(owner, session.id),
        store.update(owner, session.id, SessionChanges(session_name="x")),
        store.update(owner, session.id, SessionChanges(ttl_seconds=5)),
        store.clear(owner, session.id),
        store.read_messages(owner, session.id, MessageQuery(limit=5)),
    ):
        with pytest.raises(SessionNotFoundError):
            await call


async def test_a_create_finishes_the_deletion_that_a_crash_left(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner)
    await stored.set(session, status="deleted", log__messages=[], log__previous=[], pending=True)

    made = await store.create(a_session(owner, id=session.id))

    assert await all_messages(store, made) == []
    assert await stored.pages(made) == []


async def test_a_head_over_its_cap_is_rotated_and_the_append_goes_on(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, 3)
    before = (await stored.log(session))["generation"]
    await stored.set(session, log__bytes=Limits().head_cap_bytes - 10)

    appended = await store.append(owner, session.id, [a_message("after")])

    parts = await stored.log(session)
    assert appended.created
    assert parts["generation"] > before
    assert [message.seq for message in await all_messages(store, session)] == [1, 2, 3, 4]


async def test_a_head_whose_older_half_fills_it_is_rotated_until_there_is_room(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 20)
    await stored.set(session, log__previous_bytes=Limits().head_cap_bytes)

    appended = await store.append(owner, session.id, [a_message("after")])

    assert appended.messages[0].seq == 21
    assert len(await all_messages(store, session)) == 21


async def test_a_guard_that_never_holds_is_too_much_contention_in_the_end(
    cosmos_place: CosmosPlace, stored: Stored, owner: str
) -> None:
    store = open_cosmos(cosmos_place, limits=Limits(contention_seconds=0))
    session, message = await store.create(a_session(owner)), a_message()
    taken = {"recent_ids": [short_hash(session.id, message.id)]}  # by a message that is nowhere
    await stored.set(session, log=await stored.log(session) | taken)

    with pytest.raises(StoreUnavailableError):
        await store.append(owner, session.id, [message])
    await store.close()


# Renewal and crashes


async def test_an_edit_of_the_previous_generation_renews_first_when_that_is_due(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    await rotate_beside_others(store, stored, session)
    edited = (await stored.log(session))["previous"][0]["id"]
    await stored.set(session, renew_at=1)

    await store.edit_message(owner, session.id, edited, lambda message: message.model_copy(update={"name": "new"}))

    assert (await store.get_message(owner, session.id, edited)).name == "new"
    assert len(await all_messages(store, session)) == 40


async def test_an_append_that_finds_renewal_due_renews_all_pages_and_goes_on(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    for page in await stored.pages(session):
        await stored.set(session, page["id"], ttl=3000)
    await stored.set(session, renew_at=1)

    appended = await store.append(owner, session.id, [a_message("late")])

    document = await stored.head(session)
    assert appended.messages[0].seq == 41
    assert {page["ttl"] for page in await stored.pages(session)} == {2 * HOUR + 5}
    assert abs(document["renew_at"] - document["_ts"] - HOUR // 2) < 30


async def test_pages_that_were_written_lately_are_not_renewed_again(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    before = {page["id"]: page["_etag"] for page in await stored.pages(session)}
    await stored.set(session, renew_at=1)

    await store.append(owner, session.id, [a_message("late")])

    after = {page["id"]: page["_etag"] for page in await stored.pages(session)}
    assert {page: after[page] for page in before} == before


@pytest.mark.parametrize("changes", [{"session_name": "new"}, {"ttl_seconds": 2 * HOUR}, {"pinned": True}], ids=str)
@pytest.mark.parametrize("on_condition", [False, True])
async def test_an_update_that_finds_renewal_due_renews_and_goes_on(
    store: CosmosStore, stored: Stored, owner: str, *, changes: JsonObject, on_condition: bool
) -> None:
    session = await grown(store, owner)
    await stored.set(session, renew_at=1)
    etag = (await store.get(owner, session.id)).etag

    await store.update(owner, session.id, SessionChanges(**changes), etag if on_condition else None)

    document = await stored.head(session)
    assert {name: document[name] for name in changes} == changes
    assert document["renew_at"] > document["_ts"]


async def test_a_head_without_pages_is_never_due(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await store.create(a_session(owner))
    await fill(store, session, 3)

    assert (await stored.head(session))["renew_at"] == FAR_FUTURE


async def test_the_next_rotator_finds_the_page_a_crash_left_and_starts_its_clock_again(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner, 20)
    await rotate_beside_others(store, stored, session)
    left = await crash_before_rotating(stored, session, ttl=60)
    before = next(page for page in await stored.pages(session) if page["id"] == left)

    await fill(store, session, 20, metadata={"text": LONG})

    after = next(page for page in await stored.pages(session) if page["id"] == left)
    assert after["ttl"] == 2 * HOUR + 5
    assert after["_etag"] != before["_etag"]
    assert len(await all_messages(store, session)) == 40


@pytest.mark.parametrize("ttl", [10 * HOUR, -1])
async def test_a_rotator_never_shortens_the_life_of_a_page_it_finds(
    store: CosmosStore, stored: Stored, owner: str, ttl: int
) -> None:
    session = await grown(store, owner, 20)
    await rotate_beside_others(store, stored, session)
    left = await crash_before_rotating(stored, session, ttl=ttl)

    await fill(store, session, 20, metadata={"text": LONG})

    assert next(page for page in await stored.pages(session) if page["id"] == left)["ttl"] == ttl


async def test_readers_do_not_count_a_page_that_a_crash_left(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner, 20)
    await rotate_beside_others(store, stored, session)
    await crash_before_rotating(stored, session)

    assert [message.seq for message in await all_messages(store, session, limit=3)] == list(range(1, 21))


async def test_readers_do_not_count_pages_of_another_epoch(store: CosmosStore, stored: Stored, owner: str) -> None:
    session = await grown(store, owner, 20)
    page = (await stored.pages(session))[0]
    strange = {name: value for name, value in page.items() if not name.startswith("_")}
    await stored.create(strange | {"id": f"{session.id}~ffffffffff~0", "epoch": "ffffffffff"})

    assert [message.seq for message in await all_messages(store, session, limit=3)] == list(range(1, 21))


@pytest.mark.parametrize("place", [0, 1, -1])
async def test_a_page_that_counts_and_is_missing_is_an_error_and_never_a_gap(
    store: CosmosStore, stored: Stored, owner: str, place: int
) -> None:
    session = await grown(store, owner)
    full = [page["id"] for page in await stored.pages(session) if page["messages"]]
    await stored.remove(session, full[place])

    with pytest.raises(StoreUnavailableError):
        await store.read(owner, session.id, 200)
    with pytest.raises(StoreUnavailableError):
        await store.read_messages(owner, session.id, MessageQuery(limit=200, order="asc"))
    assert len((await store.read(owner, session.id, 1))[1].messages) == 1


@pytest.mark.parametrize(("before", "after"), [(HOUR, 2 * HOUR), (HOUR, 60), (HOUR, -1), (-1, 60)])
async def test_a_change_of_the_ttl_reaches_every_page(
    store: CosmosStore, stored: Stored, owner: str, before: int, after: int
) -> None:
    session = await grown(store, owner, ttl_seconds=before)

    await store.update(owner, session.id, SessionChanges(ttl_seconds=after))

    document = await stored.head(session)
    assert document["ttl"] == after
    assert {page["ttl"] for page in await stored.pages(session)} == {page_ttl(after)}
    assert not document["pending"]


async def test_pages_that_an_unfinished_pin_left_kept_are_given_an_end_at_the_next_renewal(
    store: CosmosStore, stored: Stored, owner: str
) -> None:
    session = await grown(store, owner)
    for page in await stored.pages(session):
        await stored.set(session, page["id"], ttl=-1)
    await stored.set(session, renew_at=1)

    await store.append(owner, session.id, [a_message()])

    assert {page["ttl"] for page in await stored.pages(session)} == {2 * HOUR + 5}


def test_pages_of_a_ttl_changed_at_any_time_outlast_the_head_until_renewal() -> None:
    for ttl in (1, 2, 3, 4, 5, 60, HOUR):
        assert page_ttl(ttl) >= renewal_due(0, ttl) + ttl


@pytest.mark.parametrize("ttl", [1, 2, 3, 5, 60, HOUR])
def test_a_page_that_is_left_as_it_is_outlasts_the_head_until_renewal(ttl: int) -> None:
    now = 1_800_000_000
    lives = [{"ttl": page_ttl(ttl), "_ts": now - age} for age in range(page_ttl(ttl))]

    left = [page for page in lives if is_fresh(page, page_ttl(ttl), now)]
    left += [page for page in lives if lasts(page, page_ttl(ttl), lasting_since(now, ttl))]

    assert left
    assert min(page["_ts"] + page["ttl"] for page in left) >= renewal_due(now, ttl) + ttl


# Guards


@given(st.text())
def test_a_literal_holds_nothing_but_the_characters_of_ids(text: str) -> None:
    try:
        quoted = literal(text)
    except ValueError:
        assert not re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", text)
    else:
        assert quoted == f'"{text}"'
        assert re.fullmatch(r'"[A-Za-z0-9_.:-]{1,128}"', quoted)


@pytest.mark.parametrize("text", ["", '"', "'", "\\", "a b", "a\n", "ä", "x" * 129, 'a" OR "a" = "a', "a') OR (1=1"])
def test_what_could_end_a_literal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="predicate"):
        literal(text)


INJECTED = st.one_of(
    st.sampled_from(['" OR true OR "" = "', "' OR 1 = 1 --", '"}, true) OR true --', "\\", '\\" OR true', "/* */"]),
    st.text(min_size=1, max_size=30).filter(lambda text: not re.fullmatch(r"[A-Za-z0-9_.:-]+", text)),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(INJECTED)
async def test_no_text_but_an_id_is_ever_sent_in_a_predicate(store: CosmosStore, stored: Stored, text: str) -> None:
    owner = an_owner()
    session = await store.create(a_session(owner))
    before = await stored.head(session)

    with pytest.raises(ValueError, match="predicate"):
        await store.append(owner, session.id, [a_message(id=text)])

    assert await stored.head(session) == before


@pytest.mark.parametrize("sought", ["CAFÉ", "cafe\u0301"])
async def test_a_head_without_a_folded_name_is_found_by_its_name_and_folded_at_its_next(
    store: CosmosStore, owner: str, stored: Stored, sought: str
) -> None:
    session = await store.create(a_session(owner, session_name="café"))
    document = await stored.head(session)
    del document["folded_name"]
    await stored.container.replace_item(session.id, document)

    assert [found.id for found in await listed(store, owner, name=sought)] == [session.id]
    await store.update(owner, session.id, SessionChanges(session_name="Straße"))
    assert [found.id for found in await listed(store, owner, name="strasse")] == [session.id]
    assert await listed(store, owner, name=sought) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=200))
async def test_no_text_of_a_user_reaches_a_predicate(store: CosmosStore, text: str) -> None:
    owner = an_owner()
    session = await store.create(a_session(owner, session_name=text[:200]))

    named = await store.update(owner, session.id, SessionChanges(session_name=text, context={"c": text}, pinned=True))
    appended = await store.append(owner, session.id, [a_message(text, name=text, metadata={"m": text})])

    assert named.session_name == text
    assert appended.messages[0].content == text
