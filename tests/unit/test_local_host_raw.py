"""Requests no client library would send, over a plain socket."""

import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.unit.local_host_app import get_raw, sample_app, send_raw, serving

CHUNKED = "POST /api/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(sample_app()) as session:
        yield session


async def test_an_encoded_slash_does_not_split_a_segment_and_stays_encoded(client: aiohttp.ClientSession) -> None:
    status, body = await get_raw(client, "/api/echo/a%2Fb%20c%252F")

    assert (status, json.loads(body)["route_params"]) == (200, {"id": "a%2Fb c%2F"})


async def test_bytes_that_are_no_text_stay_encoded_in_a_parameter(client: aiohttp.ClientSession) -> None:
    _, body = await get_raw(client, "/api/echo/%FF%C3%BC")

    assert json.loads(body)["route_params"] == {"id": "%FFü"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("//", 404),
        ("//api/text", 404),
        ("/api//text", 404),
        ("/api/text//", 404),
        ("/api/text/..", 404),
        ("/../../etc/passwd", 404),
        ("/api/echo/../../text", 404),
        ("/api/echo/../text", 200),
        ("/api/echo/%2e%2e/text", 200),
        ("/api/echo/%0A%0d", 200),
        ("/api/echo/a\\..\\b", 200),
        ("/api/echo?%00=%00", 200),
        ("/api/echo?%FF=%ZZ&&=&?=%", 200),
        ("/api/echo/%00", 400),
        ("/%00", 400),
        ("/api/echo/\u00fc", 400),
        ("*", 400),
        ("api/text", 400),
        ("http://elsewhere.test/api/text", 200),
        ("http://elsewhere.test?q", 200),
        ("http://", 400),
        ("http://[::1/api/text", 400),
        ("http://a:b:c/api/text", 400),
        ("/admin/functions/%2e%2e", 404),
        ("/admin/functions/%00", 400),
        ("/api/" + "x/" * 3000, 404),
    ],
)
async def test_an_odd_target_is_answered_and_never_a_traceback(
    client: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, target: str, status: int
) -> None:
    with caplog.at_level(logging.WARNING):
        answered, _ = await get_raw(client, target)

    assert (answered, [record.getMessage() for record in caplog.records]) == (status, [])


async def test_the_url_is_whole_and_its_query_as_it_was_sent(client: aiohttp.ClientSession) -> None:
    _, body = await get_raw(client, "/api/echo/a%20b?q=1&q=%2f&e=")

    assert json.loads(body)["url"] == "http://parley.test/api/echo/a%20b?q=1&q=%2f&e="


async def test_headers_repeated_in_another_case_are_joined(client: aiohttp.ClientSession) -> None:
    _, body = await get_raw(client, "/api/echo", "X-Many: a", "x-many: b")

    assert json.loads(body)["headers"]["x-many"] == "a,b"


async def test_the_url_of_an_absolute_target_has_the_host_of_the_target(client: aiohttp.ClientSession) -> None:
    _, body = await get_raw(client, "http://elsewhere.test/api/echo?q=1")

    assert json.loads(body)["url"] == "http://elsewhere.test/api/echo?q=1"


async def test_a_chunked_body_arrives_empty(client: aiohttp.ClientSession) -> None:
    status, body = await send_raw(client, f"{CHUNKED}2\r\n{{}}\r\n0\r\n\r\n")

    assert (status, json.loads(body)["body"]) == (200, "")


async def test_the_coding_of_a_chunked_body_is_handed_on(client: aiohttp.ClientSession) -> None:
    _, body = await send_raw(client, f"{CHUNKED}2\r\n{{}}\r\n0\r\n\r\n")

    assert json.loads(body)["headers"]["transfer-encoding"] == "chunked"


async def test_a_broken_chunked_body_is_400(client: aiohttp.ClientSession) -> None:
    status, _ = await send_raw(client, f"{CHUNKED}nope\r\n\r\n")

    assert status == 400


async def test_a_body_over_100_mb_is_413_before_it_is_read(client: aiohttp.ClientSession) -> None:
    status, body = await send_raw(
        client, "POST /api/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 104857601\r\n\r\n"
    )

    assert (status, body) == (413, b"")


async def test_a_header_that_is_no_text_is_400(client: aiohttp.ClientSession) -> None:
    status, body = await send_raw(
        client, b"GET /api/text HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-User-Id: \xff\r\n\r\n"
    )

    assert (status, body) == (400, b"")


async def test_a_200_to_head_sends_no_body_bytes(client: aiohttp.ClientSession) -> None:
    status, body = await send_raw(client, "HEAD /api/status/200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert (status, body) == (200, b"")
