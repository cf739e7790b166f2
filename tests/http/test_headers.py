"""The headers that every answer has."""

import re

import pytest

from shared.store.port import SessionStore
from tests.http.client import Answer, Client, a_talk, refused_before_any_store_is_asked, spoken

pytestmark = pytest.mark.on_both_stores

SESSIONS = "/api/chat/sessions"
REQUESTS = {
    "a list": ("GET", SESSIONS, None, {}),
    "a creation": ("POST", SESSIONS, {}, {}),
    "a read": ("GET", f"{SESSIONS}/mine", None, {}),
    "nothing new": ("GET", f"{SESSIONS}/mine", None, {"if-none-match": "*"}),
    "a change": ("PATCH", f"{SESSIONS}/mine", {"tags": ["a"]}, {}),
    "an append": ("POST", f"{SESSIONS}/mine/messages", spoken(), {}),
    "no content": ("DELETE", f"{SESSIONS}/mine/messages", None, {}),
    "no owner": ("GET", SESSIONS, None, {"x-user-id": ""}),
    "no session": ("GET", f"{SESSIONS}/unknown", None, {}),
    "a conflict": ("POST", SESSIONS, {"id": "mine"}, {}),
    "a lost condition": ("PATCH", f"{SESSIONS}/mine", {}, {"if-match": '"other"'}),
    "too much": ("POST", SESSIONS, b"x" * 1_100_000, {}),
    "no json": ("POST", SESSIONS, b"{}", {"content-type": "text/plain"}),
    "a broken rule": ("POST", SESSIONS, {"colour": "blue"}, {}),
    "health": ("GET", "/api/health", None, {}),
}


async def asked(api: Client, about: str) -> Answer:
    await a_talk(api, id="mine")
    method, path, body, headers = REQUESTS[about]
    return await api.send(method, path, b"" if body is None else body, headers)


@pytest.mark.parametrize("about", REQUESTS)
async def test_every_answer_has_the_same_headers(api: Client, about: str) -> None:
    headers = (await asked(api, about)).headers

    exposed = {name.strip() for name in headers["access-control-expose-headers"].split(",")}
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", headers["x-request-id"])
    assert float(headers["x-request-charge"]) >= 0
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("private, no-cache", "nosniff")
    assert exposed == {
        "ETag", "Location", "Retry-After", "x-request-id", "x-request-charge", "x-next-cursor", "x-session-token",
        "x-left-out",
    }  # fmt: skip


@pytest.mark.parametrize("about", REQUESTS)
async def test_an_answer_has_the_content_type_of_its_body(api: Client, about: str) -> None:
    answer = await asked(api, about)

    expected = None if answer.body == b"" else "application/json" if answer.status < 300 else "application/problem+json"
    assert answer.headers.get("content-type") == expected


@pytest.mark.parametrize("request_id", ["a", "A.b_c-1", "x" * 128, "."])
async def test_a_request_id_is_echoed(api: Client, request_id: str) -> None:
    for path in (SESSIONS, f"{SESSIONS}/unknown", "/api/health"):
        assert (await api.get(path, x_request_id=request_id)).headers["x-request-id"] == request_id


@refused_before_any_store_is_asked
@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "a,b", "ä", "<script>", "a/b", "a:b"])
async def test_a_request_id_that_could_be_anything_is_replaced(api: Client, request_id: str) -> None:
    first, second = [(await api.get(SESSIONS, x_request_id=request_id)).headers["x-request-id"] for _ in range(2)]

    assert len({request_id, first, second}) == 3


async def test_a_request_without_an_id_gets_one_of_its_own(api: Client) -> None:
    ids = {(await api.get(SESSIONS)).headers["x-request-id"] for _ in range(3)}

    assert len(ids) == 3


async def test_the_charge_is_what_the_store_charged(api: Client, store: SessionStore) -> None:
    path = await a_talk(api)

    charges = [float((await api.post(path, spoken())).headers["x-request-charge"]) for _ in range(2)]

    assert charges == [0, 0] if store.name == "sqlite" else all(charge > 5 for charge in charges)


async def test_a_request_that_never_reaches_the_store_costs_nothing(api: Client) -> None:
    assert (await api.post(SESSIONS, {"colour": "blue"})).headers["x-request-charge"] == "0"


async def test_text_is_sent_as_it_is_in_utf_8(api: Client) -> None:
    answer = await api.post(SESSIONS, {"session_name": "Grüße 😀"})

    assert "Grüße 😀".encode() in answer.body
