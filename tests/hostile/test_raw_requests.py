"""Requests that no client library would send: refused, answered in peace, and the host goes on."""

import asyncio
import re

import pytest
from yarl import URL

from tests.hostile.requests import INTERNAL
from tests.hostile.state import MINE, SESSIONS, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEAD = f"GET {SESSIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
POST = f"POST {SESSIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\ncontent-type: application/json\r\n"
REFUSED = {
    "a newline in x-request-id": f"{HEAD}x-user-id: %s\r\nx-request-id: a\nSet-Cookie: b=c\r\n\r\n",
    "a return in x-request-id": f"{HEAD}x-user-id: %s\r\nx-request-id: a\rSet-Cookie: b=c\r\n\r\n",
    "a folded x-user-id": f"{HEAD}x-user-id: %s\r\n other\r\n\r\n",
    "U+0000 in x-user-id": f"{HEAD}x-user-id: %s\0\r\n\r\n",
    "two x-user-id": f"{HEAD}x-user-id: %s\r\nX-User-Id: other/\r\n\r\n",
    "a control character in x-user-id": f"{HEAD}x-user-id: %s\x01\r\n\r\n",
    "a header of 100 KB": f"{HEAD}x-user-id: %s\r\nx-request-id: {'x' * 100_000}\r\n\r\n",
    "an owner of 100 KB": f"{HEAD}x-user-id: {'x' * 100_000}\r\n\r\n",
    "a space before the colon": f"{HEAD}x-user-id : %s\r\n\r\n",
    "a header without a colon": f"{HEAD}x-user-id: %s\r\nnonsense\r\n\r\n",
    "a target of 100 KB": f"GET {SESSIONS}?name={'x' * 100_000} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "no HTTP version": f"GET {SESSIONS}\r\n\r\n",
    "another protocol": f"GET {SESSIONS} HTCPCP/1.0\r\nHost: x\r\n\r\n",
    "a method with a slash": f"G/T {SESSIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "noise": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "two lengths": f"{POST}x-user-id: %s\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
    "a length and chunks": f"{POST}x-user-id: %s\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": f"{POST}x-user-id: %s\r\nContent-Length: -2\r\n\r\n{{}}",
    "a length that is none": f"{POST}x-user-id: %s\r\nContent-Length: 0x2\r\n\r\n{{}}",
    "a chunk that is none": f"{POST}x-user-id: %s\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n\r\n",
    "101 MB announced": f"{POST}x-user-id: %s\r\nContent-Length: 105906176\r\n\r\n",
}


async def exchange(scene: Scene, request: str) -> tuple[int, bytes]:
    """Send characters as bytes and return the status and everything that came back."""
    url = URL(scene.owner.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request.replace("%s", str(scene.owner.user)).encode("latin-1"))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return int(answer.split()[1]), answer


@pytest.mark.parametrize("name", REFUSED)
async def test_it_is_refused_and_nothing_is_stored(scene: Scene, name: str) -> None:
    before = await scene.everything()

    status, answer = await exchange(scene, REFUSED[name])

    assert status in {400, 404, 413, 414, 431}, answer
    assert not re.search(rb"^set-cookie", answer, re.IGNORECASE | re.MULTILINE)
    assert not INTERNAL.search(answer), answer
    assert await scene.everything() == before


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
async def test_a_header_does_not_make_another_method_of_it(scene: Scene, name: str) -> None:
    before = await scene.everything()
    target = f"{SESSIONS}/{MINE}?_method=DELETE"

    status, _ = await exchange(
        scene, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-user-id: %s\r\n{name}: DELETE\r\n\r\n"
    )

    assert status == 200
    assert await scene.everything() == before


async def test_a_method_in_lower_case_is_another_method(scene: Scene) -> None:
    before = await scene.everything()

    request = f"delete {SESSIONS}/{MINE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-user-id: %s\r\n\r\n"
    status, _ = await exchange(scene, request)

    assert status in {400, 404}
    assert await scene.everything() == before


async def test_a_second_request_cannot_hide_in_the_first(scene: Scene) -> None:
    before = await scene.everything()
    hidden = f"DELETE {SESSIONS}/{MINE} HTTP/1.1\r\nHost: x\r\nx-user-id: %s\r\n\r\n"
    body = f"0\r\n\r\n{hidden}"

    for headers in (
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
    ):
        status, answer = await exchange(scene, f"{POST}x-user-id: %s\r\n{headers}\r\n\r\n{body}")
        assert status == 400, answer
        assert answer.count(b"HTTP/1.") == 1

    assert await scene.everything() == before
