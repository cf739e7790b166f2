"""The way to the account: through the proxy that the environment names or past it, and what is kept of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

import pytest
import pytest_asyncio

from shared.errors import StoreUnavailableError
from shared.models import SessionChanges
from shared.store.cosmos import CosmosStore
from tests.builders import a_message, a_session, an_owner
from tests.cosmos.proxy import Proxy, drops_answer, drops_request, resets
from tests.listening import close_listener

ACCOUNT = "http://account.example:8081"  # nothing is there; only who is asked for it matters
KEY = "a2V5"


class Asked:
    """A server that writes down the first line of each request and answers nothing of use."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.lines: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request's first line and refuse it."""
        self.lines.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest_asyncio.fixture
async def address(asked: Asked) -> AsyncIterator[str]:
    """Run that server on a free loopback port."""
    server = await asyncio.start_server(asked.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    await close_listener(server)


async def refused(endpoint: str) -> None:
    """Ask the account there for anything, in vain."""
    store = CosmosStore(endpoint, KEY, "parley", "sessions", emulator=True)
    try:
        with pytest.raises(StoreUnavailableError):
            await store.ping()
    finally:
        await store.close()


async def test_requests_take_the_proxy_that_the_environment_names(
    asked: Asked, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    await refused(ACCOUNT)

    assert {line.split(" ")[1].removesuffix("/") for line in asked.lines} >= {ACCOUNT}


async def test_a_proxy_of_another_scheme_is_left_alone(
    asked: Asked, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    await refused(ACCOUNT.replace("http://", "https://"))

    assert asked.lines == []


async def test_an_account_that_needs_no_proxy_is_asked_itself(
    asked: Asked, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    await refused(address)

    assert {line.split(" ")[1] for line in asked.lines} >= {"/"}


async def test_passwords_of_other_programs_are_not_sent(
    asked: Asked, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    secrets = tmp_path / "netrc"
    secrets.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(secrets))

    await refused(address)

    assert asked.lines


# What is kept


@pytest.fixture
def store(behind_proxy: CosmosStore) -> CosmosStore:
    return behind_proxy


async def connections_opened(proxy: Proxy, store: CosmosStore, rest: Callable[[], Awaitable[None]]) -> int:
    """Count the connections that a request after a rest opens."""
    session = await store.create(a_session(an_owner()))
    before = proxy.connections
    await rest()
    await store.append(session.user_id, session.id, [a_message()])
    return proxy.connections - before


async def test_a_minute_later_the_connection_is_still_used(
    proxy: Proxy, store: CosmosStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_minute_passes() -> None:
        monkeypatch.setattr("aiohttp.connector.monotonic", lambda: monotonic() + 61)

    assert await connections_opened(proxy, store, a_minute_passes) == 0


@pytest.mark.slow
async def test_after_twenty_seconds_of_rest_the_connection_is_still_used(proxy: Proxy, store: CosmosStore) -> None:
    assert await connections_opened(proxy, store, lambda: asyncio.sleep(20)) == 0


async def test_a_connection_that_the_service_closed_meanwhile_is_made_anew(proxy: Proxy, store: CosmosStore) -> None:
    async def the_service_closes() -> None:
        await proxy.stop()
        await proxy.start()

    assert await connections_opened(proxy, store, the_service_closes) == 1


@pytest.mark.parametrize("goes", [drops_request, resets, drops_answer])
async def test_a_kept_connection_that_ends_as_it_is_used_loses_and_doubles_nothing(
    proxy: Proxy, store: CosmosStore, goes: Callable[..., Awaitable[None]]
) -> None:
    session = await store.create(a_session(an_owner()))
    message = a_message()

    proxy.on("any", goes)
    appended = await store.append(session.user_id, session.id, [message])
    proxy.on("any", goes)
    _, page = await store.read(session.user_id, session.id, 10)

    assert appended.created
    assert [found.id for found in page.messages] == [message.id]


async def test_a_replacement_whose_answer_is_lost_is_not_sent_again_unseen(proxy: Proxy, store: CosmosStore) -> None:
    made = await store.create(a_session(an_owner()))
    session = await store.update(made.user_id, made.id, SessionChanges(is_active=False))
    everything = SessionChanges(  # more than a Patch may hold
        session_name="new", context={"a": 1}, tags=["b"], pinned=True, ttl_seconds=9000, is_active=True
    )

    lost = proxy.on("replace", drops_answer)
    changed = await store.update(session.user_id, session.id, everything, session.etag)

    assert lost.met == 1
    assert changed.session_name == "new"
