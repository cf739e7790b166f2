"""`python -m tests.hostile --requests 20000`: fuzz the API on both stores and count what it answered."""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.cosmos_server.launch import running_server
from tests.hostile.app import route_table, serving
from tests.hostile.fuzz import fuzz, rounds
from tests.http.documented import Tally

EXAMPLES = 100  # per operation and round
LATER = ("--phases=fuzzing,stateful",)  # the other phases send the same every time


async def _attack(store: SessionStore, requests: int, seed: int) -> bool:
    """Fuzz until so many requests are answered; print what came of it and tell whether all was well."""
    tally, started, passed = Tally(route_table()), time.monotonic(), True
    async with serving(store, tally) as url:
        while tally.total < requests:
            later = LATER if tally.total else ()
            good, output = await fuzz(url, *rounds(EXAMPLES, seed), *later)
            passed, seed = passed and good, seed + 1
            _say("" if good else output, f"{store.name}: {tally.total} requests, {time.monotonic() - started:.0f} s")
    await store.close()
    _say(f"{store.name}: {tally.total} requests in {time.monotonic() - started:.0f} s, statuses {tally.statuses}")
    errors = sum(count for status, count in tally.statuses.items() if status >= 500)
    _say(f"{store.name}: {sum(tally.undocumented.values())} undocumented answers, {errors} of 500 and more")
    return passed and not tally.undocumented and not errors


def _say(*lines: str) -> None:
    print(*filter(None, lines), sep="\n", flush=True)  # noqa: T201 - it talks to a person at a terminal


def main() -> int:
    """Attack the stores asked for; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many for each store, at least")
    parser.add_argument("--store", choices=["sqlite", "cosmos"], help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    chosen = parser.parse_args()
    well = True
    if chosen.store != "cosmos":
        with tempfile.TemporaryDirectory() as folder:
            store: SessionStore = SqliteStore(Path(folder) / "parley.db")
            well = asyncio.run(_attack(store, chosen.requests, chosen.seed))
    if chosen.store != "sqlite":
        with running_server() as server:
            store = CosmosStore(server.endpoint, server.key, "parley", "hostile", emulator=True)
            well = asyncio.run(_attack(store, chosen.requests, chosen.seed)) and well
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
