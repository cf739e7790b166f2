"""Listing sessions over HTTP: order, filters, pages and cursors."""

from typing import Any

import pytest

from shared.http.cursors import encode_cursor
from shared.models import SessionKey
from tests.http.client import Client, a_session, a_talk, every_page, refused_before_any_store_is_asked, spoken

SESSIONS = "/api/chat/sessions"


async def listed(api: Client, query: str = "") -> list[Any]:
    answer = await api.get(f"{SESSIONS}?{query}")
    assert answer.status == 200, answer
    return [session["id"] for session in answer.json["data"]]


async def filled(api: Client, count: int) -> list[str]:
    """Create sessions and return their ids, newest first."""
    return [(await a_session(api, id=f"s{number}"))["id"] for number in range(count)][::-1]


async def test_nobody_has_sessions_at_first(api: Client) -> None:
    answer = await api.get(SESSIONS)

    assert (answer.status, answer.json) == (200, {"data": [], "has_more": False, "next_cursor": None})


async def test_a_session_is_listed_as_it_was_created_at_once(api: Client) -> None:
    session = await a_session(api, session_name="Mine", tags=["a"], context={"b": 1})

    assert (await api.get(SESSIONS)).json["data"] == [session]


async def test_the_newest_session_comes_first(api: Client) -> None:
    ids = await filled(api, 3)

    assert await listed(api) == ids


async def test_an_append_brings_its_session_to_the_top_at_once(api: Client) -> None:
    await filled(api, 3)

    await api.post(f"{SESSIONS}/s1/messages", spoken())

    assert await listed(api) == ["s1", "s2", "s0"]


async def test_a_change_of_settings_moves_nothing_in_the_list(api: Client) -> None:
    ids = await filled(api, 3)

    await api.patch(f"{SESSIONS}/s0", {"session_name": "New", "ttl_seconds": 60})

    assert await listed(api) == ids


async def test_a_listed_session_counts_its_messages_and_does_not_show_them(api: Client) -> None:
    path = await a_talk(api, "one", "two")

    session = (await api.get(SESSIONS)).json["data"][0]

    read = (await api.get(path.removesuffix("/messages"))).json
    assert session["message_count"] == 2
    assert session == {name: read[name] for name in read.keys() - {"messages", "has_more", "next_cursor"}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=active", ["c", "b", "a"]),
        ("status=all", ["c", "b", "a"]),
        ("status=archived", []),
        ("channel=web", ["b", "a"]),
        ("channel=none", []),
        ("tag=red", ["c", "a"]),
        ("tag=red&tag=big", ["a"]),
        ("tag=red&tag=red", ["c", "a"]),
        ("tag=re", []),
        ("tag=red,big", []),
        ("tag=gr%C3%BCn", ["b"]),
        ("pinned=true", ["b"]),
        ("pinned=false", ["c", "a"]),
        ("name=plan", ["b", "a"]),
        ("name=PLAN", ["b", "a"]),
        ("name=%25", ["a"]),
        ("name=_", []),
        ("name=nowhere", []),
        ("channel=web&tag=red&pinned=false&name=plan&status=active", ["a"]),
        ("channel=&tag=&pinned=&name=&status=&limit=&cursor=", ["c", "b", "a"]),
        ("colour=blue&sort=name", ["c", "b", "a"]),
    ],
)
async def test_a_filter_leaves_what_matches(api: Client, query: str, expected: list[str]) -> None:
    await a_session(api, id="a", channel="web", tags=["red", "big"], session_name="plan 100%")
    await a_session(api, id="b", channel="web", tags=["grün"], session_name="My Plan", pinned=True)
    await a_session(api, id="c", tags=["red"])

    assert await listed(api, query) == expected


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "query",
    [
        *[f"limit={limit}" for limit in ("0", "101", "-1", "+5", "1.0", "ten", "99999999999999999999", "1&limit=1")],
        "status=open", "status=Active", "status=active&status=all", "pinned=yes", "pinned=1", "channel=Web",
        "channel=a%20b", f"channel={'x' * 65}", "channel=a&channel=b", f"name={'x' * 201}", "name=a&name=b",
        "name=%FF", "cursor=a&cursor=b",
    ],
)  # fmt: skip
async def test_a_query_value_that_cannot_be_is_refused(api: Client, query: str) -> None:
    assert (await api.get(f"{SESSIONS}?{query}")).refusal == (400, "bad_request")


async def test_a_page_has_twenty_sessions_unless_told_otherwise(api: Client) -> None:
    ids = await filled(api, 21)

    assert await listed(api) == ids[:20]
    assert await listed(api, "limit=100") == ids


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_the_pages_bring_every_session_once_and_in_order(api: Client, limit: int) -> None:
    ids = await filled(api, 5)

    pages = await every_page(api, f"{SESSIONS}?limit={limit}")

    assert [session["id"] for page in pages for session in page] == ids
    assert all(len(page) <= limit for page in pages)


async def test_the_pages_of_a_filtered_list_bring_every_match_once(api: Client) -> None:
    for number in range(6):
        await a_session(api, id=f"s{number}", tags=["even"] if number % 2 == 0 else [])

    pages = await every_page(api, f"{SESSIONS}?limit=1&tag=even")

    assert [session["id"] for page in pages for session in page] == ["s4", "s2", "s0"]


async def test_the_limit_may_change_between_pages(api: Client) -> None:
    ids = await filled(api, 5)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]

    assert await listed(api, f"limit=3&cursor={cursor}") == ids[1:4]


async def test_a_cursor_holds_its_place_when_newer_sessions_arrive(api: Client) -> None:
    ids = await filled(api, 3)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]
    await a_session(api, id="newer")

    assert await listed(api, f"cursor={cursor}") == ids[1:]


async def test_a_cursor_belongs_to_its_owner(api: Client, stranger: Client) -> None:
    await filled(api, 2)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]

    assert (await stranger.get(f"{SESSIONS}?cursor={cursor}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("other", ["", "tag=b", "tag=a&tag=b", "tag=a&channel=web", "tag=a&status=all", "tag=a&name=x"])
async def test_a_cursor_belongs_to_its_filters(api: Client, other: str) -> None:
    await a_session(api, tags=["a"])
    await a_session(api, tags=["a"])
    cursor = (await api.get(f"{SESSIONS}?limit=1&tag=a")).json["next_cursor"]

    assert (await api.get(f"{SESSIONS}?{other}&cursor={cursor}")).refusal == (400, "bad_request")


async def test_the_order_in_which_tags_are_named_does_not_matter_to_a_cursor(api: Client) -> None:
    await a_session(api, id="older", tags=["a", "b"])
    await a_session(api, tags=["a", "b"])
    cursor = (await api.get(f"{SESSIONS}?limit=1&tag=a&tag=b")).json["next_cursor"]

    assert await listed(api, f"tag=b&tag=a&cursor={cursor}") == ["older"]


async def test_a_filter_that_a_later_version_adds_leaves_cursors_as_they_are(api: Client) -> None:
    """A cursor is bound to what was asked for, and to no filter that was left out."""
    first = await a_session(api, id="first")
    second = await a_session(api, id="second")
    place = SessionKey(last_activity_at=second["last_activity_at"], id=second["id"])

    cursor = encode_cursor(place, api.user, "sessions", {"channel": "default"})

    assert await listed(api, f"channel=default&cursor={cursor}") == [first["id"]]


async def test_a_cursor_of_messages_does_not_fit_the_list(api: Client) -> None:
    path = await a_talk(api, "one", "two")
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{SESSIONS}?cursor={cursor}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("breaking", ["{}x", "{}!", "{}=", "x{}", "%20{}", "x", "%C3%A4", "....", "e30"])
async def test_a_broken_cursor_is_refused(api: Client, breaking: str) -> None:
    await filled(api, 2)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{SESSIONS}?cursor={breaking.format(cursor)}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("kept", [1, 7, 12, -1, -4])
async def test_a_truncated_cursor_is_refused(api: Client, kept: int) -> None:
    await filled(api, 2)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{SESSIONS}?cursor={cursor[:kept]}")).refusal == (400, "bad_request")
