"""CORS as the platform does it."""

import aiohttp
import pytest

from tests.unit.local_host_app import sample_app, serving

PAGE = "http://localhost:5173"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "content-type,x-user-id",
}


def _cors_headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    wanted = ("Access-Control-", "Vary")
    return {name: value for name, value in answer.headers.items() if name.startswith(wanted)}


async def test_a_preflight_is_answered_before_routing() -> None:
    async with serving(sample_app(), cors_origins=[f"{PAGE}/"]) as client:
        answer = await client.options("/api/text", headers=PREFLIGHT)

    assert answer.status == 204
    assert _cors_headers(answer) == {
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Allow-Methods": "PATCH",
        "Access-Control-Allow-Headers": "content-type,x-user-id",
        "Access-Control-Max-Age": "86400",
        "Vary": "Origin",
    }


async def test_a_preflight_from_elsewhere_is_allowed_nothing() -> None:
    async with serving(sample_app(), cors_origins=[PAGE]) as client:
        answer = await client.options("/api/text", headers=PREFLIGHT | {"Origin": "https://evil.example"})

    assert (answer.status, _cors_headers(answer)) == (204, {"Vary": "Origin"})


@pytest.mark.parametrize("path", ["/api/text", "/api/raises", "/api/nothing"])
async def test_every_answer_to_an_allowed_origin_says_so(path: str) -> None:
    async with serving(sample_app(), cors_origins=["https://other.example", PAGE]) as client:
        answer = await client.get(path, headers={"Origin": PAGE})

    assert _cors_headers(answer) == {"Access-Control-Allow-Origin": PAGE, "Vary": "Origin"}


async def test_a_star_allows_all_origins_and_no_credentials() -> None:
    async with serving(sample_app(), cors_origins=["*"]) as client:
        answer = await client.get("/api/text", headers={"Origin": PAGE})

    assert _cors_headers(answer) == {"Access-Control-Allow-Origin": "*"}


async def test_without_an_origin_nothing_is_allowed() -> None:
    async with serving(sample_app(), cors_origins=["*"]) as client:
        answer = await client.get("/api/text")

    assert _cors_headers(answer) == {}


async def test_options_that_is_no_preflight_is_routed() -> None:
    async with serving(sample_app(), cors_origins=[PAGE]) as client:
        answers = [await client.options(path, headers={"Origin": PAGE}) for path in ("/api/echo", "/api/text")]

    assert [answer.status for answer in answers] == [200, 404]


async def test_without_origins_a_preflight_is_a_wrong_method() -> None:
    async with serving(sample_app()) as client:
        answer = await client.options("/api/text", headers=PREFLIGHT)

    assert (answer.status, _cors_headers(answer)) == (404, {})
