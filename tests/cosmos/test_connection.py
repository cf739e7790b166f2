"""The way to the account: through the proxy that the environment names, or past it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.errors import StoreUnavailableError
from shared.store.cosmos import CosmosStore

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
    server.close()


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
