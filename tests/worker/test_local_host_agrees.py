"""The local host beside Microsoft's runtime: the same bytes sent to both are answered alike."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
import pytest
import pytest_asyncio

from shared.local_host import build_web_app
from shared.local_host.index import HttpFunction, read_functions
from shared.settings import PROJECT_ROOT
from tests.builders import an_owner
from tests.http.client import Answer, Client, a_session, spoken
from tests.worker.host import WITHOUT_A_BODY, serving_web_app
from tests.worker.runtime import Runtime

SESSION: Final = "/api/chat/sessions/mine"
SESSIONS: Final = "/api/chat/sessions"
MESSAGES: Final = f"{SESSION}/messages"
JSON: Final = ("content-type: application/json",)
OWNED: Final = ("x-user-id: OWNER",)
FROM_THE_SERVER: Final = {"date", "server", "connection", "content-length"}
MADE_UP: Final = {  # what differs between two moments and two sessions
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z": "TIME",
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}": "SESSION",
    r'"id":"[0-9a-f]{20}"': '"id":"MESSAGE"',
    r"\b[0-9a-f]{32}\b": "REQUEST",
    r'^"[^"]+"$': "ETAG",
    r'"latency_ms":[\d.]+': "LATENCY",
    r'"next_cursor":"[^"]+"': "CURSOR",
}


@dataclass(frozen=True)
class Hosts:
    """The same functions behind the runtime and behind the local host, each with a client for a user of its own."""

    runtime: Client
    local: Client

    async def answers(self, request: bytes) -> list[tuple[int, Mapping[str, str], str]]:
        """Send the bytes to both and return what each has answered, but for what is made up for one answer."""
        return [comparable(await exchange(client, request), str(client.user)) for client in (self.runtime, self.local)]


@pytest_asyncio.fixture
async def hosts(runtime: Runtime, api: Client) -> AsyncIterator[Hosts]:
    """Serve the functions twice, with one session of three messages for either user."""
    host_json = json.loads((PROJECT_ROOT / "host.json").read_text("utf-8"))
    web_app = build_web_app(runtime.app_module.app, host_json=host_json)
    async with serving_web_app(web_app) as url, aiohttp.ClientSession() as http:
        both = Hosts(api, Client(http, url, an_owner()))
        for client in (both.runtime, both.local):
            await a_session(client, id="mine", session_name="a b+ü", tags=["a,b"])
            messages = [spoken(f"message {number}", id=f"m{number}") for number in range(3)]
            assert (await client.post(MESSAGES, {"messages": messages})).status == 201
        yield both


def request(method: str, target: str, *headers: str, body: bytes | None = None) -> bytes:
    """Return a request as it goes over the wire, with no header but these and what HTTP needs."""
    sized = () if body is None else (f"Content-Length: {len(body)}",)
    lines = [f"{method} {target} HTTP/1.1", "Host: parley.test", "Connection: close", *sized, *headers, "", ""]
    return "\r\n".join(lines).encode() + (body or b"")


async def exchange(client: Client, sent: bytes) -> Answer:
    """Send bytes for the client's user and return the one answer."""
    host, _, port = client.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent.replace(b"OWNER", str(client.user).encode()))
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), {name.lower(): value for name, value in headers.items()}, body)


def comparable(answer: Answer, owner: str) -> tuple[int, Mapping[str, str], str]:
    """Return status, headers and body, with a word in place of each value that is made up for one answer."""
    left_out = FROM_THE_SERVER | ({"content-type"} if answer.status in WITHOUT_A_BODY else set())
    headers = {name: masked(value, owner) for name, value in answer.headers.items() if name not in left_out}
    return answer.status, headers, masked(answer.body.decode("utf-8"), owner)


def masked(text: str, owner: str) -> str:
    text = text.replace(owner, "OWNER")
    for pattern, word in MADE_UP.items():
        text = re.sub(pattern, word, text)
    return text


ODD_REQUESTS = {
    "nobody": request("GET", SESSIONS),
    "an owner in the query": request("GET", f"{SESSIONS}?user_id=OWNER"),
    "one owner three times": request("GET", f"{SESSIONS}?user_id=OWNER&user_id=OWNER", *OWNED),
    "two owners in the query": request("GET", f"{SESSIONS}?user_id=OWNER&user_id=b"),
    "an owner in the body": request("POST", SESSIONS, *JSON, body=b'{"user_id": "OWNER"}'),
    "an owner in two headers": request("GET", SESSIONS, *OWNED, *OWNED),
    "an owner and an empty one": request("GET", f"{SESSIONS}?user_id=", "x-user-id:", *OWNED),
    "an owner that is empty": request("GET", SESSIONS, "x-user-id:"),
    "an owner beyond ASCII": request("GET", SESSIONS, "x-user-id: ünï"),
    "header names in capitals": request("GET", SESSION, "X-USER-ID: OWNER", "X-REQUEST-ID: mine"),
    "a header twice": request("GET", SESSION, *OWNED, 'if-none-match: "a"', "If-None-Match: *"),
    "a request id that is refused": request("GET", SESSION, *OWNED, "x-request-id: a b"),
    "a request id twice": request("GET", SESSION, *OWNED, "x-request-id: a", "x-request-id: b"),
    "an empty limit": request("GET", f"{SESSIONS}?limit=", *OWNED),
    "a limit without a value": request("GET", f"{SESSIONS}?limit", *OWNED),
    "two limits": request("GET", f"{SESSIONS}?limit=1&limit=2", *OWNED),
    "a limit in capitals": request("GET", f"{MESSAGES}?LIMIT=1", *OWNED),
    "a limit that is no number": request("GET", f"{SESSIONS}?limit=1,2", *OWNED),
    "a tag with a comma": request("GET", f"{SESSIONS}?tag=a%2Cb", *OWNED),
    "plus and percent": request("GET", f"{SESSIONS}?name=a+b%2B%C3%BC", *OWNED),
    "percent and nothing": request("GET", f"{SESSIONS}?name=%", *OWNED),
    "bytes that are no UTF-8": request("GET", f"{SESSIONS}?name=%FF", *OWNED),
    "a question mark and nothing": request("GET", f"{SESSIONS}?", *OWNED),
    "ampersands": request("GET", f"{SESSIONS}?&&=&name=&", *OWNED),
    "a hundred and one fields": request("GET", f"{SESSIONS}?" + "a&" * 101, *OWNED),
    "a broken cursor": request("GET", f"{SESSIONS}?cursor=abc", *OWNED),
    "an id in escapes": request("GET", f"{SESSIONS}/%6d%69ne", *OWNED),
    "an id in capitals": request("GET", f"{SESSIONS}/MINE", *OWNED),
    "an id with a slash": request("GET", f"{SESSIONS}/a%2Fb", *OWNED),
    "an id with a space": request("GET", f"{SESSIONS}/a%20b", *OWNED),
    "an id beyond ASCII": request("GET", f"{SESSIONS}/%E2%82%AC", *OWNED),
    "an id of many characters": request("GET", f"{SESSIONS}/{'x' * 2000}", *OWNED),
    "a route in capitals": request("GET", "/API/Chat/SESSIONS/mine", *OWNED),
    "a route in escapes": request("GET", "/api/%63hat/sessions/mine", *OWNED),
    "a slash at the end": request("GET", f"{SESSION}/", *OWNED),
    "dots": request("GET", "/api/./chat/../chat/%2e%2e/chat/sessions", *OWNED),
    "dots above the root": request("GET", "/../../api/chat/sessions", *OWNED),
    "a NUL in the path": request("GET", f"{SESSIONS}/a%00b", *OWNED),
    "a NUL before dots": request("GET", "/api/%00/../chat/sessions", *OWNED),
    "two slashes": request("GET", "/api/chat//sessions", *OWNED),
    "no such route": request("GET", "/api/chat/nothing", *OWNED),
    "no such method": request("PUT", SESSIONS, *OWNED),
    "OPTIONS": request("OPTIONS", SESSIONS, *OWNED),
    "HEAD of a list": request("HEAD", SESSIONS, *OWNED),
    "HEAD of the health": request("HEAD", "/api/health"),
    "health": request("GET", "/api/health"),
    "the page to read": request("GET", "/api/docs"),
    "the page with a slash": request("GET", "/api/docs/"),
    "a file of the page": request("GET", "/api/docs/..%2Ffunction_app.py"),
    "the document": request("GET", "/api/openapi.json", "accept-encoding: gzip"),
    "no body": request("POST", SESSIONS, *OWNED),
    "a body of nothing": request("POST", SESSIONS, *OWNED, *JSON, body=b""),
    "a body of blanks": request("POST", SESSIONS, *OWNED, body=b" \r\n"),
    "a body without a type": request("POST", SESSIONS, *OWNED, body=b"{}"),
    "a body of an empty type": request("POST", SESSIONS, *OWNED, "content-type:", body=b"{}"),
    "a body of another type": request("POST", SESSIONS, *OWNED, "content-type: text/plain", body=b"{}"),
    "a body of two types": request("POST", SESSIONS, *OWNED, *JSON, *JSON, body=b"{}"),
    "a form": request("POST", SESSIONS, *OWNED, "content-type: application/x-www-form-urlencoded", body=b"a=1&a=2"),
    "a body that is no UTF-8": request("POST", SESSIONS, *OWNED, *JSON, body=b'{"session_name": "\xff"}'),
    "a body of zeros": request("POST", SESSIONS, *OWNED, *JSON, body=b"\x00" * 10),
    "a body with a byte order mark": request("POST", SESSIONS, *OWNED, *JSON, body=b"\xef\xbb\xbf{}"),
    "a body said to be compressed": request("POST", SESSIONS, *OWNED, *JSON, "content-encoding: gzip", body=b"{}"),
    "a body that breaks a rule": request("POST", SESSIONS, *OWNED, *JSON, body=b'{"colour": "\xc3\xbc"}'),
    "a body that is too large": request("POST", SESSIONS, *OWNED, *JSON, body=b"x" * 2_097_153),
    "a body where none is asked for": request("GET", SESSION, *OWNED, *JSON, body=b"[]"),
    "a chunked body": request("POST", MESSAGES, *OWNED, *JSON, "transfer-encoding: chunked")
    + b'1b\r\n{"role":"user","content":1}\r\n0\r\n\r\n',
    "a repetition": request("POST", MESSAGES, *OWNED, *JSON, body=b'{"role":"user","content":"message 2","id":"m2"}'),
    "a conflict": request("POST", MESSAGES, *OWNED, *JSON, body=b'{"role":"user","content":"other","id":"m2"}'),
    "a session that exists": request("POST", SESSIONS, *OWNED, *JSON, body=b'{"id": "mine"}'),
    "a lost condition": request("PATCH", SESSION, *OWNED, *JSON, 'if-match: "a"', body=b"{}"),
    "a condition on several": request("PATCH", SESSION, *OWNED, *JSON, 'if-match: "a"', 'if-match: "b"', body=b"{}"),
    "nothing new": request("GET", SESSION, *OWNED, "if-none-match: *"),
    "a deletion": request("DELETE", SESSION, *OWNED),
    "emoji": request("POST", MESSAGES, *OWNED, *JSON, body='{"role": "user", "content": "😀 ü"}'.encode()),
}  # fmt: skip


@pytest.mark.parametrize("about", ODD_REQUESTS)
async def test_an_odd_request_is_answered_alike(hosts: Hosts, about: str) -> None:
    on_azure, locally = await hosts.answers(ODD_REQUESTS[about])

    assert locally == on_azure


async def test_every_route_is_answered_alike(hosts: Hosts, runtime: Runtime) -> None:
    functions = [one for one in read_functions(runtime.app_module.app) if isinstance(one, HttpFunction)]
    targets = {one.name: "/api/" + re.sub(r"\{\w+\}", "mine", one.route) for one in functions}
    differing = {}
    for function in functions:
        for method in function.methods or ():
            for body in (None, b"{}"):
                sent = request(method, targets[function.name], *OWNED, *JSON, body=body)
                on_azure, locally = await hosts.answers(sent)
                if on_azure != locally:
                    differing[method, function.route, body] = (on_azure, locally)

    assert differing == {}
