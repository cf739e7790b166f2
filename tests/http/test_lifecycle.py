"""How long a session lives, over HTTP: archive and restore, rewind, erase, times to live, and the timer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.http import operations
from shared.local_host.index import TimerFunction, read_functions
from shared.settings import Settings
from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.http.client import (
    Client,
    a_session,
    a_talk,
    contents,
    every_page,
    numbered,
    refused_before_any_store_is_asked,
    seqs,
    spoken,
)
from tests.http.conftest import Serve

SESSIONS = "/api/chat/sessions"
DATA = "/api/chat/data"
MISSING = (404, "session_not_found")
ARCHIVED = (409, "session_archived")
BAD = (400, "bad_request")
INVALID = (422, "validation_failed")
YEAR_SECONDS = 31_536_000
QUARTER_SECONDS = 7_776_000
NEARLY_SECONDS = 5  # a store may count by a clock of its own, in whole seconds


def here(session: dict[str, Any]) -> str:
    return f"{SESSIONS}/{session['id']}"


async def read(api: Client, session: dict[str, Any]) -> dict[str, Any]:
    """Return a session as it is now, without its messages."""
    answer = await api.get(here(session))
    assert answer.status == 200, answer
    return {name: value for name, value in answer.json.items() if name in session}


async def archive(api: Client, session: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post(f"{here(session)}/archive")
    assert answer.status == 200, answer
    archived: dict[str, Any] = answer.json
    return archived


async def ids(api: Client, query: str = "") -> list[str]:
    return [session["id"] for session in (await api.get(f"{SESSIONS}?{query}")).json["data"]]


def lives_for(session: dict[str, Any], seconds: int) -> bool:
    left = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
    return abs(left.total_seconds() - seconds) < NEARLY_SECONDS


# Archive and restore


async def test_archiving_answers_with_the_archived_session(api: Client) -> None:
    session = await a_session(api, session_name="n", tags=["t"])

    answer = await api.post(f"{here(session)}/archive")

    assert answer.status == 200
    assert (answer.json["status"], answer.json["is_active"]) == ("archived", False)
    assert answer.json["archived_at"] == answer.json["updated_at"]
    assert answer.json == await read(api, session)
    assert answer.headers["etag"] == (await api.get(here(session))).headers["etag"]


async def test_restoring_answers_with_the_active_session(api: Client) -> None:
    session = await a_session(api)
    await archive(api, session)

    answer = await api.post(f"{here(session)}/restore")

    assert answer.status == 200
    assert (answer.json["status"], answer.json["is_active"], answer.json["archived_at"]) == ("active", True, None)
    assert answer.json["last_activity_at"] > session["last_activity_at"]
    assert answer.json == await read(api, session)


@pytest.mark.parametrize("deeds", [["archive"], ["archive", "restore"]])
async def test_repeating_either_is_harmless_and_writes_nothing(api: Client, deeds: list[str]) -> None:
    session = await a_session(api)
    first, *_ = [await api.post(f"{here(session)}/{deed}") for deed in deeds][::-1]

    again = await api.post(f"{here(session)}/{deeds[-1]}")

    assert (again.status, again.json, again.headers["etag"]) == (200, first.json, first.headers["etag"])


@pytest.mark.parametrize("deed", ["archive", "restore"])
@pytest.mark.parametrize("body", [b"", {}, {"user_id": "OWNER"}])
async def test_both_take_an_empty_body(api: Client, deed: str, body: object) -> None:
    session = await a_session(api)
    sent = {"user_id": api.user} if isinstance(body, dict) and body else body

    assert (await api.post(f"{here(session)}/{deed}", sent)).status == 200


@refused_before_any_store_is_asked
@pytest.mark.parametrize("deed", ["archive", "restore"])
@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"is_active": False}, INVALID),
        ({"reason": "x"}, INVALID),
        ({"user_id": "somebody-else"}, BAD),
        ([], BAD),
        (b"{", BAD),
        (b"null", BAD),
    ],
)
async def test_both_refuse_any_other_body_and_do_nothing(
    api: Client, deed: str, body: object, refusal: tuple[int, str]
) -> None:
    session = await a_session(api)

    assert (await api.post(f"{here(session)}/{deed}", body)).refusal == refusal
    assert await read(api, session) == session


@pytest.mark.parametrize("deed", ["archive", "restore"])
@pytest.mark.parametrize("name", ["nothing-here", "~", "a%20b"])
async def test_neither_finds_a_session_that_is_not_there(api: Client, deed: str, name: str) -> None:
    assert (await api.post(f"{SESSIONS}/{name}/{deed}")).refusal == MISSING


@pytest.mark.parametrize("deed", ["archive", "restore"])
async def test_neither_finds_another_owners_session(api: Client, stranger: Client, deed: str) -> None:
    session = await a_session(api)

    assert (await stranger.post(f"{here(session)}/{deed}")).refusal == MISSING
    assert await read(api, session) == session


@pytest.mark.parametrize("body", [spoken("x"), {"messages": [spoken("x")] * 7}])
async def test_an_archived_session_refuses_messages_until_it_is_restored(api: Client, body: dict[str, Any]) -> None:
    session = await a_session(api)
    await archive(api, session)

    assert (await api.post(f"{here(session)}/messages", body)).refusal == ARCHIVED
    assert (await api.post("/api/chat/messages", {**body, "session_id": session["id"]})).refusal == ARCHIVED

    await api.post(f"{here(session)}/restore")
    assert (await api.post(f"{here(session)}/messages", body)).status == 201


async def test_a_full_repeat_is_answered_from_an_archived_session(api: Client) -> None:
    session = await a_session(api)
    body = {"messages": [spoken("x", id="m1"), spoken("y", id="m2")]}
    first = await api.post(f"{here(session)}/messages", body)
    await archive(api, session)

    again = await api.post(f"{here(session)}/messages", body)

    assert (again.status, again.json) == (200, first.json)


async def test_an_archived_session_refuses_nothing_else(api: Client) -> None:
    path = await a_talk(api, *numbered(5))
    await api.post(path.replace("/messages", "/archive"))
    session = path.removesuffix("/messages")

    assert seqs(await api.get(path)) == [5, 4, 3, 2, 1]
    assert (await api.get(f"{session}/stats")).json["is_active"] is False
    assert (await api.patch(session, {"session_name": "n"})).json["status"] == "archived"
    assert (await api.delete(f"{path}?after=3")).status == 204
    assert (await api.delete(path)).status == 204
    assert (await api.delete(session)).status == 204


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["active"]),
        ("status=active", ["active"]),
        ("status=archived", ["archived"]),
        ("status=all", ["active", "archived"]),
        ("status=archived&channel=c", ["archived"]),
        ("status=archived&channel=d", []),
        ("status=archived&pinned=true", []),
        ("status=all&limit=1", ["active"]),
    ],
)
async def test_the_list_has_archived_sessions_where_they_are_asked_for(
    api: Client, query: str, expected: list[str]
) -> None:
    archived, _ = await a_session(api, id="archived", channel="c"), await a_session(api, id="active", channel="c")
    await archive(api, archived)

    assert await ids(api, query) == expected


async def test_the_pages_of_a_list_of_all_lead_through_both(api: Client) -> None:
    sessions = [await a_session(api) for _ in range(5)]
    for session in sessions[::2]:
        await archive(api, session)

    pages = await every_page(api, f"{SESSIONS}?status=all&limit=2")

    assert [session["id"] for page in pages for session in page] == [session["id"] for session in sessions[::-1]]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("status", ["deleted", "ACTIVE", "active,archived", "building"])
async def test_another_status_cannot_be_asked_for(api: Client, status: str) -> None:
    assert (await api.get(f"{SESSIONS}?status={status}")).refusal == BAD


# PATCH is_active


async def test_a_patch_archives_and_restores(api: Client) -> None:
    session = await a_session(api)

    archived = (await api.patch(here(session), {"is_active": False, "session_name": "old"})).json
    restored = (await api.patch(here(session), {"is_active": True, "tags": ["back"]})).json

    assert (archived["status"], archived["session_name"]) == ("archived", "old")
    assert (restored["status"], restored["tags"], restored["archived_at"]) == ("active", ["back"], None)
    assert restored["last_activity_at"] == restored["updated_at"] > archived["updated_at"]


async def test_a_patch_of_everything_at_once_works_both_ways(api: Client) -> None:
    path = await a_talk(api, *numbered(3))
    everything = {
        "session_name": "n",
        "context": {"a": 1},
        "tags": ["t"],
        "pinned": True,
        "ttl_seconds": 60,
    }
    for is_active in (False, True):
        before = await api.get(path.removesuffix("/messages"))
        body = {**everything, "is_active": is_active}

        answer = await api.patch(path.removesuffix("/messages"), body, if_match=before.headers["etag"])

        assert answer.status == 200
        assert {name: answer.json[name] for name in body} == body


async def test_a_patch_to_what_the_session_is_already_writes_nothing(api: Client) -> None:
    session = await a_session(api)

    assert (await api.patch(here(session), {"is_active": True})).json == session


async def test_null_is_no_change_of_status(api: Client) -> None:
    session = await archive(api, await a_session(api))

    assert (await api.patch(here(session), {"is_active": None})).json == session


@refused_before_any_store_is_asked
@pytest.mark.parametrize("value", ["true", 1, 0, "", []])
async def test_is_active_is_true_or_false(api: Client, value: object) -> None:
    session = await a_session(api)

    assert (await api.patch(here(session), {"is_active": value})).refusal == INVALID
    assert await read(api, session) == session


@refused_before_any_store_is_asked
@pytest.mark.parametrize("field", ["status", "archived_at", "expires_at", "last_activity_at", "message_count"])
async def test_what_the_server_decides_cannot_be_patched(api: Client, field: str) -> None:
    session = await a_session(api)

    assert (await api.patch(here(session), {field: session[field]})).refusal == INVALID


async def test_a_condition_that_does_not_hold_archives_nothing(api: Client) -> None:
    session = await a_session(api)

    answer = await api.patch(here(session), {"is_active": False}, if_match='"another"')

    assert answer.refusal == (412, "precondition_failed")
    assert await read(api, session) == session


# Times to live


async def test_a_session_lives_a_quarter_of_a_year_unless_told_otherwise(api: Client) -> None:
    session = await a_session(api)

    assert session["ttl_seconds"] == QUARTER_SECONDS
    assert lives_for(session, QUARTER_SECONDS)


@pytest.mark.parametrize("ttl_seconds", [1, 60, 2_147_483_647])
async def test_a_session_may_be_given_a_ttl_at_its_creation_and_later(api: Client, ttl_seconds: int) -> None:
    created = await a_session(api, ttl_seconds=ttl_seconds)
    changed = (await api.patch(here(await a_session(api)), {"ttl_seconds": ttl_seconds})).json

    assert created["ttl_seconds"] == changed["ttl_seconds"] == ttl_seconds
    assert lives_for(created, ttl_seconds)
    assert lives_for(changed, ttl_seconds)


@pytest.mark.parametrize("fields", [{"ttl_seconds": -1}, {"pinned": True}])
async def test_a_session_may_be_kept_from_its_creation_or_later(api: Client, fields: dict[str, Any]) -> None:
    created = await a_session(api, **fields)
    changed = (await api.patch(here(await a_session(api)), fields)).json

    assert created["expires_at"] is changed["expires_at"] is None


@refused_before_any_store_is_asked
@pytest.mark.parametrize("ttl_seconds", [0, -2, 2_147_483_648, 1.0, "60", True])
async def test_any_other_ttl_is_refused(api: Client, ttl_seconds: object) -> None:
    session = await a_session(api)

    assert (await api.post(SESSIONS, {"ttl_seconds": ttl_seconds})).refusal == INVALID
    assert (await api.patch(here(session), {"ttl_seconds": ttl_seconds})).refusal == INVALID


async def test_null_leaves_the_ttl_to_the_server(api: Client) -> None:
    session = await a_session(api, ttl_seconds=None)

    assert session["ttl_seconds"] == QUARTER_SECONDS
    assert (await api.patch(here(session), {"ttl_seconds": None})).json == session


async def test_a_message_begins_the_time_again(api: Client) -> None:
    session = await a_session(api, ttl_seconds=60)
    await asyncio.sleep(1.1)  # a store may count in whole seconds

    await api.post(f"{here(session)}/messages", spoken())

    assert (await read(api, session))["expires_at"] > session["expires_at"]


async def test_an_expired_session_does_not_exist(api: Client) -> None:
    session = await a_session(api, ttl_seconds=1)
    await asyncio.sleep(1.2)

    assert (await api.get(here(session))).refusal == MISSING
    assert (await api.post(f"{here(session)}/messages", spoken())).refusal == MISSING
    assert await ids(api, "status=all") == []


async def test_while_archived_the_longer_ttl_applies_and_afterwards_its_own(api: Client) -> None:
    session = await a_session(api, ttl_seconds=60)

    archived = await archive(api, session)
    restored = (await api.post(f"{here(session)}/restore")).json

    assert (archived["ttl_seconds"], restored["ttl_seconds"]) == (60, 60)
    assert lives_for(archived, YEAR_SECONDS)
    assert lives_for(restored, 60)


async def test_each_channel_may_have_a_ttl_of_its_own(serve: Serve, store: SessionStore) -> None:
    ttls = {"scriptwriter": 86_400, "notes": -1}
    async with serve(store, channel_ttl_seconds=ttls, session_ttl_seconds=500) as api:
        found = {channel: await a_session(api, channel=channel) for channel in (*ttls, "other")}
        told = await a_session(api, channel="notes", ttl_seconds=7)
        spoken_to = (await api.post("/api/chat/messages", spoken(channel="scriptwriter"))).json["session_id"]

        assert {channel: session["ttl_seconds"] for channel, session in found.items()} == {**ttls, "other": 500}
        assert (found["notes"]["expires_at"], told["ttl_seconds"]) == (None, 7)
        assert (await api.get(f"{SESSIONS}/{spoken_to}")).json["ttl_seconds"] == 86_400


# Clear and rewind


@pytest.mark.parametrize(
    ("after", "left", "following"),
    [(0, [], 1), (1, [1], 2), (29, [*range(1, 30)], 30), (30, [*range(1, 31)], 31), (2**53 - 1, [*range(1, 31)], 31)],
)
async def test_a_rewind_removes_what_is_newer(api: Client, after: int, left: list[int], following: int) -> None:
    path = await a_talk(api, *numbered(30))

    answer = await api.delete(f"{path}?after={after}")

    assert (answer.status, answer.body) == (204, b"")
    assert seqs(await api.get(f"{path}?order=asc")) == left
    assert (await api.post(path, spoken())).json["messages"][0]["seq"] == following


async def test_a_clear_removes_all_and_the_numbers_go_on(api: Client) -> None:
    path = await a_talk(api, *numbered(30))

    answer = await api.delete(path)

    assert (answer.status, answer.body) == (204, b"")
    assert contents(await api.get(path)) == []
    appended = (await api.post(path, spoken())).json
    assert (appended["messages"][0]["seq"], appended["message_count"]) == (31, 1)


@refused_before_any_store_is_asked
@pytest.mark.parametrize("after", ["-1", "x", "1.0", "1e1", "+1", "%201", "9007199254740992", "99999999999999999999"])
async def test_a_rewind_to_no_number_is_refused_and_removes_nothing(api: Client, after: str) -> None:
    path = await a_talk(api, *numbered(3))

    assert (await api.delete(f"{path}?after={after}")).refusal == BAD
    assert seqs(await api.get(path)) == [3, 2, 1]


async def test_a_rewind_to_two_places_is_refused_and_removes_nothing(api: Client) -> None:
    path = await a_talk(api, *numbered(3))

    assert (await api.delete(f"{path}?after=1&after=2")).refusal == BAD
    assert seqs(await api.get(path)) == [3, 2, 1]


@pytest.mark.parametrize("query", ["", "?after=1"])
async def test_what_is_not_there_cannot_be_cleared_or_rewound(api: Client, stranger: Client, query: str) -> None:
    path = await a_talk(api, *numbered(3))

    assert (await stranger.delete(f"{path}{query}")).refusal == MISSING
    assert (await api.delete(f"{SESSIONS}/nothing-here/messages{query}")).refusal == MISSING
    assert seqs(await api.get(path)) == [3, 2, 1]


# Erase


async def test_erasing_removes_everything_and_says_how_much(api: Client) -> None:
    await a_talk(api, *numbered(30))
    await a_talk(api, *numbered(3), pinned=True)
    await archive(api, await a_session(api))

    answer = await api.delete(DATA)

    assert (answer.status, answer.json) == (200, {"deleted": {"sessions": 3, "messages": 33}, "done": True})
    assert await ids(api, "status=all") == []


async def test_erasing_again_finds_nothing(api: Client) -> None:
    await a_session(api)
    await api.delete(DATA)

    assert (await api.delete(DATA)).json == {"deleted": {"sessions": 0, "messages": 0}, "done": True}


async def test_erasing_leaves_others_alone(api: Client, stranger: Client) -> None:
    session = await a_session(api)

    assert (await stranger.delete(DATA)).json["deleted"] == {"sessions": 0, "messages": 0}
    assert await read(api, session) == session


async def test_erasing_names_its_owner_in_the_query_too(api: Client) -> None:
    await a_session(api)

    answer = await api.speaking_for(None).delete(f"{DATA}?user_id={api.user}")

    assert answer.json["deleted"]["sessions"] == 1


async def test_nobody_cannot_erase(api: Client) -> None:
    await a_session(api)

    assert (await api.speaking_for(None).delete(DATA)).refusal == BAD
    assert len(await ids(api)) == 1


async def test_an_erasure_out_of_time_says_so_and_may_be_repeated(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_talk(api, *numbered(2))
    with monkeypatch.context() as hurried:
        hurried.setattr(operations, "ERASE_SECONDS", 0)
        assert (await api.delete(DATA)).json == {"deleted": {"sessions": 0, "messages": 0}, "done": False}

    assert (await api.delete(DATA)).json == {"deleted": {"sessions": 1, "messages": 2}, "done": True}


# The timer


@pytest_asyncio.fixture(loop_scope="module", params=["sqlite", "cosmos"])
async def own_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    """Open a store that nobody else uses: the timer looks at all owners' sessions."""
    store: SessionStore = SqliteStore(tmp_path / "own.db")
    if request.param == "cosmos":
        place = request.getfixturevalue("cosmos_place")
        container = f"timer-{uuid4().hex}"
        store = CosmosStore(place.endpoint, place.key, place.database, container, emulator=place.emulator)
    yield store
    await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(
    serve: Serve, own_store: SessionStore, function_app: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """Serve functions to which a second without activity is long."""
    monkeypatch.setattr(function_app, "settings", replace(settings, archive_after_seconds=1))
    async with serve(own_store) as api:
        yield api


async def fire(api: Client) -> None:
    answer = await api.post("/admin/functions/archive_idle_sessions", {})
    assert (answer.status, answer.body) == (202, b"")


async def test_the_timer_fired_by_hand_archives_what_is_idle(impatient: Client) -> None:
    idle = await a_session(impatient)
    await impatient.post(f"{here(idle)}/messages", spoken("before"))
    pinned = await a_session(impatient, pinned=True)
    await asyncio.sleep(1.1)
    busy = await a_session(impatient)

    await fire(impatient)

    async with asyncio.timeout(10):
        while (await read(impatient, idle))["status"] == "active":
            await asyncio.sleep(0.02)
    assert await ids(impatient) == [busy["id"], pinned["id"]]
    assert await ids(impatient, "status=archived") == [idle["id"]]
    assert (await impatient.post(f"{here(idle)}/messages", spoken())).refusal == ARCHIVED
    assert contents(await impatient.get(f"{here(idle)}/messages")) == ["before"]


def test_the_timer_is_known_by_its_name_and_ticks_as_the_settings_say(function_app: ModuleType) -> None:
    (timer,) = [each for each in read_functions(function_app.app) if isinstance(each, TimerFunction)]

    assert (timer.name, timer.schedule) == ("archive_idle_sessions", "0 0 * * * *")


async def test_an_empty_bound_clears_nothing(api: Client) -> None:
    path = await a_talk(api, "one", "two")

    refused = await api.delete(f"{path}?after=")

    assert refused.refusal == (400, "bad_request")
    assert len((await api.get(path)).json["data"]) == 2
