"""What other sizes of a generation would cost, by kind of session: the numbers behind docs/decisions/0013.

A smaller one makes appends cheaper, and reads dearer: more of what is read is in pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks import targets
from benchmarks.appends import Append, AppendCosts, append_one, costs, whole_generations
from benchmarks.counting_proxy import Exchange, add_up
from benchmarks.lengths import Means
from benchmarks.metering import Meter
from benchmarks.profiles import HEAVY, REAL, TYPICAL, Profile
from benchmarks.stage import Stage, staged
from benchmarks.table import Cell, table
from shared.models import MAX_CONTEXT_BYTES
from shared.store.cosmos.limits import Limits
from tests.cosmos_server.launch import CosmosServer

KB = 1024
GENERATION_KB = (3, 4, 5, 6, 7, 8, 10, 12)
PROFILES = (
    TYPICAL,
    REAL,
    HEAVY,
    Profile("100 characters", 100),
    Profile("1,500 characters", 1_500),
    replace(REAL, name="real, context of 8 KB", context_bytes=MAX_CONTEXT_BYTES),
)
WARMING = 120  # messages: enough that the head holds all the ids it ever holds
TURNS, APPENDS = 120, 120
NEWEST, MOST = 20, 50  # read in a turn, and at most


@dataclass(frozen=True, slots=True)
class Choice:
    """A size of generations and what it comes to for one kind of session; `reads` are of the newest MOST."""

    generation_kb: float
    appends: AppendCosts
    turns: Means
    reads: Means

    def row(self) -> list[Cell]:
        """Return this choice as a row of a table."""
        requests, units = self.appends.mean("requests"), self.appends.own_mean("units")
        found = (
            ("requests per append", requests, targets.REQUESTS_PER_APPEND),
            ("units per append", units, targets.UNITS_PER_APPEND),
            (f"requests to resume {MOST}", self.reads.mean("requests"), targets.RESUME_REQUESTS),
        )
        turn = [self.turns.mean(name) for name in ("requests", "units", "measured")]
        return [
            f"{self.generation_kb:g} KB",
            self.appends.appends / max(1, self.appends.rotations),
            round(self.appends.mean_head_bytes),
            requests,
            units,
            *turn,
            turn[-1] + self.turns.mean("index"),
            *(self.reads.mean(name) for name in ("requests", "units", "measured")),
            ", ".join(name for name, value, most in found if value > most) or None,
        ]


COLUMNS = (
    "generation",
    "appends per page",
    "mean head, bytes",
    "requests per append",
    "units per append",
    "turn, requests",
    "turn, line",
    "turn, measured",
    "turn, and index",
    f"resume {MOST}, requests",
    f"resume {MOST}, line",
    f"resume {MOST}, measured",
    "missed",
)


async def explore(server: CosmosServer) -> None:
    """Print what each size costs in each kind of session."""
    for profile in PROFILES:
        rows = []
        for generation_kb in GENERATION_KB:
            limits = Limits(generation_bytes=round(generation_kb * KB))
            async with staged(server, f"thresholds-{generation_kb}", limits=limits, meter=Meter()) as stage:
                rows.append((await _measure(stage, profile, generation_kb)).row())
            server.reset()
        print(f"\n{profile.name}\n\n{table(COLUMNS, rows)}", flush=True)


async def _measure(stage: Stage, profile: Profile, generation_kb: float) -> Choice:
    """Return what a long session costs, over whole generations: turns first, then single appends."""
    user_id = profile.user_id()
    session, _ = await stage.chat.create_session(user_id, profile.session())
    place = user_id, session.id
    for number in range(1, WARMING, 2):
        await stage.append(place, [profile.message(number), profile.message(number + 1)])
    turns = [await _turn(stage, profile, place, WARMING + 1 + 2 * turn) for turn in range(TURNS)]
    appends: list[Append] = []
    reads: list[Sequence[Exchange]] = []
    for number in range(WARMING + 1 + 2 * TURNS, WARMING + 1 + 2 * TURNS + APPENDS):
        appends.append(await append_one(stage, profile, place, number))
        reads.append(await _read(stage, place, MOST))
    return Choice(generation_kb, costs(whole_generations(appends)), _mean(_whole(turns)), _mean(reads))


async def _turn(stage: Stage, profile: Profile, place: tuple[str, str], number: int) -> list[Exchange]:
    read = await _read(stage, place, NEWEST)
    with stage.proxy.phase("turns") as recorded:
        recorded.clear()
        await stage.append(place, [profile.message(number), profile.message(number + 1)])
        return [*read, *recorded]


async def _read(stage: Stage, place: tuple[str, str], limit: int) -> list[Exchange]:
    with stage.proxy.phase("reads") as recorded:
        recorded.clear()
        await stage.store.read(*place, limit)
        return list(recorded)


def _whole(turns: Sequence[Sequence[Exchange]]) -> Sequence[Sequence[Exchange]]:
    """Cut to the turns between the first that made a page and the last."""
    ends = [place for place, turn in enumerate(turns, 1) if any(one.is_batch for one in turn)]
    return turns[ends[0] : ends[-1]] if len(ends) > 1 else turns


def _mean(calls: Sequence[Sequence[Exchange]]) -> Means:
    return Means(len(calls), add_up(exchange for call in calls for exchange in call))
