"""Sharing over HTTP: a secret link, read-only, that ends when it should."""

from typing import Any

import pytest

from tests.http.client import Client, a_session, a_talk, every_page, numbered, refused_before_any_store_is_asked

pytestmark = pytest.mark.on_both_stores


async def a_link(api: Client, path: str, **fields: object) -> dict[str, Any]:
    answer = await api.post(f"{path.removesuffix('/messages')}/share", fields)
    assert answer.status == 201, answer
    return answer.json


@pytest.fixture
def anybody(api: Client) -> Client:
    """Speak for nobody, without an owner."""
    return api.speaking_for(None)


async def test_anybody_with_the_link_reads_role_content_and_time(api: Client, anybody: Client) -> None:
    path = await a_talk(api, "one", "two", session_name="Plans", context={"secret": 1})
    link = await a_link(api, path)

    answer = await anybody.get(link["url"])

    stored = (await api.get(f"{path}?order=asc")).json["data"]
    assert answer.status == 200
    assert answer.json == {
        "session_name": "Plans",
        "messages": [{name: message[name] for name in ("role", "content", "created_at")} for message in stored],
        "has_more": False,
        "next_cursor": None,
    }
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert api.user is not None
    assert api.user.encode() not in answer.body


async def test_a_link_shows_no_more_than_it_may(api: Client, anybody: Client) -> None:
    path = await a_talk(api, *numbered(5))
    first, now = await a_link(api, path, up_to_seq=2), await a_link(api, path)
    await api.post(path, {"role": "user", "content": "later"})

    async def shown(link: dict[str, Any]) -> list[str]:
        return [message["content"] for message in (await anybody.get(link["url"])).json["messages"]]

    assert await shown(first) == numbered(2)
    assert await shown(now) == numbered(5)


async def test_what_is_written_over_rewound_messages_is_not_shown(api: Client, anybody: Client) -> None:
    path = await a_talk(api, *numbered(5))
    link = await a_link(api, path)
    await api.delete(f"{path}?after=2")
    await api.post(path, {"role": "user", "content": "private"})

    assert [message["content"] for message in (await anybody.get(link["url"])).json["messages"]] == numbered(2)


async def test_a_long_session_is_read_page_by_page(api: Client, anybody: Client) -> None:
    path = await a_talk(api, *numbered(120))
    link = await a_link(api, path, up_to_seq=100)

    found, cursor = [], ""
    while True:
        page = (await anybody.get(f"{link['url']}?limit=30{cursor}")).json
        found += [message["content"] for message in page["messages"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == numbered(100)


async def test_a_redaction_shows_at_once(api: Client, anybody: Client) -> None:
    path = await a_talk(api)
    await api.post(path, {"id": "m-1", "role": "user", "content": "my number"})
    link = await a_link(api, path)

    await api.delete(f"{path}/m-1")

    assert b"my number" not in (await anybody.get(link["url"])).body


@pytest.mark.parametrize("end", ["revoke", "delete", "erase"])
async def test_a_link_that_has_ended_is_not_found(api: Client, anybody: Client, end: str) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    link = await a_link(api, path)

    gone = {"revoke": f"{path}/share/{link['share_id']}", "delete": path, "erase": "/api/chat/data"}
    assert (await api.delete(gone[end])).status in {200, 204}

    assert (await anybody.get(link["url"])).refusal == (404, "share_not_found")


async def test_an_ended_link_looks_like_one_that_never_was(api: Client, anybody: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    link = await a_link(api, path)
    await api.delete(f"{path}/share/{link['share_id']}")

    ended = await anybody.get(link["url"], x_request_id="same")
    never = await anybody.get(f"/api/shared/{'x' * 43}", x_request_id="same")

    assert (ended.status, ended.body) == (never.status, never.body)


async def test_links_are_listed_without_their_addresses(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    link = await a_link(api, path, expires_in_seconds=60, up_to_seq=1)

    answer = await api.get(f"{path}/share")

    token = link.pop("url").rpartition("/")[2]
    assert answer.json == {"data": [link], "has_more": False, "next_cursor": None}
    assert token.encode() not in answer.body


async def test_two_links_have_nothing_in_common(api: Client) -> None:
    path = await a_talk(api, "one")

    tokens = {(await a_link(api, path))["url"].rpartition("/")[2] for _ in range(3)}

    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {43}


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in_seconds": 0},
        {"expires_in_seconds": -1},
        {"expires_in_seconds": "60"},
        {"expires_in_seconds": 2**31},
        {"up_to_seq": -1},
        {"up_to_seq": 1.5},
        {"token": "mine"},
    ],
)
async def test_other_links_are_refused(api: Client, body: dict[str, object]) -> None:
    session = await a_session(api)

    answer = await api.post(f"/api/chat/sessions/{session['id']}/share", body)

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(f"/api/chat/sessions/{session['id']}/share")).json["data"] == []


async def test_one_link_too_many_is_refused(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    for _ in range(50):
        await a_link(api, path)

    answer = await api.post(f"{path}/share")

    assert answer.refusal == (422, "validation_failed")
    assert [error["msg"] for error in answer.json["errors"]] == [answer.json["detail"]]


async def test_strangers_neither_share_nor_see_nor_revoke(api: Client, stranger: Client, anybody: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    link = await a_link(api, path)

    for answer in (
        await stranger.post(f"{path}/share"),
        await stranger.get(f"{path}/share"),
        await stranger.delete(f"{path}/share/{link['share_id']}"),
    ):
        assert answer.refusal == (404, "session_not_found")
    assert (await anybody.get(link["url"])).status == 200


async def test_unknown_links_cannot_be_revoked(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")

    for share_id in ("0" * 16, "x", "0" * 17):
        assert (await api.delete(f"{path}/share/{share_id}")).refusal == (404, "share_not_found")


async def test_a_cursor_opens_no_other_link(api: Client, anybody: Client) -> None:
    path = await a_talk(api, *numbered(5))
    one, other = await a_link(api, path), await a_link(api, path)
    cursor = (await anybody.get(f"{one['url']}?limit=2")).json["next_cursor"]

    assert (await anybody.get(f"{other['url']}?cursor={cursor}")).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize("token", ["x", "x" * 42, "x" * 44, f"{'x' * 42}'", "a.b"])
async def test_what_can_be_no_token_is_not_found(anybody: Client, token: str) -> None:
    assert (await anybody.get(f"/api/shared/{token}")).refusal == (404, "share_not_found")


async def test_links_are_listed_page_by_page_oldest_first(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    made = [(await a_link(api, path))["share_id"] for _ in range(25)]

    pages = await every_page(api, f"{path}/share?limit=10")
    usual = (await api.get(f"{path}/share")).json

    assert [[link["share_id"] for link in page] for page in pages] == [made[:10], made[10:20], made[20:]]
    assert (len(usual["data"]), usual["has_more"]) == (20, True)


async def test_a_revoked_link_does_not_lose_the_place_in_the_list(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    made = [(await a_link(api, path))["share_id"] for _ in range(3)]
    cursor = (await api.get(f"{path}/share?limit=2")).json["next_cursor"]
    await api.delete(f"{path}/share/{made[1]}")

    rest = (await api.get(f"{path}/share?limit=2&cursor={cursor}")).json

    assert [link["share_id"] for link in rest["data"]] == made[2:]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=broken"])
async def test_a_list_of_links_cannot_be_asked_for_anyhow(api: Client, query: str) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")

    assert (await api.get(f"{path}/share?{query}")).refusal == (400, "bad_request")
