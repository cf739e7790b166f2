"""Errors over HTTP: what a body may be, and how every refusal looks."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.errors import StoreThrottledError
from shared.store.port import SessionStore
from tests.http.client import PROBLEM, Client, a_session, a_talk, refused_before_any_store_is_asked, spoken

SESSIONS = "/api/chat/sessions"
BODY_BYTES = 2 * 1024 * 1024
LARGEST = 2**53


def nested(depth: int) -> dict[str, Any]:
    """Return a body that is so many levels deep, itself the first."""
    value: Any = []
    for _ in range(depth - 3):
        value = [value]
    return {"context": {"deep": value}}


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"[{}]", b'"text"', b"5", b"true", b"null", b"{", b"{}}", b"{} {}", b"{'a': 1}", b'{"a": 1,}', b"text",
        b'{"context": {"n": NaN}}', b'{"context": {"n": Infinity}}', b'{"context": {"n": -Infinity}}',
        b'{"session_name": "\xff"}', b'{"session_name": "\xed\xa0\x80"}', b'{"session_name": "a\nb"}',
        b"\xef\xbb\xbf\xef\xbb\xbf{}", b"{}\xef\xbb\xbf", b"\x00",
        b'{"context": {"n": 01}}', '{"session_name": "ü"}'.encode("utf-16"),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_json_object_is_refused(api: Client, body: bytes) -> None:
    answer = await api.post(SESSIONS, body)

    assert answer.refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{\n  "session_name": \n}', "line 3, column 1"),
        (b'{"a": 1} {', "column 10"),
        (b'{"tags": ["\xff"]}', "number 12"),
    ],
)
async def test_the_refusal_of_a_malformed_body_says_where_it_breaks(api: Client, body: bytes, place: str) -> None:
    answer = await api.post(f"{SESSIONS}/any/messages", body)

    assert answer.refusal == (400, "bad_request")
    assert place in answer.json["detail"]


async def test_a_byte_order_mark_before_the_json_is_skipped(api: Client) -> None:
    answer = await api.post(SESSIONS, b'\xef\xbb\xbf{"session_name": "Marked"}')

    assert (answer.status, answer.json["session_name"]) == (201, "Marked")


async def test_a_body_of_a_byte_order_mark_alone_is_empty(api: Client) -> None:
    path = await a_talk(api)

    assert (await api.post(SESSIONS, b"\xef\xbb\xbf")).status == 201
    assert (await api.post(path, b"\xef\xbb\xbf")).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_a_body_that_is_nested_past_all_measure_is_refused(api: Client, opening: bytes) -> None:
    answer = await api.post(SESSIONS, b'{"context": ' + opening * 100_000)

    assert answer.refusal == (400, "bad_request")


async def test_a_body_may_be_32_levels_deep(api: Client) -> None:
    body = nested(32)

    session = (await api.post(SESSIONS, body)).json

    assert session["context"] == body["context"]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("depth", [33, 100])
async def test_a_body_that_is_deeper_breaks_a_rule(api: Client, depth: int) -> None:
    assert (await api.post(SESSIONS, nested(depth))).refusal == (422, "validation_failed")


@pytest.mark.parametrize("number", [LARGEST, -LARGEST, 0, 1.5, 1e300, -1e-300, 0.1])
async def test_a_number_that_fits_a_double_comes_back_as_it_was_sent(api: Client, number: float) -> None:
    session = await a_session(api, context={"n": number})

    assert (await api.get(f"{SESSIONS}/{session['id']}")).json["context"] == {"n": number}


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "number",
    [str(LARGEST + 1), str(-LARGEST - 1), "9" * 400, "9" * 5000, "1e999", "-1e999"],
    ids=lambda text: text[:20],
)
async def test_a_number_that_does_not_fit_breaks_a_rule(api: Client, number: str) -> None:
    answer = await api.post(SESSIONS, b'{"context": {"n": [%s]}}' % number.encode())

    assert answer.refusal == (422, "validation_failed")


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "body",
    [rb'{"session_name": "\ud800"}', rb'{"context": {"\udfff": 1}}', rb'{"tags": ["a\ud83dz"]}', rb'{"\ud800": 1}'],
)
async def test_a_lone_surrogate_breaks_a_rule(api: Client, body: bytes) -> None:
    assert (await api.post(SESSIONS, body)).refusal == (422, "validation_failed")


async def test_a_pair_of_surrogates_is_one_character(api: Client) -> None:
    answer = await api.post(SESSIONS, rb'{"session_name": "\ud83d\ude00"}')

    assert answer.json["session_name"] == "😀"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"],
)
async def test_a_body_is_json_by_its_content_type(api: Client, content_type: str) -> None:
    assert (await api.post(SESSIONS, b"{}", content_type=content_type)).status == 201


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "json"],
)
async def test_a_body_of_another_content_type_is_refused(api: Client, content_type: str) -> None:
    answer = await api.post(SESSIONS, b"{}", content_type=content_type)

    assert answer.refusal == (415, "unsupported_media_type")


async def test_a_body_that_is_not_there_needs_no_content_type(api: Client) -> None:
    assert (await api.post(SESSIONS, b"", content_type="text/plain")).status == 201


async def test_a_body_of_two_mebibytes_is_read(api: Client) -> None:
    body = b"{" + b" " * (BODY_BYTES - 2) + b"}"

    assert (await api.post(SESSIONS, body)).status == 201


@refused_before_any_store_is_asked
@pytest.mark.parametrize("filling", [b" ", b"x", b"["])
async def test_a_body_of_more_is_too_large_whatever_is_in_it(api: Client, filling: bytes) -> None:
    answer = await api.post(SESSIONS, filling * (BODY_BYTES + 1))

    assert answer.refusal == (413, "payload_too_large")


async def test_a_problem_document_says_what_is_wrong_in_every_field(api: Client) -> None:
    answer = await api.get(f"{SESSIONS}/unknown", x_request_id="my-request")

    document = answer.json
    assert answer.headers["content-type"] == PROBLEM
    assert document.keys() == {"type", "title", "status", "detail", "code", "request_id"}
    assert (document["status"], document["code"], document["request_id"]) == (404, "session_not_found", "my-request")
    assert all(isinstance(document[name], str) and document[name] for name in ("type", "title", "detail"))


async def test_a_problem_document_never_repeats_an_id(api: Client) -> None:
    answer = await api.get(f"{SESSIONS}/my-secret-id")

    assert b"my-secret-id" not in answer.body


async def test_a_validation_error_names_each_place(api: Client) -> None:
    answer = await api.post(SESSIONS, {"channel": "Web", "tags": ["a", 5], "colour": "blue"})

    errors = answer.json["errors"]
    assert all(error.keys() == {"loc", "msg", "type"} for error in errors)
    assert [error["loc"] for error in errors] == [["channel"], ["tags", 1], ["colour"]]


async def test_a_rule_for_the_whole_body_has_its_error_too(api: Client) -> None:
    answer = await api.post(SESSIONS, {"context": {"n": LARGEST + 1}})

    assert answer.json["errors"] == [{"loc": [], "msg": answer.json["detail"], "type": "value_error"}]


async def test_a_validation_error_speaks_of_json_and_not_of_python(api: Client) -> None:
    answer = await api.post(await a_talk(api), spoken(5, audio_files=[5], metadata=5, function_calls=[["x"]]))

    assert [error["loc"] for error in answer.json["errors"]] == [
        ["content"], ["audio_files", 0], ["function_calls", 0], ["metadata"]
    ]  # fmt: skip
    assert b"function-" not in answer.body


async def test_a_body_that_breaks_rules_by_the_thousand_is_not_answered_at_length(api: Client) -> None:
    answer = await api.post(SESSIONS, {f"field{number}": 1 for number in range(10_000)})

    assert answer.refusal == (422, "validation_failed")
    assert len(answer.body) < 20_000


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/unknown"), ("GET", "/api"), ("GET", "/chat/sessions"), ("GET", "/api/chat/sessions/a/b"),
        ("PUT", "/api/chat/sessions"), ("DELETE", "/api/chat/sessions"), ("OPTIONS", "/api/chat/sessions"),
        ("HEAD", "/api/chat/sessions"), ("POST", "/api/chat/sessions/a"), ("PATCH", "/api/chat/sessions/a/messages"),
        ("GET", "/api/chat/messages"), ("POST", "/api/health"), ("POST", "/api/chat/sessions/a/stats"),
    ],
)  # fmt: skip
async def test_an_unknown_route_or_method_is_the_hosts_bare_404(api: Client, method: str, path: str) -> None:
    answer = await api.send(method, path)

    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize("path", ["/api/chat/sessions/", "/API/Chat/SESSIONS", "/api/CHAT/sessions/?limit=5"])
async def test_a_trailing_slash_and_the_case_of_a_route_do_not_matter(api: Client, path: str) -> None:
    session = await a_session(api)

    assert (await api.get(path)).json["data"] == [session]


async def test_the_case_of_an_id_does_matter(api: Client) -> None:
    await a_session(api, id="Mine")

    assert (await api.get(f"{SESSIONS}/mine")).status == 404
    assert (await api.get("/API/CHAT/SESSIONS/Mine/")).status == 200


async def test_a_defect_is_a_problem_document_that_tells_nothing_of_it(
    api: Client, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(store, "read", fail)

    answer = await api.get(f"{SESSIONS}/any")

    assert answer.refusal == (500, "internal_error")
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body


async def test_a_throttled_store_says_when_to_come_back(
    api: Client, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def throttle(*_: object, **__: object) -> None:
        raise StoreThrottledError(7)

    monkeypatch.setattr(store, "append", throttle)

    answer = await api.post(f"{SESSIONS}/any/messages", spoken())

    assert answer.refusal == (429, "throttled")
    assert answer.headers["retry-after"] == "7"


CHUNKED_REQUESTS = {
    "a creation": ("POST", SESSIONS, {"id": "other"}),
    "an append": ("POST", f"{SESSIONS}/mine/messages", spoken()),
    "an append anywhere": ("POST", "/api/chat/messages", spoken()),
    "a change": ("PATCH", f"{SESSIONS}/mine", {"session_name": "new"}),
    "a link": ("POST", f"{SESSIONS}/mine/share", {"expires_in_seconds": 60}),
    "a fork": ("POST", f"{SESSIONS}/mine/fork", {"after_seq": 0}),
    "a removal": ("DELETE", f"{SESSIONS}/mine/messages", {"user_id": "somebody else"}),
    "an erasure": ("DELETE", "/api/chat/data", {}),
    "an earlier route": ("POST", "/api/chat/load-session?session_id=mine", {}),
    "a read": ("GET", f"{SESSIONS}/mine", {}),
}


@pytest.mark.parametrize("about", CHUNKED_REQUESTS)
async def test_a_body_sent_in_chunks_is_refused_and_nothing_is_done(api: Client, about: str) -> None:
    await a_talk(api, "one", id="mine")
    before = await everything(api)
    method, path, body = CHUNKED_REQUESTS[about]

    assert await chunked(api, method, path, body) == (411, "length_required")

    assert await everything(api) == before


async def test_who_asks_does_not_matter_for_a_body_sent_in_chunks(api: Client) -> None:
    for path in ("/api/health", "/api/chat/sessions"):
        assert await chunked(api.speaking_for(None), "GET", path, {}) == (411, "length_required")


async def chunked(api: Client, method: str, path: str, body: object) -> tuple[int, str]:
    headers = {"content-type": "application/json"} | ({"x-user-id": api.user} if api.user else {})
    data = in_chunks(json.dumps(body).encode())
    async with api.http.request(method, api.url + path, data=data, headers=headers) as response:
        return response.status, (await response.json(content_type=PROBLEM))["code"]


async def everything(api: Client) -> list[Any]:
    sessions = (await api.get(f"{SESSIONS}?status=all")).json["data"]
    paths = [f"{SESSIONS}/{session['id']}{rest}" for session in sessions for rest in ("", "/share")]
    return [(await api.get(path)).json for path in paths]


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
