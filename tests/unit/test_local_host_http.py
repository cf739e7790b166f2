"""What a client and a function see of each other through the local host."""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import azure.functions as func
import pytest

from shared.local_host import HostError, build_web_app
from tests.unit.local_host_app import HOST_JSON, sample_app, serving


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(sample_app()) as session:
        yield session


async def _seen(client: aiohttp.ClientSession, path: str, **options: Any) -> Any:
    async with client.request(options.pop("method", "GET"), path, **options) as response:
        assert response.status == 200
        return await response.json()


async def test_routes_live_under_the_prefix_of_host_json(client: aiohttp.ClientSession) -> None:
    async with serving(sample_app(), host_json={"extensions": {"http": {"routePrefix": "v1/chat"}}}) as other:
        answers = [await other.get("/v1/chat/text"), await other.get("/api/text"), await client.get("/api/text")]

    assert [answer.status for answer in answers] == [200, 404, 200]


async def test_the_prefix_is_api_when_host_json_names_none() -> None:
    async with serving(sample_app(), host_json={}) as client:
        answer = await client.get("/api/text")

        assert answer.status == 200


@pytest.mark.parametrize("path", ["/api/TEXT", "/API/text/", "/api/Text/"])
async def test_literals_match_in_any_case_and_with_one_trailing_slash(client: aiohttp.ClientSession, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status, await answer.text()) == (200, "grüße")


@pytest.mark.parametrize("path", ["/api/nothing", "/nothing", "/api", "/api/text/more", "/admin", "/admin/host/status"])
async def test_an_unknown_route_is_404_without_a_body(client: aiohttp.ClientSession, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status, await answer.read(), answer.headers.get("Content-Type")) == (404, b"", None)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_a_wrong_method_is_404_without_a_body(client: aiohttp.ClientSession, method: str) -> None:
    answer = await client.request(method, "/api/text")

    assert (answer.status, await answer.read()) == (404, b"")


async def test_route_parameters_are_strings_also_within_a_segment(client: aiohttp.ClientSession) -> None:
    seen = await _seen(client, "/api/get-scene-writer-chat/007")

    assert seen["route_params"] == {"channel": "scene-writer", "id": "007"}


async def test_repeated_query_values_are_joined_and_empty_ones_dropped(client: aiohttp.ClientSession) -> None:
    seen = await _seen(client, "/api/echo?q=1&Q=2&e=&flag&plus=a+b&enc=%C3%BC%26&bad=%FF&q=")

    assert seen["params"] == {"q": "1,2", "plus": "a b", "enc": "ü&", "bad": "%FF"}


async def test_repeated_request_headers_are_joined_and_empty_ones_kept(client: aiohttp.ClientSession) -> None:
    seen = await _seen(client, "/api/echo", headers=[("X-Many", "a"), ("X-Many", "b"), ("X-Empty", "")])

    assert seen["headers"]["x-many"] == "a,b"
    assert seen["headers"]["x-empty"] == ""


async def test_a_body_arrives_as_it_was_sent_compressed_or_not(client: aiohttp.ClientSession) -> None:
    seen = await _seen(client, "/api/echo", method="POST", data=b"\x1f\x8b{}", headers={"Content-Encoding": "gzip"})

    assert seen["body"].encode("latin-1") == b"\x1f\x8b{}"


async def test_a_chunked_body_arrives_empty_and_the_connection_stays_usable(client: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"content": '
        yield b'"lost"}'

    bodies = [(await _seen(client, "/api/echo", method="POST", data=data))["body"] for data in (chunks(), b"kept")]

    assert bodies == ["", "kept"]


@pytest.mark.parametrize("path", ["raises", "returns-dict", "returns-none", "odd-header", "status/teapot"])
async def test_a_function_that_fails_is_a_500_without_a_body_and_a_logged_traceback(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.ERROR, "shared.local_host"):
        answer = await client.get(f"/api/{path}")

    assert (answer.status, await answer.read()) == (500, b"")
    assert [record.exc_info is not None for record in caplog.records] == [True]


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("text", "text/plain; charset=utf-8", "grüße".encode()),
        ("json", "application/json", b"{}"),
        ("latin", "text/html; charset=latin-1", b"\xfc"),
        ("headed", "text/csv", b"ok"),
    ],
)
async def test_the_content_type_is_the_response_s_own(
    client: aiohttp.ClientSession, path: str, content_type: str, body: bytes
) -> None:
    answer = await client.get(f"/api/{path}")

    assert (answer.headers["Content-Type"], await answer.read()) == (content_type, body)


async def test_repeated_response_headers_collapse_to_the_last(client: aiohttp.ClientSession) -> None:
    answer = await client.get("/api/headed")

    assert answer.headers.getall("X-Twice") == ["2"]


async def test_head_answers_without_a_body(client: aiohttp.ClientSession) -> None:
    answer = await client.head("/api/status/200")

    assert (answer.status, answer.headers["ETag"], await answer.read()) == (200, '"1"', b"")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_may_have_no_body_has_none_and_no_content_type(
    client: aiohttp.ClientSession, status: int
) -> None:
    answer = await client.get(f"/api/status/{status}")

    assert (answer.status, answer.headers["ETag"], await answer.read()) == (status, '"1"', b"")
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/api/text", "/api/nothing", "/admin/functions"])
async def test_every_answer_names_the_local_host_as_its_server(client: aiohttp.ClientSession, path: str) -> None:
    answer = await client.get(path)

    assert answer.headers["Server"] == "Parley local host"


async def test_the_root_says_where_one_is(client: aiohttp.ClientSession) -> None:
    answer = await client.get("/")

    assert (answer.status, "local host" in await answer.text()) == (200, True)


async def test_admin_lists_every_function(client: aiohttp.ClientSession) -> None:
    functions = {entry["name"]: entry for entry in await _seen(client, "/admin/functions")}

    assert len(functions) == len(sample_app().get_functions())
    assert functions["text"] == {"name": "text", "trigger": "httpTrigger", "route": "text", "methods": ["GET"]}


async def test_admin_shows_one_function_or_404(client: aiohttp.ClientSession) -> None:
    shown, missing = await client.get("/admin/functions/TEXT"), await client.get("/admin/functions/nope")

    assert ((await shown.json())["name"], missing.status) == ("text", 404)


async def test_an_http_function_cannot_be_fired_by_hand(client: aiohttp.ClientSession) -> None:
    answer = await client.post("/admin/functions/text", json={})

    assert answer.status == 404


def test_one_app_can_be_served_more_than_once() -> None:
    app = sample_app()

    first, second = build_web_app(app, host_json={}), build_web_app(app, host_json={})

    assert first is not second


def _declaring(call: Any, *routes: str, methods: Sequence[str] = ("GET",)) -> func.FunctionApp:
    app = func.FunctionApp()
    for route in routes:
        app.function_name("broken")(app.route(route, methods=methods)(call))
    return app


async def _fine(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


async def _with_another_parameter(req: func.HttpRequest, user: str) -> func.HttpResponse:
    return func.HttpResponse(user)


async def _with_another_name(request: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


def _blocking(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()


@pytest.mark.parametrize(
    ("app", "complaint"),
    [
        (_declaring(_with_another_parameter, "a"), "'broken' must be `async def` with the one parameter 'req'"),
        (_declaring(_with_another_name, "a"), "'broken' must be `async def` with the one parameter 'req'"),
        (_declaring(_blocking, "a"), "'broken' must be `async def`"),
        (_declaring(_fine, "a", methods=()), "'broken' must say its route and its methods"),
        (_declaring(_fine, ""), "'broken' must say its route and its methods"),
        (_declaring(_fine, "a/{id"), "'broken': cannot read the route 'api/a/{id'"),
        (_declaring(_fine, "a", "b"), "unique"),
    ],
)
def test_an_app_that_cannot_be_served_does_not_start(app: func.FunctionApp, complaint: str) -> None:
    with pytest.raises(HostError) as refusal:
        build_web_app(app, host_json=HOST_JSON)

    assert complaint in str(refusal.value)


def test_a_binding_that_is_not_served_is_named() -> None:
    app = func.FunctionApp()

    @app.queue_trigger(arg_name="message", queue_name="q", connection="C")
    def from_queue(message: func.QueueMessage) -> None: ...

    with pytest.raises(HostError, match="queueTrigger"):
        build_web_app(app, host_json={})
