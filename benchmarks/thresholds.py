"""What other rotation thresholds would cost, by kind of session: the numbers behind docs/decisions/0002."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks import targets
from benchmarks.appends import Append, AppendCosts, append_one, costs
from benchmarks.profiles import HEAVY, Profile
from benchmarks.stage import Stage
from benchmarks.table import Cell, table
from shared.models import MAX_CONTEXT_BYTES, MAX_MESSAGES_PER_REQUEST
from shared.store.cosmos.head import Head

KB = 1024
MEAN_HEAD_KB = (8.0, 10.0, 12.0, 13.0, 14.0, 15.0, 16.0, 18.0, 20.0)
LEAST_GENERATION_KB = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)
PROFILES = (
    *(Profile(f"{characters} characters", characters) for characters in (100, 400, 1_500)),
    Profile("400 characters, context of 2 KB", context_bytes=2 * KB),
    *(
        Profile(f"{characters} characters, context of 8 KB", characters, context_bytes=MAX_CONTEXT_BYTES)
        for characters in (100, 400, 1_500)
    ),
    HEAVY,
)
WARMING_BATCHES = 8  # of 20: enough that the head holds all the ids it ever holds
LEAST_APPENDS, LEAST_ROTATIONS = 160, 6


@dataclass(frozen=True, slots=True)
class Choice:
    """Two thresholds and what they come to for one kind of session."""

    mean_head_kb: float
    least_generation_kb: float
    generation_bytes: int
    costs: AppendCosts

    def row(self) -> list[Cell]:
        """Return this choice as a row of a table."""
        requests, units, rotated = self.costs.mean("requests"), self.costs.own_mean("units"), self.costs.mean("units")
        found = (
            ("requests", requests, targets.REQUESTS_PER_APPEND),
            ("units", units, targets.UNITS_PER_APPEND),
            ("units with rotation", rotated, targets.UNITS_PER_APPEND),
        )
        return [
            f"{self.mean_head_kb:g} / {self.least_generation_kb:g}",
            self.generation_bytes,
            self.costs.appends / self.costs.rotations,
            round(self.costs.mean_head_bytes),
            requests,
            units,
            rotated,
            ", ".join(name for name, value, most in found if value > most) or None,
        ]


COLUMNS = (
    "mean head / least generation, KB",
    "rotates at, bytes",
    "appends per rotation",
    "mean head, bytes",
    "requests per append",
    "units, own Patch",
    "units, with rotation",
    "missed",
)


async def explore(stage: Stage) -> None:
    """Print what each pair of thresholds costs; pairs that come to the same generation are shown once."""
    for profile in PROFILES:
        choices = [choice async for choice in _choices(stage, profile)]
        print(f"\n{profile.name}\n\n{table(COLUMNS, [choice.row() for choice in choices])}", flush=True)


async def _choices(stage: Stage, profile: Profile) -> AsyncIterator[Choice]:
    tried: set[int] = set()
    for mean_head in MEAN_HEAD_KB:
        for least in LEAST_GENERATION_KB:
            with thresholds(stage, mean_head, least):
                place, generation = await _session(stage, profile)
                if generation in tried:
                    continue
                tried.add(generation)
                measured = await _measure(stage, profile, place)
            yield Choice(mean_head, least, generation, measured)


@contextmanager
def thresholds(stage: Stage, mean_head_kb: float, least_generation_kb: float) -> Iterator[None]:
    """Rotate by these thresholds inside the block; the store reads them at every append."""
    items = stage.chat.store._items  # noqa: SLF001 - the limits are not in the port
    before = items.limits
    items.limits = replace(
        before, mean_head_bytes=round(mean_head_kb * KB), min_generation_bytes=round(least_generation_kb * KB)
    )
    try:
        yield
    finally:
        items.limits = before


async def _session(stage: Stage, profile: Profile) -> tuple[tuple[str, str], int]:
    """Return where a new session is, and at how many bytes its generations are rotated."""
    user_id = profile.user_id()
    with stage.proxy.phase("creating") as recorded:
        session, _ = await stage.chat.create_session(user_id, profile.session())
        partition = stage.chat.store._items.of(user_id)  # noqa: SLF001 - the head is not in the port
        head = Head(await partition.read(session.id))
        recorded.clear()
    return (user_id, session.id), head.generation_bytes(partition.limits)


async def _measure(stage: Stage, profile: Profile, place: tuple[str, str]) -> AppendCosts:
    """Return what appends cost over whole generations, once the session is long enough to have everything."""
    with stage.proxy.phase("warming") as recorded:
        for _ in range(WARMING_BATCHES):
            batch = [profile.message(number) for number in range(MAX_MESSAGES_PER_REQUEST)]
            await stage.chat.append(*place, batch)
        recorded.clear()
    with stage.proxy.phase("appends") as recorded:
        recorded.clear()
    await _until_rotated(stage, profile, place, rotations=2)  # the batches' large generations are sealed
    return costs(await _until_rotated(stage, profile, place, rotations=LEAST_ROTATIONS, appends=LEAST_APPENDS))


async def _until_rotated(
    stage: Stage, profile: Profile, place: tuple[str, str], *, rotations: int, appends: int = 0
) -> list[Append]:
    """Append at least that often, and until the last append made that many rotations full."""
    made: list[Append] = []
    while True:
        made.append(await append_one(stage, profile, place, len(made)))
        enough = len(made) >= appends and sum(append.rotated for append in made) >= rotations
        if enough and made[-1].rotated:
            return made
