"""list_sessions: an owner's sessions, last activity first."""

from datetime import timedelta

import pytest

from shared.models import SessionChanges, SessionFilter, SessionKey, utc_now
from shared.store.port import SessionStore
from tests.builders import ALIKE, UNLIKE, a_message, a_session, an_imported_session, listed


async def create_named(store: SessionStore, owner: str, *names: str | None) -> None:
    for name in names:
        await store.create(a_session(owner, session_name=name))


async def names_found(store: SessionStore, owner: str, name: str) -> set[str | None]:
    return {session.session_name for session in await listed(store, owner, name=name)}


async def test_an_owner_without_sessions_has_an_empty_list(store: SessionStore, owner: str) -> None:
    page = await store.list_sessions(owner, SessionFilter(), limit=10)

    assert page.sessions == []
    assert not page.has_more


async def test_a_listed_session_is_the_session_itself(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner, session_name="n", context={"a": 1}, tags=["x"], pinned=True))
    await store.append(owner, created.id, [a_message()])

    assert await listed(store, owner) == [await store.get(owner, created.id)]


async def test_a_listed_session_knows_its_newest_message(store: SessionStore, owner: str) -> None:
    await store.create(a_session(owner), [a_message()])
    await store.create(a_session(owner))

    for session in await listed(store, owner):
        assert session.last_message_at == (await store.get(owner, session.id)).last_message_at


async def test_the_latest_created_session_comes_first(store: SessionStore, owner: str) -> None:
    now = utc_now()
    for age in (3, 1, 2):
        await store.create(a_session(owner, id=f"age-{age}", created_at=now - timedelta(minutes=age)))

    assert [session.id for session in await listed(store, owner)] == ["age-1", "age-2", "age-3"]


async def test_sessions_of_the_same_moment_go_by_id_descending(store: SessionStore, owner: str) -> None:
    now = utc_now()
    for session_id in ("b", "a", "B", "c.1", "c-1"):
        await store.create(a_session(owner, id=session_id, created_at=now))

    assert [session.id for session in await listed(store, owner)] == ["c.1", "c-1", "b", "a", "B"]


async def test_a_message_moves_its_session_to_the_front(store: SessionStore, owner: str) -> None:
    older = await store.create(a_session(owner))
    await store.create(a_session(owner))

    await store.append(owner, older.id, [a_message()])

    assert (await listed(store, owner))[0].id == older.id


async def test_a_change_does_not_move_a_session(store: SessionStore, owner: str) -> None:
    older = await store.create(a_session(owner))
    newer = await store.create(a_session(owner))

    await store.update(owner, older.id, SessionChanges(session_name="changed"))

    assert [session.id for session in await listed(store, owner)] == [newer.id, older.id]


async def test_a_deleted_session_is_not_listed(store: SessionStore, owner: str) -> None:
    gone = await store.create(a_session(owner))
    kept = await store.create(a_session(owner))

    await store.delete(owner, gone.id)

    assert [session.id for session in await listed(store, owner)] == [kept.id]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_hold_every_session_once_in_order(store: SessionStore, owner: str, limit: int) -> None:
    now = utc_now()
    for number in range(7):
        await store.create(a_session(owner, id=f"s{number}", created_at=now + timedelta(seconds=number // 3)))

    found = await listed(store, owner, limit)

    assert [session.id for session in found] == ["s6", "s5", "s4", "s3", "s2", "s1", "s0"]


async def test_a_page_of_just_all_sessions_has_no_more(store: SessionStore, owner: str) -> None:
    await create_named(store, owner, "a", "b")

    page = await store.list_sessions(owner, SessionFilter(), limit=2)

    assert len(page.sessions) == 2
    assert not page.has_more


async def test_a_page_leads_on_though_its_last_session_is_gone(store: SessionStore, owner: str) -> None:
    now = utc_now()
    for number in range(4):
        await store.create(a_session(owner, id=f"s{number}", created_at=now + timedelta(seconds=number)))
    first = await store.list_sessions(owner, SessionFilter(), limit=2)
    await store.delete(owner, first.sessions[-1].id)

    second = await store.list_sessions(owner, SessionFilter(), 2, first.next_key)

    assert [session.id for session in second.sessions] == ["s1", "s0"]


async def test_nothing_comes_after_the_last_session(store: SessionStore, owner: str) -> None:
    last = await store.create(a_session(owner))
    key = SessionKey(last_activity_at=last.last_activity_at, id=last.id)

    page = await store.list_sessions(owner, SessionFilter(), 10, key)

    assert page.sessions == []


async def test_active_sessions_are_listed_unless_told_otherwise(store: SessionStore, owner: str) -> None:
    created = await store.create(a_session(owner))

    assert [session.id for session in await listed(store, owner, status="active")] == [created.id]
    assert [session.id for session in await listed(store, owner, status=None)] == [created.id]
    assert await listed(store, owner, status="archived") == []


async def test_a_channel_selects_its_sessions(store: SessionStore, owner: str) -> None:
    await store.create(a_session(owner, channel="one"))
    wanted = await store.create(a_session(owner, channel="two"))

    assert await listed(store, owner, channel="two") == [wanted]


async def test_every_tag_asked_for_must_be_there(store: SessionStore, owner: str) -> None:
    both = await store.create(a_session(owner, tags=["x", "y", "z"]))
    await store.create(a_session(owner, tags=["x"]))
    await store.create(a_session(owner))

    assert await listed(store, owner, tags=["z", "x"]) == [both]


@pytest.mark.parametrize("tag", ["a'b", 'a"b', "a\\b", "a\u0000b", "ä 😀", "1", "null", "%", "@x"])
async def test_a_tag_is_compared_exactly(store: SessionStore, owner: str, tag: str) -> None:
    wanted = await store.create(a_session(owner, tags=[tag]))
    await store.create(a_session(owner, tags=["a", "A", "b", tag + "x", "x" + tag]))

    assert await listed(store, owner, tags=[tag]) == [wanted]


@pytest.mark.parametrize("pinned", [True, False])
async def test_pinned_and_other_sessions_are_told_apart(store: SessionStore, owner: str, *, pinned: bool) -> None:
    wanted = await store.create(a_session(owner, pinned=pinned))
    await store.create(a_session(owner, pinned=not pinned))

    assert await listed(store, owner, pinned=pinned) == [wanted]


async def test_a_name_matches_any_part_of_a_name(store: SessionStore, owner: str) -> None:
    await create_named(store, owner, "plans", "my plan", "airplane", "plot")

    assert await names_found(store, owner, "plan") == {"plans", "my plan", "airplane"}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Plans", "pLAN"),
        ("ÄRGER", "ärg"),
        ("ärger", "ÄRG"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("Москва", "МОСК"),  # noqa: RUF001 - Cyrillic on purpose
    ],
)
async def test_a_name_matches_whatever_the_case(store: SessionStore, owner: str, name: str, part: str) -> None:
    await create_named(store, owner, name, "unlike")

    assert await names_found(store, owner, part) == {name}


@pytest.mark.parametrize(("name", "part"), ALIKE)
async def test_a_name_matches_however_it_is_encoded(store: SessionStore, owner: str, name: str, part: str) -> None:
    await create_named(store, owner, name, "unlike")
    renamed = await store.create(a_session(owner, session_name="renamed"))
    await store.update(owner, renamed.id, SessionChanges(session_name=f"2 {name}"))
    await store.import_session(an_imported_session(owner, session_name=f"3 {name}"), [])

    assert await names_found(store, owner, part) == {name, f"2 {name}", f"3 {name}"}
    assert await names_found(store, owner, "renamed") == set()


@pytest.mark.parametrize(("name", "part"), UNLIKE)
async def test_a_name_does_not_match_other_letters(store: SessionStore, owner: str, name: str, part: str) -> None:
    await create_named(store, owner, name)

    assert await names_found(store, owner, part) == set()


async def test_a_name_that_was_taken_away_matches_no_more(store: SessionStore, owner: str) -> None:
    named = await store.create(a_session(owner, session_name="Plans"))
    await store.update(owner, named.id, SessionChanges(session_name=None))

    assert await names_found(store, owner, "plans") == set()


@pytest.mark.parametrize("part", ["%", "_", "'", '"', "\\", "[", "*", "😀", "\u0000"])
async def test_no_character_of_a_name_has_a_special_meaning(store: SessionStore, owner: str, part: str) -> None:
    await create_named(store, owner, f"a{part}b", "ab", "axb")

    assert await names_found(store, owner, part) == {f"a{part}b"}


async def test_a_session_without_a_name_matches_no_name(store: SessionStore, owner: str) -> None:
    await create_named(store, owner, None, "named")

    assert await names_found(store, owner, "n") == {"named"}


async def test_all_filters_hold_together(store: SessionStore, owner: str) -> None:
    wanted = {"channel": "one", "tags": ["x"], "pinned": True, "session_name": "Plan"}
    match = await store.create(a_session(owner, **wanted))
    for difference in ({"channel": "two"}, {"tags": []}, {"pinned": False}, {"session_name": "other"}):
        await store.create(a_session(owner, **{**wanted, **difference}))

    assert await listed(store, owner, channel="one", tags=["x"], pinned=True, name="plan") == [match]


async def test_filtered_pages_lead_on_to_every_match(store: SessionStore, owner: str) -> None:
    now = utc_now()
    for number in range(12):
        tags = ["third"] if number % 3 == 0 else []
        await store.create(a_session(owner, id=f"s{number}", tags=tags, created_at=now + timedelta(seconds=number)))

    found = await listed(store, owner, 2, tags=["third"])

    assert [session.id for session in found] == ["s9", "s6", "s3", "s0"]
