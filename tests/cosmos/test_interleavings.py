"""Two to four clients on one session, interleaved, failing and dying at any store request, as a seed decides.

Every write is one step, after which the head is looked at and held against all that was true before it;
every answer must be one that some moment of its call allows. On instances whose replicas lag a read may be older,
but not than what the instance has seen, nor than the session token that its client hands on; a write may not.
`PARLEY_SCHEDULES=5000` runs more of them, `PARLEY_FIRST_SCHEDULE=1234` begins there.
"""

import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress

import aiohttp
import pytest
import pytest_asyncio

from shared.models import JsonObject
from shared.store.cosmos import errors, lifecycle, log, maintenance, rewinding
from shared.store.cosmos.errors import ItemMissingError, Outcome
from shared.store.cosmos.guards import Operation, all_of, log_unchanged_since
from shared.store.cosmos.head import Head
from shared.store.cosmos.pages import list_pages
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.session_tokens import SessionTokens
from tests.cosmos.schedule import Schedule, World
from tests.cosmos.truth import ViolationError
from tests.cosmos_server.launch import CosmosServer
from tests.tiers import slow_but

SCHEDULES = int(os.environ.get("PARLEY_SCHEDULES", "60"))
FIRST = int(os.environ.get("PARLEY_FIRST_SCHEDULE", "0"))
GROUPS = 4
ANY = "0:-1#0"  # the token of a state that every replica has reached


@pytest_asyncio.fixture
async def world(server: CosmosServer) -> AsyncIterator[World]:
    """Connect to the server, and begin with its time."""
    server.reset()
    async with aiohttp.ClientSession() as http:
        made = World(server, http)
        for instance in made.instances:
            await instance.connection.container()
        yield made
        for instance in made.instances:
            await instance.connection.close()


async def run(world: World, seed: int, *, lagging: bool = False) -> Schedule:
    schedule = Schedule(world, seed, lagging=lagging)
    try:
        await schedule.run()
    except ViolationError as violation:
        pytest.fail(f"schedule {seed}: {violation}")
    except Exception as error:
        error.add_note(f"in schedule {seed}")
        raise
    return schedule


@pytest.mark.parametrize("group", slow_but({str(group): group for group in range(GROUPS)}, "0"))
async def test_clients_interleaved_failing_and_dying_never_break_a_session(world: World, group: int) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        await run(world, seed)


@pytest.mark.parametrize("group", slow_but({str(group): group for group in range(GROUPS)}, "0"))
async def test_instances_on_replicas_that_lag_never_break_a_session_nor_show_less_than_a_token_tells(
    world: World, group: int
) -> None:
    for seed in range(FIRST + group, FIRST + SCHEDULES, GROUPS):
        await run(world, seed, lagging=True)


async def sweep_by_a_read(partition: Partition, session_id: str, _over: Collection[str] = ()) -> None:
    """Delete all pages but those that one read of the head names, by whatever replica."""
    listed = await list_pages(partition, session_id)
    living: Collection[str] = ()
    with suppress(ItemMissingError):
        read = partition._items.call(lambda items: items.read_item(session_id, partition.user_id, session_token=ANY))
        living = Head(await read).living_epochs
    for page in listed:
        if page["epoch"] not in living:
            with suppress(ItemMissingError):
                await partition.delete(page["id"])


def sweeps_by_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lifecycle, log, maintenance, rewinding):
        monkeypatch.setattr(module, "sweep", sweep_by_a_read)


def takes_1002_for_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(errors.OUTCOMES[404], 1002, Outcome(ItemMissingError))  # type: ignore[arg-type]


def ignores_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionTokens, "from_client", lambda _self, _sent: None)
    monkeypatch.setattr(SessionTokens, "after_batch", lambda _self, _user_id: None)


def guards_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def holds_what(head: Head) -> str:
        return all_of(log_unchanged_since(head), f"c.log.edits = {head.edits:d}")

    monkeypatch.setattr(log, "holds_just_what", holds_what)


async def create_then_patch(
    partition: Partition, document: JsonObject, item_id: str, operations: Sequence[Operation], where: str
) -> str:
    """Do in two requests what belongs into one."""
    await partition.create(document, no_response=True)
    etag: str = (await partition.patch(item_id, operations, where))["_etag"]
    return etag


def rotates_in_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Partition, "create_and_patch", create_then_patch)


async def run_all(world: World, seeds: Collection[int]) -> None:
    for seed in seeds:
        await Schedule(world, seed, lagging=True).run()


@pytest.mark.parametrize(
    ("mutate", "seeds"),
    [
        (sweeps_by_a_read, (48, 71, 74)),
        (takes_1002_for_missing, (3, 4, 9)),
        (ignores_tokens, (21, 28, 66)),
        (guards_no_count, (3, 5, 14)),
        (rotates_in_two_steps, (5, 16, 36)),
    ],
)
async def test_a_store_that_believes_what_it_reads_is_found_out(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    mutate: Callable[[pytest.MonkeyPatch], None],
    seeds: Collection[int],
) -> None:
    mutate(monkeypatch)

    with pytest.raises(ViolationError):
        await run_all(world, seeds)
