"""Many instances on replicas that lag: what a read shows there may be old, and decides nothing."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.errors import (
    MessageNotFoundError,
    PreconditionFailedError,
    SessionExistsError,
    SessionNotFoundError,
    StoreUnavailableError,
)
from shared.freshness import Freshness, fresh_as
from shared.models import SessionChanges, SessionFilter
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.partition import READ_TRIES
from tests.builders import a_message, a_session, all_messages, an_owner
from tests.cosmos.test_documents import LONG, grown
from tests.cosmos_server.launch import CosmosServer

FAR_BEHIND = 1_000  # writes


@pytest_asyncio.fixture
async def instances(server: CosmosServer) -> AsyncIterator[tuple[CosmosStore, CosmosStore]]:
    """Open the store twice, as two instances of the app do, and let replicas lag from when a test says so."""
    here, there = (CosmosStore(server.endpoint, server.key, "many", "sessions", emulator=True) for _ in range(2))
    for store in (here, there):
        await store.ping()
    yield here, there
    server.lag(replicas=0)
    for store in (here, there):
        await store.close()


@pytest.fixture
def here(instances: tuple[CosmosStore, CosmosStore]) -> CosmosStore:
    """Return the instance that a test is about."""
    return instances[0]


@pytest.fixture
def there(instances: tuple[CosmosStore, CosmosStore]) -> CosmosStore:
    """Return the instance on which others act."""
    return instances[1]


def lag(server: CosmosServer, behind_token: str = "refuse") -> None:
    """Let every read be of what is there now, however much is written after this."""
    server.lag(replicas=1, writes=FAR_BEHIND, behind_token=behind_token)  # type: ignore[arg-type]


async def test_a_deep_rewind_keeps_its_pages_when_a_replica_does_not_know_the_session(
    server: CosmosServer, here: CosmosStore, owner: str
) -> None:
    session = await grown(here, owner)
    server.fail_next(404, 1002, on="read", item=session.id, skip=1, times=1)

    await here.rewind(owner, session.id, 25)

    assert [message.seq for message in await all_messages(here, session)] == list(range(1, 26))


@pytest.mark.parametrize("verb", ["clear", "rewind", "delete", "maintain"])
async def test_no_living_page_is_swept_beside_another_instance(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str, verb: str
) -> None:
    session = await grown(here, owner)
    lag(server, "move")
    await there.clear(owner, session.id)
    for _ in range(30):
        await there.append(owner, session.id, [a_message(persona=LONG)])

    if verb == "clear":
        await here.clear(owner, session.id)
        server.lag(replicas=0)
        assert await all_messages(here, session) == []
        return
    if verb == "delete":
        await here.delete(owner, session.id)
        server.lag(replicas=0)
        with pytest.raises(SessionNotFoundError):
            await here.get(owner, session.id)
        return
    await (here.rewind(owner, session.id, 65) if verb == "rewind" else here.maintain(10))

    server.lag(replicas=0)
    kept = range(41, 66) if verb == "rewind" else range(41, 71)
    assert [message.seq for message in await all_messages(here, session)] == list(kept)


async def test_erasing_erases_what_no_replica_knows_yet(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    lag(server, "move")
    session = await there.create(a_session(owner))

    erased = await here.erase(owner, 10)

    assert (erased.sessions, erased.done) == (1, True)
    with pytest.raises(SessionNotFoundError):
        await there.get(owner, session.id)


async def test_a_session_made_elsewhere_is_written_to_though_no_replica_knows_it(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    lag(server, "move")
    session = await there.create(a_session(owner))

    await here.append(owner, session.id, [a_message(id=f"m{number}") for number in range(9)])
    await here.edit_message(owner, session.id, "m1", lambda message: message)
    await here.update(owner, session.id, SessionChanges(is_active=False))
    await here.clear(owner, session.id)
    await here.rewind(owner, session.id, 3)
    await here.delete(owner, session.id)

    with pytest.raises(SessionNotFoundError):
        await there.get(owner, session.id)


async def test_a_message_stored_elsewhere_can_be_edited_at_once(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await there.create(a_session(owner))
    lag(server, "move")
    await there.append(owner, session.id, [a_message(id="new")])

    edited = await here.edit_message(owner, session.id, "new", lambda message: message.model_copy(update={"name": "n"}))

    assert edited.message.name == "n"
    with pytest.raises(MessageNotFoundError):
        await here.edit_message(owner, session.id, "never", lambda message: message)


async def test_where_pages_are_gone_since_a_write_what_is_there_now_is_read(
    here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await grown(here, owner)
    etag = (await here.append(owner, session.id, [a_message("before")])).etag
    await there.clear(owner, session.id)
    after = a_message("after")
    await there.append(owner, session.id, [after])

    found, page = await here.read(owner, session.id, 100, as_of=etag)

    assert [message.id for message in page.messages] == [after.id]
    assert found.message_count == 1


async def test_what_happened_elsewhere_is_no_reason_to_do_nothing(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await there.create(a_session(owner), [a_message()])
    await there.update(owner, session.id, SessionChanges(is_active=False))
    lag(server, "move")
    await there.update(owner, session.id, SessionChanges(is_active=True))
    await there.append(owner, session.id, [a_message()])

    await here.rewind(owner, session.id, 1)
    archived = await here.update(owner, session.id, SessionChanges(is_active=False))

    assert (archived.status, archived.message_count) == ("archived", 1)
    server.lag(replicas=0)
    assert (await there.get(owner, session.id)).status == "archived"


async def test_an_etag_given_out_elsewhere_is_the_etag(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await there.create(a_session(owner))
    lag(server, "move")
    newest = await there.update(owner, session.id, SessionChanges(session_name="new"))

    with pytest.raises(PreconditionFailedError):
        await here.delete(owner, session.id, session.etag)
    changed = await here.update(owner, session.id, SessionChanges(pinned=True), newest.etag)

    assert (changed.session_name, changed.pinned) == ("new", True)


async def test_an_id_is_free_when_a_write_says_so(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await there.create(a_session(owner))
    lag(server, "move")
    await there.delete(owner, session.id)

    again = await here.create(a_session(owner, id=session.id))

    assert again.id == session.id
    with pytest.raises(SessionExistsError):
        await there.create(a_session(owner, id=session.id))


async def test_a_token_leads_to_the_state_it_is_of(
    server: CosmosServer, here: CosmosStore, there: CosmosStore, owner: str
) -> None:
    session = await there.create(a_session(owner))
    lag(server, "move")
    with fresh_as(None) as seen:
        await there.append(owner, session.id, [a_message(id="new")])

    old = await here.get(owner, session.id)
    with fresh_as(seen.token):
        new = await here.get(owner, session.id)
        listed = await here.list_sessions(owner, SessionFilter(), 10)

    assert (old.message_count, new.message_count, listed.sessions[0].message_count) == (0, 1, 1)


@pytest.mark.parametrize(
    "forged", ["0:-1#999999999999", "7:-1#999999999999", "9999999999:-1#1#7=1", "0:-1#1", "nonsense", "x" * 300]
)
async def test_a_forged_token_is_a_hint_that_means_nothing(
    server: CosmosServer, here: CosmosStore, owner: str, forged: str
) -> None:
    session = await here.create(a_session(owner))
    lag(server, "move")
    hint = here._items.tokens.for_client(forged)

    with fresh_as(hint) as seen:
        found = await here.get(owner, session.id)
    others = await here.create(a_session(an_owner()))

    assert found.id == session.id
    assert seen.token not in {None, hint}
    assert (await here.get(others.user_id, others.id)).id == others.id


async def test_a_token_of_another_container_costs_no_read(server: CosmosServer, here: CosmosStore, owner: str) -> None:
    session = await here.create(a_session(owner))
    other = CosmosStore(server.endpoint, server.key, "many", "others", emulator=True)
    lag(server)

    with fresh_as(other._items.tokens.for_client("0:-1#999999999999")):
        found = await here.get(owner, session.id)

    assert found.id == session.id
    await other.close()


async def test_a_read_behind_its_token_is_tried_again_and_then_no_answer(
    server: CosmosServer, here: CosmosStore, owner: str
) -> None:
    session = await here.create(a_session(owner))
    server.fail_next(404, 1002, on="read", item=session.id, times=1)

    assert (await here.get(owner, session.id)).id == session.id

    server.fail_next(404, 1002, on="read", item=session.id, times=READ_TRIES)
    with pytest.raises(StoreUnavailableError):
        await here.get(owner, session.id)


async def test_every_answer_moves_the_token_on_refusals_too(here: CosmosStore, owner: str) -> None:
    session, message = await here.create(a_session(owner)), a_message()

    def token_after(freshness: Freshness) -> int:
        assert freshness.token
        return int(freshness.token.rpartition("#")[2])

    with fresh_as(None) as first:
        await here.append(owner, session.id, [message])
    with fresh_as(first.token) as second:
        await here.update(owner, session.id, SessionChanges(is_active=False))
    with fresh_as(second.token) as third:
        await here.append(owner, session.id, [message])  # a full repeat, by a refusal and a read

    assert token_after(first) < token_after(second) <= token_after(third)


@pytest.mark.parametrize("verb", ["clear", "delete", "rewind"])
async def test_what_is_done_is_answered_so_though_tidying_up_cannot_be(
    server: CosmosServer, here: CosmosStore, owner: str, verb: str
) -> None:
    session = await grown(here, owner)
    act = {
        "clear": lambda: here.clear(owner, session.id),
        "delete": lambda: here.delete(owner, session.id),
        "rewind": lambda: here.rewind(owner, session.id, 15),
    }
    server.fail_next(404, 1002, on="query", times=READ_TRIES, skip=int(verb == "rewind"))

    await act[verb]()

    if verb == "delete":
        with pytest.raises(SessionNotFoundError):
            await here.get(owner, session.id)
        return
    left = await here.get(owner, session.id)
    assert left.message_count == {"clear": 0, "rewind": 15}[verb]
