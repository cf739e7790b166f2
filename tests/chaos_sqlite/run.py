"""One run: clients at work, servers killed and started again, and everything that is wrong afterwards."""

import asyncio
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos.history import Contents, History, Violation
from tests.chaos_sqlite.clients import SESSIONS, Client, World
from tests.chaos_sqlite.data_file import check_data_file, last_seqs
from tests.chaos_sqlite.network import Network, UnansweredError
from tests.chaos_sqlite.servers import Server, data_file, running

CLIENTS = 8
KEPT_SESSIONS = 3
KILLS = 6
ALL_AT_ONCE = 0.15  # of the kills meet both servers, so that the file is recovered by whoever comes first
WRITE_SECONDS = 0.01  # about what a write takes: the moment of the kill lies anywhere in one
KILLED_AT_START = 0.15  # of the killed servers are killed again while they start
PAUSE_SECONDS = 0.01  # of a client between two things it does, at most


@dataclass
class Outcome:
    """What happened in one run."""

    seed: str
    acknowledged: int = 0
    unanswered: int = 0
    unanswered_stored: int = 0
    recognised: int = 0
    deleted: int = 0
    kills: int = 0
    slowest_seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)


async def run_seed(seed: str, *, kills: int = KILLS) -> Outcome:
    """Run two servers on a new data file and eight clients until servers were killed so many times; then check."""
    with tempfile.TemporaryDirectory(prefix="parley-chaos-") as folder:
        async with running(2, Path(folder)) as servers, aiohttp.ClientSession() as http:
            world = await _new_world(Network(http, servers, f"user-{seed}"), seed)
            outcome = Outcome(seed)
            await _make_trouble(world, outcome, kills)
            contents = await _contents(world, outcome)
            outcome.violations += [found for server in servers for found in await _stop(server)]
        _check(world, contents, data_file(Path(folder)), outcome)
        return outcome


async def _new_world(network: Network, seed: str) -> World:
    world = World(network, {f"kept-{n}": History(f"kept-{n}") for n in range(1, KEPT_SESSIONS + 1)})
    for session_id in world.histories:
        await network.ask(random.Random(seed), "POST", SESSIONS, {"id": session_id})  # noqa: S311 - no secret
    return world


async def _make_trouble(world: World, outcome: Outcome, kills: int) -> None:
    """Have the clients work as long as the killer does."""
    over = asyncio.Event()
    clients = [Client(f"c{number}", world, outcome.seed) for number in range(1, CLIENTS + 1)]
    working = [asyncio.create_task(_work(client, over)) for client in clients]
    try:
        await _kill_and_restart(world.network, outcome, kills)
    finally:
        over.set()
        await asyncio.gather(*working)


async def _work(client: Client, over: asyncio.Event) -> None:
    while not over.is_set():
        try:
            await client.act()
        except UnansweredError as error:
            client.world.stray.note("slow", f"nobody answered {error}")
        await asyncio.sleep(client.dice.uniform(0, PAUSE_SECONDS))


async def _kill_and_restart(network: Network, outcome: Outcome, kills: int) -> None:
    dice = random.Random(f"{outcome.seed} killer")  # noqa: S311 - repeatable chances, not secrets
    while outcome.kills < kills:
        await asyncio.sleep(dice.uniform(0.1, 0.7))
        victims = network.servers if dice.random() < ALL_AT_ONCE else [dice.choice(network.servers)]
        await network.until_written_to()
        await asyncio.sleep(dice.uniform(0, WRITE_SECONDS))
        await asyncio.gather(*(victim.kill() for victim in victims))
        outcome.kills += len(victims)
        await asyncio.sleep(dice.choice((0.0, 0.0, 0.3)))
        if dice.random() < KILLED_AT_START:
            await victims[0].spawn()
            await asyncio.sleep(dice.uniform(0.2, 0.8))
            await victims[0].kill()
            outcome.kills += 1
        await asyncio.gather(*(victim.start() for victim in victims))
    await asyncio.sleep(0.3)


async def _contents(world: World, outcome: Outcome) -> dict[str, Contents]:
    """Read everything from each server; what they do not agree on, or what is not gone, is a violation."""
    first, *others = [await _seen_by(server, world) for server in world.network.servers]
    if any(other != first for other in others):
        outcome.violations.append(Violation("read", "the servers do not agree with each other"))
    for session_id in world.deleted:
        for server in world.network.servers:
            async with world.network.http.get(
                f"{server.url}{SESSIONS}/{session_id}", headers={"x-user-id": world.network.user}
            ) as response:
                if response.status != 404:
                    outcome.violations.append(Violation("unknown", f"{session_id} was deleted and is there"))
    return {session_id: _contents_of(**seen) for session_id, seen in first.items() if session_id in world.histories}


async def _seen_by(server: Server, world: World) -> dict[str, dict[str, Any]]:
    """Return every session that a server lists, with all its messages and counts."""
    network = world.network
    listed = await network.ask_one(server, f"{SESSIONS}?status=all&limit=100")
    seen = {}
    for session in listed["data"]:
        path = f"{SESSIONS}/{session['id']}"
        stats = await network.ask_one(server, f"{path}/stats")
        messages = await _all_messages(network, server, path)
        seen[session["id"]] = {"session": session, "stats": stats, "messages": messages}
    return seen


async def _all_messages(network: Network, server: Server, path: str) -> list[Any]:
    messages: list[Any] = []
    while True:
        after = messages[-1]["seq"] if messages else 0
        page = await network.ask_one(server, f"{path}/messages?limit=200&order=asc&after={after}")
        messages += page["data"]
        if not page["has_more"]:
            return messages


def _contents_of(session: dict[str, Any], stats: dict[str, Any], messages: list[Any]) -> Contents:
    assert stats["message_count"] == session["message_count"], (session, stats)
    return Contents(messages, session["message_count"], stats["by_role"])


async def _stop(server: Server) -> list[Violation]:
    code = await server.stop()
    found = [] if code == 0 else [Violation("answer", f"{server.name} ended with exit code {code}")]
    if "Traceback" in (log := server.log.read_text("utf-8", errors="replace")):
        found.append(Violation("answer", f"{server.name} complained: {log[log.index('Traceback') :][:2000]}"))
    return found


def _check(world: World, contents: dict[str, Contents], path: Path, outcome: Outcome) -> None:
    """Hold what is there against what the clients know, and the file against itself."""
    counted = last_seqs(path)
    for session_id, history in world.histories.items():
        found = contents.get(session_id, Contents([], 0, {}))
        history.check(replace(found, last_seq=counted.get(session_id)))
        outcome.acknowledged += history.acknowledged
        _count_unanswered(history, {message["id"] for message in found.messages}, outcome)
    histories = [*world.histories.values(), world.stray]
    outcome.violations += [found for history in histories for found in history.violations]
    outcome.violations += [Violation("slow", text) for text in world.network.complaints]
    outcome.violations += check_data_file(path)
    outcome.recognised = world.recognised
    outcome.deleted = len(world.deleted)
    outcome.slowest_seconds = world.network.slowest_seconds
    outcome.answers = world.network.outcomes


def _count_unanswered(history: History, present: set[str], outcome: Outcome) -> None:
    for sending in history.sendings:
        if sending.ended is None:
            outcome.unanswered += 1
            outcome.unanswered_stored += sending.messages[0].id in present
