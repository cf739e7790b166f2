"""Whose request it is, over HTTP, where callers are trusted to say so."""

import pytest

from tests.http.client import Client, a_session, refused_before_any_store_is_asked, spoken

SESSIONS = "/api/chat/sessions"
LONGEST = "x" * 128


@pytest.fixture
def nobody(api: Client) -> Client:
    """Speak without saying for whom."""
    return api.speaking_for(None)


async def test_the_header_names_the_owner(api: Client) -> None:
    assert (await a_session(api))["user_id"] == api.user


async def test_the_query_names_the_owner(api: Client, nobody: Client) -> None:
    session = (await nobody.post(f"{SESSIONS}?user_id={api.user}", {})).json

    assert session["user_id"] == api.user
    assert (await nobody.get(f"{SESSIONS}?user_id={api.user}")).json["data"] == [session]


async def test_the_body_names_the_owner(api: Client, nobody: Client) -> None:
    session = (await nobody.post(SESSIONS, {"user_id": api.user})).json

    assert session["user_id"] == api.user
    assert (await api.get(SESSIONS)).json["data"] == [session]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/messages", spoken()),
        ("POST", "/messages", {"messages": [spoken()]}),
        ("PATCH", "", {"tags": ["a"]}),
        ("PUT", "", {"tags": ["a"]}),
        ("DELETE", "/messages", {}),
        ("DELETE", "", {}),
    ],
)
async def test_the_body_of_every_change_may_name_the_owner(
    api: Client, nobody: Client, method: str, path: str, body: dict[str, object]
) -> None:
    session = await a_session(api)

    answer = await nobody.send(method, f"{SESSIONS}/{session['id']}{path}", {**body, "user_id": api.user})

    assert answer.status in {200, 201, 204}


async def test_a_message_without_a_session_may_name_the_owner_in_its_body(api: Client, nobody: Client) -> None:
    answer = await nobody.post("/api/chat/messages", {**spoken(), "user_id": api.user})

    assert answer.json["messages"][0]["user_id"] == api.user


async def test_all_three_may_name_the_same_owner(api: Client) -> None:
    answer = await api.post(f"{SESSIONS}?user_id={api.user}&user_id={api.user}", {"user_id": api.user})

    assert (answer.status, answer.json["user_id"]) == (201, api.user)


async def test_a_request_that_names_no_owner_is_refused(nobody: Client) -> None:
    for answer in (
        await nobody.get(SESSIONS),
        await nobody.post(SESSIONS, {}),
        await nobody.post("/api/chat/messages", spoken()),
        await nobody.delete(f"{SESSIONS}/any"),
    ):
        assert answer.refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    ("header", "query", "body"),
    [
        ("a", "?user_id=b", {}),
        ("a", "", {"user_id": "b"}),
        ("", "?user_id=a", {"user_id": "b"}),
        ("", "?user_id=a&user_id=b", {}),
        ("", "?user_id=a&x=1&user_id=b", {}),
        ("a", "?user_id=a", {"user_id": "b"}),
        ("a", "?user_id=A", {}),
    ],
)
async def test_two_owners_that_differ_are_refused(nobody: Client, header: str, query: str, body: object) -> None:
    answer = await nobody.post(SESSIONS + query, body, x_user_id=header)

    assert answer.refusal == (400, "bad_request")


@pytest.mark.parametrize(
    ("header", "query", "body"),
    [("", "", None), (None, "?user_id=", None), (None, "?user_id", ""), ("", "?user_id=&user_id=", "")],
)
async def test_an_empty_value_names_nobody(
    api: Client, nobody: Client, header: str | None, query: str, body: str | None
) -> None:
    headers = {} if header is None else {"x-user-id": header}
    unnamed = await nobody.send("POST", SESSIONS + query, {"user_id": body}, headers)
    named = await api.post(SESSIONS + query, {"user_id": body})

    assert unnamed.refusal == (400, "bad_request")
    assert named.json["user_id"] == api.user


@refused_before_any_store_is_asked
@pytest.mark.parametrize("user_id", [5, 0, True, False, ["a"], {"a": 1}, [], {}, "a/b", "a\u0000", "x" * 129])
async def test_an_owner_in_the_body_that_cannot_be_is_refused(nobody: Client, user_id: object) -> None:
    assert (await nobody.post(SESSIONS, {"user_id": user_id})).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize("user_id", [5, True, ["a"], {}])
async def test_an_owner_in_the_body_that_cannot_be_differs_from_every_other(api: Client, user_id: object) -> None:
    assert (await api.post(SESSIONS, {"user_id": user_id})).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "user_id",
    ["a%2Fb", "a%5Cb", "a%3Fb", "a%23b", "a%00", "a%0Ab", "%09", "%7F", "%C2%85", "x" * 129, "%FF", "%ED%A0%80"],
)
async def test_an_owner_in_the_query_that_cannot_be_is_refused(nobody: Client, user_id: str) -> None:
    assert (await nobody.get(f"{SESSIONS}?user_id={user_id}")).refusal == (400, "bad_request")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (LONGEST, LONGEST), ("%F0%9F%98%80" * 128, "😀" * 128), ("a,b", "a,b"), ("a%2Cb", "a,b"), ("a%20b", "a b"),
        ("a+b", "a b"), ("a%2Bb", "a+b"), ("ann%40example.com", "ann@example.com"), ("auth0|1", "auth0|1"),
        ("..", ".."), ("%25", "%"), ("'%22;--", "'\";--"), ("default", "default"),
    ],
)  # fmt: skip
async def test_an_owner_may_have_any_other_characters(nobody: Client, sent: str, meant: str) -> None:
    answer = await nobody.post(f"{SESSIONS}?user_id={sent}", {})

    assert (answer.status, answer.json["user_id"]) == (201, meant)
    assert (await nobody.get(f"{SESSIONS}/{answer.json['id']}?user_id={sent}")).status == 200


@pytest.mark.parametrize("other", ["{}%20", "{}.", "{}-", "U{}"])
async def test_owners_are_compared_exactly(api: Client, nobody: Client, other: str) -> None:
    session = await a_session(api)
    assert api.user is not None

    answer = await nobody.get(f"{SESSIONS}/{session['id']}?user_id={other.format(api.user)}")

    assert answer.refusal == (404, "session_not_found")


@pytest.mark.parametrize(("one", "other"), [("%C3%A9", "e%CC%81"), ("a", "A"), ("%C3%9F", "ss"), ("%EF%AC%81", "fi")])
async def test_owners_that_only_look_alike_are_two(nobody: Client, api: Client, one: str, other: str) -> None:
    await nobody.post(f"{SESSIONS}?user_id={api.user}{one}", {})

    assert (await nobody.get(f"{SESSIONS}?user_id={api.user}{other}")).json["data"] == []


async def test_the_owner_in_the_body_is_read_before_the_body_is_validated(nobody: Client, api: Client) -> None:
    answer = await nobody.post(SESSIONS, {"user_id": api.user, "colour": "blue"})

    assert answer.refusal == (422, "validation_failed")
    assert [error["loc"] for error in answer.json["errors"]] == [["colour"]]


@pytest.mark.parametrize("body", [{"messages": [spoken(user_id="somebody")]}, {"messages": [spoken(user_id=None)]}])
async def test_an_owner_inside_a_message_is_refused(api: Client, body: dict[str, object]) -> None:
    assert (await api.post("/api/chat/messages", body)).refusal == (422, "validation_failed")


async def test_health_needs_no_owner(nobody: Client) -> None:
    assert (await nobody.get("/api/health")).status == 200


@pytest.mark.parametrize("path", [f"{SESSIONS}/mine", f"{SESSIONS}/mine/messages", "/api/chat/data"])
async def test_nothing_is_removed_for_one_owner_when_the_body_names_another(api: Client, path: str) -> None:
    await a_session(api, id="mine")
    await api.post(f"{SESSIONS}/mine/messages", spoken())

    answer = await api.send("DELETE", path, {"user_id": "somebody-else"})

    assert answer.refusal == (400, "bad_request")
    assert (await api.get(f"{SESSIONS}/mine")).json["message_count"] == 1
    await api.delete(f"{SESSIONS}/mine")
