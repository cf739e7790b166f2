"""Whose request it is on the routes of the earlier systems, which named nobody, or `default`."""

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio

from shared.http.body import MAX_BODY_BYTES
from shared.store.port import SessionStore
from tests.builders import an_owner
from tests.http.client import NO_BODY, Answer, Client, a_session, refused_before_any_store_is_asked, spoken
from tests.http.conftest import Serve

CHAT, UNIFIED, SESSIONS = "/api/chat", "/api/unified", "/api/chat/sessions"
WRITES: list[tuple[str, dict[str, Any]]] = [
    (f"{CHAT}/message", spoken("theirs")),
    (CHAT, {"query": "theirs"}),
    (f"{UNIFIED}/scriptwriter-chat", {"message": "theirs"}),
]
NOT_FOUND = [
    ("GET", f"{CHAT}/history?session_id={{}}"),
    ("GET", f"{CHAT}/history/{{}}"),
    ("POST", f"{CHAT}/load-session?session_id={{}}"),
    ("GET", f"{CHAT}/status?session_id={{}}"),
    ("POST", f"{CHAT}/reset?session_id={{}}"),
    ("GET", f"{UNIFIED}/get-scriptwriter-chat/{{}}"),
]
CLEAR = ("DELETE", f"{UNIFIED}/clear-scriptwriter-chat/{{}}")
by_write = pytest.mark.parametrize(("path", "body"), WRITES)
by_session = pytest.mark.parametrize(("method", "path"), [*NOT_FOUND, CLEAR])


@pytest_asyncio.fixture(loop_scope="module")
async def signed_in(serve: Serve, store: SessionStore) -> AsyncIterator[Client]:
    """Serve with the platform in front, and name nobody."""
    async with serve(store, user_identity="easyauth", easyauth_enabled=True) as client:
        yield client.speaking_for(None)


@pytest.fixture
def nobody(api: Client) -> Client:
    """Speak without saying for whom."""
    return api.speaking_for(None)


async def belongs_to(api: Client, session_id: str, user: str) -> bool:
    return (await api.speaking_for(user).get(f"{SESSIONS}/{session_id}")).status == 200


@by_write
@pytest.mark.parametrize(
    ("header", "query", "in_body"),
    [
        (None, "", None),
        ("", "?user_id=", ""),
        ("default", "", None),
        (None, "?user_id=default", None),
        (None, "", "default"),
        ("default", "?user_id=default&user_id=", "default"),
    ],
)
async def test_nobody_and_default_are_default(
    nobody: Client, path: str, body: dict[str, Any], header: str | None, query: str, in_body: str | None
) -> None:
    session_id = an_owner()
    headers = {} if header is None else {"x-user-id": header}
    named = {} if in_body is None else {"user_id": in_body}

    answer = await nobody.send("POST", path + query, {**body, "session_id": session_id, **named}, headers)

    assert answer.status in {200, 201}
    assert await belongs_to(nobody, session_id, "default")


@by_write
@pytest.mark.parametrize(
    ("header", "query", "in_body"),
    [
        ("{}", "", "default"),
        ("{}", "?user_id=default", None),
        ("default", "?user_id={}", "default"),
        ("default", "?user_id=default", "{}"),
        (None, "?user_id=default&user_id={}", None),
        ("{}", "?user_id={}", "{}"),
    ],
)
async def test_default_beside_a_name_counts_as_not_sent(
    nobody: Client, path: str, body: dict[str, Any], header: str | None, query: str, in_body: str | None
) -> None:
    alice, session_id = an_owner(), an_owner()
    headers = {} if header is None else {"x-user-id": header.format(alice)}
    named = {} if in_body is None else {"user_id": in_body.format(alice)}

    sent = {**body, "session_id": session_id, **named}
    answer = await nobody.send("POST", path + query.format(alice), sent, headers)

    assert answer.status in {200, 201}
    assert await belongs_to(nobody, session_id, alice)
    assert not await belongs_to(nobody, session_id, "default")


@by_session
async def test_a_session_of_default_is_reached_without_a_name(nobody: Client, method: str, path: str) -> None:
    session = await a_session(nobody.speaking_for("default"), channel="scriptwriter")

    answer = await nobody.send(method, path.format(session["id"]))

    assert answer.status == 200


@by_session
async def test_default_in_the_query_of_somebody_who_is_named_is_nobody(api: Client, method: str, path: str) -> None:
    session = await a_session(api, channel="scriptwriter")
    url = path.format(session["id"])

    answer = await api.send(method, f"{url}{'&' if '?' in url else '?'}user_id=default")

    assert answer.status == 200


@refused_before_any_store_is_asked
@by_write
@pytest.mark.parametrize(
    ("header", "query", "in_body"),
    [
        ("alice", "?user_id=bob", "default"),
        ("alice", "", "bob"),
        ("default", "?user_id=alice", "bob"),
        (None, "?user_id=alice&user_id=default&user_id=bob", None),
        ("a/b", "", None),
        (None, "?user_id=%FF", None),
        (None, "", 5),
        (None, "", ["default"]),
        (None, "", {}),
        (None, "", False),
        ("alice", "", " default"),
        ("alice", "", "Default"),
    ],
)
async def test_two_owners_or_a_bad_one_are_refused(
    nobody: Client, path: str, body: dict[str, Any], header: str | None, query: str, in_body: object
) -> None:
    headers = {} if header is None else {"x-user-id": header}
    named = {} if in_body is None else {"user_id": in_body}

    answer = await nobody.send("POST", path + query, {**body, **named}, headers)

    assert answer.refusal == (400, "bad_request")


async def test_on_every_other_route_default_is_a_user_like_any(nobody: Client) -> None:
    assert (await nobody.get(SESSIONS)).refusal == (400, "bad_request")
    assert (await nobody.send("GET", f"{SESSIONS}?user_id=default", headers={"x-user-id": "alice"})).status == 400


@by_write
@pytest.mark.parametrize("user_id", [None, "", "default", "me"])
async def test_the_user_who_is_signed_in_is_the_owner(
    signed_in: Client, path: str, body: dict[str, Any], user_id: str | None
) -> None:
    headers, session_id = {"x-ms-client-principal-id": "me"}, an_owner()

    sent = {**body, "session_id": session_id, "user_id": user_id}
    answer = await signed_in.send("POST", f"{path}?user_id=default", sent, headers)
    found = await signed_in.send("GET", f"{SESSIONS}/{session_id}", headers=headers)

    assert answer.status in {200, 201}
    assert found.json["user_id"] == "me"


@by_write
async def test_nobody_signed_in_is_not_default(signed_in: Client, path: str, body: dict[str, Any]) -> None:
    unnamed = await signed_in.post(path, body)
    named = await signed_in.post(path, {**body, "user_id": "default"})
    pretending = await signed_in.send("POST", path, body, {"x-user-id": "me"})

    assert {answer.refusal for answer in (unnamed, named, pretending)} == {(401, "unauthenticated")}


@by_write
async def test_somebody_else_than_who_is_signed_in_is_refused(
    signed_in: Client, path: str, body: dict[str, Any]
) -> None:
    sent = {**body, "user_id": "you"}

    answer = await signed_in.send("POST", path, sent, {"x-ms-client-principal-id": "me"})

    assert answer.refusal == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), NOT_FOUND)
async def test_another_users_session_is_as_unknown_as_one_that_never_was(
    api: Client, stranger: Client, method: str, path: str
) -> None:
    mine = await a_session(api, channel="scriptwriter")
    await api.post(f"{SESSIONS}/{mine['id']}/messages", spoken("secret"))
    before = (await api.get(f"{SESSIONS}/{mine['id']}")).json
    same = {"x-request-id": "same"}

    foreign = await stranger.send(method, path.format(mine["id"]), headers=same)
    unknown = await stranger.send(method, path.format("unknown"), headers=same)

    assert foreign.refusal == (404, "session_not_found")
    assert (foreign.body, foreign.headers["x-request-charge"]) == (unknown.body, unknown.headers["x-request-charge"])
    assert (await api.get(f"{SESSIONS}/{mine['id']}")).json == before


async def test_clearing_another_users_chat_changes_nothing(api: Client, stranger: Client) -> None:
    mine = await a_session(api, channel="scriptwriter")
    method, path = CLEAR

    answer = await stranger.send(method, path.format(mine["id"]))

    assert answer.json == (await stranger.send(method, path.format("unknown"))).json
    assert (await api.get(SESSIONS)).json["data"] == [mine]


@by_write
async def test_two_users_with_one_session_id_have_two_sessions(
    api: Client, stranger: Client, path: str, body: dict[str, Any]
) -> None:
    await a_session(api, id="same", channel="scriptwriter")

    answer = await stranger.post(path, {**body, "session_id": "same"})

    assert answer.status in {200, 201}
    assert (await api.get(f"{SESSIONS}/same")).json["message_count"] == 0
    assert (await stranger.get(f"{SESSIONS}/same")).json["message_count"] == 1


async def test_the_latest_history_is_never_another_users(api: Client, stranger: Client) -> None:
    await a_session(api)

    assert (await stranger.get(f"{CHAT}/history")).json["session_id"] is None


def refusals(answers: list[Answer]) -> list[tuple[int, str]]:
    return [answer.refusal for answer in answers]


@refused_before_any_store_is_asked
@by_write
async def test_a_body_that_is_no_json_object_is_refused(api: Client, path: str, body: dict[str, Any]) -> None:
    broken = [NO_BODY, b"", b"{", b"[]", b"null", b'{"a": NaN}', b"\xff", b"[" * 100_000]
    as_text = await api.send("POST", path, body, {"content-type": "text/plain"})
    huge = await api.post(path, b" " * (MAX_BODY_BYTES + 1))
    surrogate = await api.post(
        path, b'{"query": "\\ud800", "message": "\\ud800", "content": "\\ud800", "role": "user"}'
    )

    assert refusals([await api.post(path, each) for each in broken]) == [(400, "bad_request")] * len(broken)
    assert refusals([as_text, huge, surrogate]) == [
        (415, "unsupported_media_type"),
        (413, "payload_too_large"),
        (422, "validation_failed"),
    ]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("path", [f"{CHAT}/load-session?session_id=a", f"{CHAT}/reset?session_id=a"])
async def test_a_body_where_none_is_needed_says_at_most_whose_it_is(api: Client, path: str) -> None:
    assert (await api.post(path, {"colour": "blue"})).refusal == (422, "validation_failed")
    assert (await api.post(path, {"user_id": api.user})).refusal == (404, "session_not_found")


def test_every_earlier_route_is_deprecated_and_says_that_it_needs_no_owner(function_app: ModuleType) -> None:
    endpoints = {route.name: route.endpoint for route in function_app.routes}
    earlier = {name for name, endpoint in endpoints.items() if endpoint.tag == "Earlier routes"}

    assert len(earlier) == 10
    assert earlier == {name for name, endpoint in endpoints.items() if endpoint.deprecated}
    assert earlier == {name for name, endpoint in endpoints.items() if endpoint.owner_optional}
