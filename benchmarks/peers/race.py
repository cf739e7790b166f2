"""A few writers on one session, each with a client of its own, by every peer: what is lost of what was acknowledged."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.peers import NEIGHBOURS, Parley, Peer, Place
from benchmarks.profiles import TYPICAL
from tests.cosmos_server.launch import CosmosServer

WRITERS, EACH = 8, 25
STARTS = (0, 10)  # messages in the session before: the first ones meet another race than the later ones


@dataclass(frozen=True, slots=True)
class Race:
    """What the writers were told, and what was in the store afterwards."""

    name: str
    writers: int
    start: int  # messages in the session before
    sent: int
    refused: int  # the caller saw an error
    lost: int  # acknowledged and not in the store
    errors: tuple[str, ...]  # kinds of refusal


async def measure(server: CosmosServer, *, writers: int = WRITERS, each: int = EACH) -> list[Race]:
    """Let every peer that is installed here run, Parley first, on a new session and on one with a few messages."""
    peers: list[type[Peer]] = [Parley, *(peer for peer in NEIGHBOURS if not peer.missing_reason())]
    return [await run(server, peer, start, writers, each) for peer in peers for start in STARTS]


async def run(server: CosmosServer, peer: type[Peer], start: int, writers: int, each: int) -> Race:
    """Let the writers add messages to one session that has `start` of them, and look at what the store holds then."""
    place = Place(server.endpoint, server.key, f"race-{secrets.token_hex(8)}")  # nobody else's messages are found in it
    session_id = "one"
    if start:
        async with peer.opened(place, session_id) as session:
            await session.add([TYPICAL.text(number) for number in range(start)])
    texts = [[TYPICAL.text(start + writer * each + number) for number in range(each)] for writer in range(writers)]
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(peer.opened(place, session_id)) for _ in range(writers)]
        outcomes = await asyncio.gather(*(_write(*pair) for pair in zip(sessions, texts, strict=True)))
    refusals = [refusal for outcome in outcomes for refusal in outcome.values()]
    acknowledged = {text for mine in texts for text in mine} - {text for outcome in outcomes for text in outcome}
    stored = set(_strings(server.items(place.database, peer.container)))
    return Race(
        name=peer.name,
        writers=writers,
        start=start,
        sent=writers * each,
        refused=len(refusals),
        lost=len(acknowledged - stored),
        errors=tuple(sorted(set(refusals))),
    )


async def _write(session: Peer, texts: Sequence[str]) -> dict[str, str]:
    """Add one after the other; return the ones refused, with the kind of error."""
    refused = {}
    for text in texts:
        try:
            await session.add([text])
        except Exception as error:  # noqa: BLE001 - whatever a peer raises, its caller is told
            refused[text] = type(error).__name__
    return refused


def _strings(value: object) -> Iterator[str]:
    """Find every text in what the store holds, however it is wrapped."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
