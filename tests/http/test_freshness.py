"""Session tokens over HTTP: a client carries what it was told elsewhere, and replicas lag."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.freshness import fresh_as
from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, fill
from tests.conftest import server_or_skip
from tests.cosmos_server.launch import CosmosServer
from tests.http.client import Client, refused_before_any_store_is_asked, spoken
from tests.http.conftest import Serve

SESSION = "/api/chat/sessions/s"


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    """Run a test server whose replicas lag as a test says."""
    with server_or_skip() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def there(server: CosmosServer) -> AsyncIterator[CosmosStore]:
    """Open the store of another instance."""
    opened = CosmosStore(server.endpoint, server.key, "fresh", "sessions", emulator=True)
    await opened.ping()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def here(server: CosmosServer, there: CosmosStore, serve: Serve) -> AsyncIterator[Client]:
    """Serve the functions on this instance, for a user with an empty session that every replica knows."""
    store = CosmosStore(server.endpoint, server.key, "fresh", "sessions", emulator=True)
    await store.ping()
    async with serve(store) as client:
        await there.create(a_session(str(client.user), id="s"))
        server.lag(replicas=1, writes=1_000, behind_token="move")
        yield client
        server.lag(replicas=0)
    await store.close()


async def test_with_the_token_of_an_answer_a_read_is_no_older(here: Client, there: CosmosStore) -> None:
    with fresh_as(None) as told:
        await there.append(str(here.user), "s", [a_message()])

    old = await here.get(SESSION)
    new = await here.get(SESSION, x_session_token=told.token or "")

    assert (old.json["message_count"], new.json["message_count"]) == (0, 1)
    assert new.headers["x-session-token"] == told.token


async def test_a_cursor_carries_its_own_token(here: Client, there: CosmosStore, server: CosmosServer) -> None:
    with fresh_as(None) as told:
        await fill(there, await there.get(str(here.user), "s"), 5)
    first = await here.get(f"{SESSION}/messages?limit=2", x_session_token=told.token or "")

    second = await here.get(f"{SESSION}/messages?cursor={first.json['next_cursor']}")

    assert [message["seq"] for message in second.json["data"]] == [3, 2, 1]


async def test_an_append_to_what_no_replica_knows_is_stored(here: Client, there: CosmosStore) -> None:
    await there.create(a_session(str(here.user), id="new"))

    appended = await here.post("/api/chat/sessions/new/messages", spoken())
    refused = await here.post("/api/chat/sessions/none/messages", spoken())

    assert appended.status == 201
    assert refused.refusal == (404, "session_not_found")


async def test_erasing_on_an_instance_that_has_seen_nothing_erases_everything(here: Client, there: CosmosStore) -> None:
    await there.create(a_session(str(here.user), id="new"))

    erased = await here.delete("/api/chat/data")

    assert erased.json == {"deleted": {"sessions": 2, "messages": 0}, "done": True}


async def test_a_link_and_a_fork_hold_what_was_acknowledged_elsewhere(here: Client, there: CosmosStore) -> None:
    await there.append(str(here.user), "s", [a_message()])
    await there.create(a_session(str(here.user), id="new"))

    link = await here.post(f"{SESSION}/share", {})
    fork = await here.post(f"{SESSION}/fork", {"after_seq": 1})
    others = [await here.post(f"/api/chat/sessions/new/{verb}", {}) for verb in ("share", "fork")]

    shown = await here.get(link.json["url"])
    assert (len(shown.json["messages"]), fork.json["message_count"]) == (1, 1)
    assert [answer.status for answer in others] == [201, 201]


@pytest.mark.parametrize("token", ["nonsense", "0:-1#99999999", "x" * 300, "\u00e9"])
async def test_a_token_that_means_nothing_is_ignored(here: Client, token: str) -> None:
    answer = await here.get(SESSION, x_session_token=token)

    assert answer.status == 200
    assert answer.headers["x-session-token"] != token


@refused_before_any_store_is_asked
async def test_sqlite_gives_out_no_token(api: Client, store: SessionStore) -> None:
    assert store
    created = await api.post("/api/chat/sessions", {}, x_session_token="anything")

    assert "x-session-token" not in created.headers
