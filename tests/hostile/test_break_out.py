"""No text reaches a query, a predicate or a path as anything but text: not through HTTP, not past it."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import pytest
import pytest_asyncio

from shared.store.cosmos import CosmosStore
from shared.store.cosmos.maintenance import NOBODY
from tests.builders import an_owner
from tests.conftest import server_or_skip
from tests.cosmos.proxy import Proxy, Request, running_proxy
from tests.hostile.app import serving
from tests.hostile.state import MINE, SESSIONS, Scene
from tests.hostile.verbs import PAYLOADS, VICTIM, Texts, attack, places
from tests.http.client import Client, a_session, spoken
from tests.tiers import Sample

pytestmark = pytest.mark.asyncio(loop_scope="module")
PATCHED = re.compile(r"(/[a-z_]+|/[0-9]+|/-)+")
LITERALS = re.compile(r"""'[a-z]+'|"[A-Za-z0-9_.:-]*"|"id":""")  # what Parley itself writes into SQL
MARK = "zq7x"  # at the end of every payload whose way is followed


def payloads_for(victim: str) -> list[str]:
    """Return the payloads that go for this user."""
    return [payload.replace(VICTIM, victim) for payload in PAYLOADS]


def rows_of(everything: Any, user: str) -> list[object]:
    """Return what of a store's whole content belongs to a user."""
    return [item for item in everything[0] if item.get("user_id") == user]


@pytest.mark.parametrize(("verb", "place"), places())
async def test_no_verb_of_a_store_reaches_another_user(
    scene: Scene, verb: str, place: str, sample: Sample[str]
) -> None:
    victim = str(scene.owner.user)
    before = rows_of(await scene.everything(), victim)
    assert before

    for payload in sample(payloads_for(victim)):
        if place == "user_id" and payload == victim:
            continue  # that is the victim
        _, outcome = await attack(scene.store, verb, place, an_owner(), payload)
        assert "secret" not in repr(outcome), payload

    assert rows_of(await scene.everything(), victim) == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy() -> AsyncIterator[Proxy]:
    """Stand between a store and a server of this module's own."""
    with server_or_skip() as server:
        async with running_proxy(server.endpoint) as running:
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(proxy: Proxy) -> AsyncIterator[CosmosStore]:
    """Open a store whose requests are written down."""
    store = CosmosStore(proxy.endpoint, "a2V5", "hostile", "watched", emulator=True)
    await store.ping()
    yield store
    await store.close()


@pytest.mark.parametrize(("verb", "place"), places())
async def test_text_stays_text_in_every_request_to_cosmos_db(
    watched: CosmosStore, proxy: Proxy, verb: str, place: str, sample: Sample[str]
) -> None:
    for payload in [f"{each}{MARK}" for each in sample(payloads_for(an_owner()))]:
        attacker = an_owner()
        await attack(watched, verb, place, attacker, "benign")
        proxy.calm()
        texts, outcome = await attack(watched, verb, place, attacker, payload)
        for request in proxy.requests:
            assert_harmless(request, texts, attacker)
        assert proxy.requests or isinstance(outcome, Exception)


def assert_harmless(request: Request, texts: Texts, attacker: str) -> None:
    """Hold a request against where it may go and what may stand in it."""
    partition = json.loads(request.headers.get("x-ms-documentdb-partitionkey", "[]"))
    assert partition in ([texts.user_id], [attacker]) or (request.kind == "query" and not partition), request
    assert_only_text_is_text(request)
    segments = request.target.partition("?")[0].strip("/").split("/")
    assert segments[:5] == ["dbs", "hostile", "colls", "watched", "docs"], request
    assert len(segments) == 5 or named(segments[5:], texts), request


def assert_only_text_is_text(request: Request) -> None:
    """Look for what was sent in all that a server would understand as more than text."""
    body = json.loads(request.body or b"{}")
    query = body["query"] if request.kind == "query" else ""
    outside = LITERALS.sub("", f"{body.get('condition', '')} {query}")
    assert not re.search(rf"{MARK}|[\"'\\\0\n]", outside), request
    for operation in body.get("operations", []):
        assert PATCHED.fullmatch(operation["path"]), operation


def named(rest: list[str], texts: Texts) -> bool:
    """Tell whether what is left of a path is the one session that was meant, or a page of it."""
    wanted = {texts.session_id, texts.new_id, "theirs", NOBODY}
    return len(rest) == 1 and unquote(rest[0]).partition("~")[0] in wanted


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_over_http_no_text_changes_what_is_asked(watched: CosmosStore, proxy: Proxy, payload: str) -> None:
    async with serving(watched) as url, aiohttp.ClientSession() as http:
        victim, client = (Client(http, url, an_owner()) for _ in range(2))
        await a_session(victim, id=MINE, session_name="secret", tags=["secret"])
        await a_session(client, id="theirs")
        proxy.calm()
        hostile = payload.replace(VICTIM, str(victim.user)) + MARK
        answers = [await client.send(*request) for request in requests_with(hostile)]

    assert {answer.status for answer in answers} <= {200, 201, 304, 400, 404, 409, 412, 422}
    assert not any(b"secret" in answer.body for answer in answers)
    for request in proxy.requests:
        assert json.loads(request.headers["x-ms-documentdb-partitionkey"]) == [client.user]
        assert_only_text_is_text(request)


def requests_with(payload: str) -> list[tuple[object, ...]]:
    """Return requests with a text in every place that takes one."""
    text, path = quote(payload, safe="", errors="surrogatepass"), f"{SESSIONS}/theirs"
    visible = payload if payload.isascii() and payload.isprintable() else "k"
    return [
        ("GET", f"{SESSIONS}?tag={text}"),
        ("GET", f"{SESSIONS}?name={text}&status=all"),
        ("GET", f"{SESSIONS}?channel={text}"),
        ("GET", f"{SESSIONS}?cursor={text}"),
        ("GET", f"{SESSIONS}/{text or 'x'}/stats"),
        ("GET", f"{path}/messages?cursor={text}"),
        ("GET", f"{path}/messages?role={text}"),
        ("GET", path, b"", {"if-none-match": f'"{visible}'}),
        ("PATCH", path, {"session_name": payload, "tags": [f"a{payload}"[:64]], "context": {payload: payload}}),
        ("PATCH", path, {"pinned": True}, {"if-match": f'"{visible}"'}),
        ("POST", f"{path}/messages", spoken(payload, name=payload, metadata={payload: payload})),
        ("POST", f"{path}/messages", spoken(id=payload)),
        ("POST", f"{path}/messages", {"messages": [spoken(payload)] * 7}),
        ("POST", f"{path}/messages", spoken(), {"idempotency-key": visible or "k"}),
        ("POST", "/api/chat/messages", spoken(session_id=payload)),
        ("POST", SESSIONS, {"id": payload}),
        ("POST", SESSIONS, {}, {"idempotency-key": visible or "k"}),
    ]
