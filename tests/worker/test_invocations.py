"""Requests through the runtime's own conversions, each as a client sends it and sees it answered."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.http.client import Client, a_session, a_talk, contents, spoken
from tests.worker.conftest import Start
from tests.worker.host import serving
from tests.worker.runtime import Runtime

SESSIONS = "/api/chat/sessions"
TOGETHER = 20


async def test_a_session_is_created_appended_to_and_read(api: Client) -> None:
    created = await api.post(SESSIONS, {"session_name": "Grüße 😀"})
    path = f"{SESSIONS}/{created.json['id']}"
    appended = await api.post(f"{path}/messages", {"messages": [spoken("Привет"), spoken("你好 😀")]})
    read = await api.get(path)

    assert (created.status, appended.status, read.status) == (201, 201, 200)
    assert created.headers["location"] == path
    assert read.json["session_name"] == "Grüße 😀"
    assert [message["content"] for message in read.json["messages"]] == ["Привет", "你好 😀"]


async def test_every_header_of_an_answer_is_kept(api: Client) -> None:
    session = await a_session(api)
    answer = await api.get(f"{SESSIONS}/{session['id']}", x_request_id="mine")

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-request-charge"] == "0"
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "ETag, Location" in answer.headers["access-control-expose-headers"]


async def test_two_owners_in_the_query_are_refused_although_the_runtime_joins_them(api: Client) -> None:
    nobody = api.speaking_for(None)

    answer = await nobody.get(f"{SESSIONS}?user_id=a&user_id=b")

    assert answer.refusal == (400, "bad_request")


@pytest.mark.parametrize(
    "query", ["user_id=a%2Cb", "USER_ID=x&user_id=a%2Cb", "user_id=&user_id=a,b", "user_id=a%2cb&"]
)
async def test_an_owner_may_have_a_comma_in_the_query(api: Client, query: str) -> None:
    session = await a_session(api.speaking_for("a,b"))

    assert (await api.speaking_for(None).get(f"{SESSIONS}?{query}")).json["data"] == [session]


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=", 200), ("limit=2", 200), ("limit=1&limit=2", 400), ("limit=,", 400), ("limit=%FF", 400), ("limit", 200)],
)
async def test_a_query_value_is_what_the_url_says(api: Client, query: str, status: int) -> None:
    assert (await api.get(f"{SESSIONS}?{query}")).status == status


async def test_a_repeatable_query_value_is_every_one_of_them(api: Client) -> None:
    both = await a_session(api, tags=["a,b", "c"])
    await a_session(api, tags=["a", "b", "c"])

    assert (await api.get(f"{SESSIONS}?tag=a%2Cb&tag=c")).json["data"] == [both]


async def test_a_query_value_is_decoded_once(api: Client) -> None:
    session = await a_session(api, session_name="a b+ü%20")

    assert (await api.get(f"{SESSIONS}?name=a+b%2B%C3%BC%2520")).json["data"] == [session]


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
async def test_an_empty_body_is_no_fields(api: Client, body: bytes) -> None:
    assert (await api.post(SESSIONS, body)).status == 201


async def test_no_body_is_no_fields(api: Client) -> None:
    assert (await api.post(SESSIONS)).status == 201


async def test_a_body_that_must_not_be_empty_is_asked_for(api: Client) -> None:
    path = await a_talk(api)

    assert (await api.post(path, b"")).refusal == (400, "bad_request")


async def test_a_chunked_body_is_refused(api: Client) -> None:
    path = await a_talk(api)
    headers = {"x-user-id": str(api.user), "content-type": "application/json"}

    async with api.http.post(api.url + path, data=_in_chunks(json.dumps(spoken()).encode()), headers=headers) as answer:
        assert answer.status == 411

    assert contents(await api.get(path)) == []


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


@pytest.mark.parametrize(
    ("body", "content_type", "refusal"),
    [
        (b'{"session_name": "\xff"}', "application/json", (400, "bad_request")),
        (b"\x00\x01\xfe\xff", "application/json", (400, "bad_request")),
        (b"\x00\x01\xfe\xff", "application/octet-stream", (415, "unsupported_media_type")),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", (415, "unsupported_media_type")),
        (b"{}", "text/plain", (415, "unsupported_media_type")),
        (b"[]", "application/json", (400, "bad_request")),
        (b'{"context": {"n": NaN}}', "application/json", (400, "bad_request")),
        (rb'{"session_name": "\ud800"}', "application/json", (422, "validation_failed")),
        (b"[" * 100_000, "application/json", (400, "bad_request")),
        (b" " * 2_097_153, "application/json", (413, "payload_too_large")),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_a_body_is_refused_for_its_bytes(
    api: Client, body: bytes, content_type: str, refusal: tuple[int, str]
) -> None:
    assert (await api.post(SESSIONS, body, content_type=content_type)).refusal == refusal


async def test_a_body_of_one_mebibyte_comes_through(api: Client) -> None:
    body = b"{" + b" " * 2_097_150 + b"}"

    assert (await api.post(SESSIONS, body)).status == 201


@pytest.mark.parametrize("name", ["x-user-id", "X-USER-ID", "X-User-Id"])
async def test_a_header_is_found_in_any_case(api: Client, name: str) -> None:
    session = await a_session(api)

    assert (await api.speaking_for(None).send("GET", SESSIONS, headers={name: str(api.user)})).json["data"] == [session]


@pytest.mark.parametrize("sent", ["Mine", "%4Dine", "%4d%69%6E%65"])
async def test_a_route_parameter_is_decoded_and_keeps_its_case(api: Client, sent: str) -> None:
    await a_session(api, id="Mine")

    assert (await api.get(f"{SESSIONS}/{sent}")).json["id"] == "Mine"


@pytest.mark.parametrize("sent", ["mine", "a%2Fb", "%E2%82%AC", "a%0Ab", "a%20b", "%FF", "a~b", "..%2F..", "1"])
async def test_a_route_parameter_that_is_no_session_is_not_found_and_not_repeated(api: Client, sent: str) -> None:
    await a_session(api, id="Mine")
    answer = await api.get(f"{SESSIONS}/{sent}")

    assert answer.refusal == (404, "session_not_found")
    assert f'"{sent}"'.encode() not in answer.body


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/unknown"), ("PUT", SESSIONS), ("OPTIONS", SESSIONS)])
async def test_what_no_route_fits_never_reaches_the_runtime(api: Client, method: str, path: str) -> None:
    answer = await api.send(method, path)

    assert (answer.status, answer.body) == (404, b"")


async def test_a_defect_is_a_problem_document(api: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(runtime.app_module.chat.store, "read", fail)

    answer = await api.get(f"{SESSIONS}/any")

    assert answer.refusal == (500, "internal_error")
    assert b"secret" not in answer.body


async def test_a_request_that_waited_for_a_cancelled_task_is_answered(
    api: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait_for_a_cancelled_task(*_: object) -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task

    monkeypatch.setattr(runtime.app_module.chat.store, "read", wait_for_a_cancelled_task)

    async with asyncio.timeout(5):
        assert (await api.get(f"{SESSIONS}/any")).refusal == (503, "store_unavailable")


async def test_an_unchanged_session_is_a_304_without_a_body(api: Client) -> None:
    session = await a_session(api)
    path = f"{SESSIONS}/{session['id']}"
    etag = (await api.get(path)).headers["etag"]
    answer = await api.get(path, if_none_match=etag)

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)


async def test_a_deletion_is_a_204_without_a_body(api: Client) -> None:
    session = await a_session(api)
    answer = await api.delete(f"{SESSIONS}/{session['id']}")

    assert (answer.status, answer.body) == (204, b"")
    assert (await api.get(f"{SESSIONS}/{session['id']}")).refusal == (404, "session_not_found")


async def test_a_lost_condition_is_a_412(api: Client) -> None:
    session = await a_session(api)

    answer = await api.send("PATCH", f"{SESSIONS}/{session['id']}", {"tags": []}, {"If-Match": '"other"'})

    assert answer.refusal == (412, "precondition_failed")


async def test_health_needs_no_owner_and_has_a_head(api: Client) -> None:
    nobody = api.speaking_for(None)
    answers = [await nobody.get("/api/health"), await nobody.send("HEAD", "/api/health")]

    assert [(answer.status, bool(answer.body)) for answer in answers] == [(200, True), (200, False)]


async def test_requests_are_answered_beside_one_another(
    api: Client, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await a_session(api)
    store, all_there = runtime.app_module.chat.store, asyncio.Barrier(TOGETHER)
    read = store.read

    async def read_when_all_are_there(*arguments: object) -> object:
        try:
            await asyncio.wait_for(all_there.wait(), 10)
        except TimeoutError:
            await all_there.abort()
            raise
        return await read(*arguments)

    monkeypatch.setattr(store, "read", read_when_all_are_there)
    ids = [f"request-{number}" for number in range(TOGETHER)]
    answers = await asyncio.gather(
        *(api.get(f"{SESSIONS}/{session['id']}", x_request_id=request_id) for request_id in ids)
    )

    assert [answer.headers["x-request-id"] for answer in answers] == ids
    assert {answer.json["id"] for answer in answers} == {session["id"]}


async def test_appends_beside_one_another_are_all_kept_in_order(api: Client) -> None:
    path = await a_talk(api)
    answers = await asyncio.gather(*(api.post(path, spoken(f"{number}")) for number in range(TOGETHER)))

    listed = (await api.get(f"{path}?order=asc")).json["data"]
    assert [answer.status for answer in answers] == [201] * TOGETHER
    assert [message["seq"] for message in listed] == list(range(1, TOGETHER + 1))
    assert {message["content"] for message in listed} == {f"{number}" for number in range(TOGETHER)}


async def test_a_signed_in_user_is_the_owner(start: Start) -> None:
    async with start(USER_IDENTITY="easyauth", WEBSITE_AUTH_ENABLED="True") as running, serving(running, None) as api:
        session = await api.send("POST", SESSIONS, {}, {"X-MS-CLIENT-PRINCIPAL-ID": "ada"})
        forged = await api.send("GET", f"{SESSIONS}?user_id=bob", headers={"X-MS-CLIENT-PRINCIPAL-ID": "ada"})
        nobody = await api.send("GET", SESSIONS, headers={"x-user-id": "ada"})

    assert session.json["user_id"] == "ada"
    assert forged.refusal == (403, "forbidden")
    assert nobody.refusal == (401, "unauthenticated")
