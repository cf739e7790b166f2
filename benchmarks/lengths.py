"""One session grown by single appends, looked at on the way: appends, resumes, and paging back through all of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.appends import Append, AppendCosts, append_one, costs, whole_generations
from benchmarks.counting_proxy import Totals, add_up
from benchmarks.profiles import Profile
from benchmarks.stage import Stage
from shared.models import MessageQuery

LENGTHS = (10, 100, 1_000, 10_000)
RESUMED = (50, 10)  # how many of the newest messages a client asks for
RESUMES = 40  # taken one after each append, to see the head at every fill
PAGE = 50
LEAST_WINDOW, LARGEST_WINDOW = 10, 500  # appends that stand for "at about this length"


@dataclass(frozen=True, slots=True)
class Means:
    """What one call of a kind costs on average; `calls` of them were made."""

    calls: int
    totals: Totals

    def mean(self, name: str) -> float:
        """Return a mean, by the field of Totals."""
        return float(getattr(self.totals, name)) / self.calls


@dataclass(frozen=True, slots=True)
class Milestone:
    """What a session of this length costs."""

    profile: Profile
    length: int
    so_far: AppendCosts
    here: AppendCosts
    resumes: dict[int, Means]
    paging: Means


@dataclass(slots=True)
class _Walk:
    """A session while it grows."""

    stage: Stage
    profile: Profile
    place: tuple[str, str]
    appends: list[Append] = field(default_factory=list)

    async def grow(self, length: int) -> Milestone:
        """Append up to that length and look."""
        resumes: dict[int, list[Means]] = {limit: [] for limit in RESUMED}
        while len(self.appends) < length:
            number = len(self.appends) + 1
            self.appends.append(await append_one(self.stage, self.profile, self.place, number))
            if number > length - RESUMES:
                for limit, taken in resumes.items():
                    taken.append(await self._resume(limit))
        window = max(LEAST_WINDOW, min(length // 2, LARGEST_WINDOW))
        return Milestone(
            profile=self.profile,
            length=length,
            so_far=costs(self.appends),
            here=costs(whole_generations(self.appends[-window:])),
            resumes={limit: _together(taken) for limit, taken in resumes.items()},
            paging=await self._page_back(length),
        )

    async def _resume(self, limit: int) -> Means:
        with self.stage.proxy.phase("resumes") as recorded:
            start = len(recorded)
            _, page = await self.stage.store.read(*self.place, limit)
        if len(page.messages) != min(limit, len(self.appends)):
            message = f"{len(page.messages)} messages where {limit} were asked for"
            raise AssertionError(message)
        return Means(1, add_up(recorded[start:]))

    async def _page_back(self, length: int) -> Means:
        seqs: list[int] = []
        pages = 0
        query: MessageQuery | None = MessageQuery(limit=PAGE)
        with self.stage.proxy.phase("paging") as recorded:
            start = len(recorded)
            while query is not None:
                page = await self.stage.store.read_messages(*self.place, query)
                pages += 1
                seqs += [message.seq for message in page.messages]
                query = MessageQuery(limit=PAGE, before=page.next_seq, page_hint=page.page_hint)
                query = query if page.has_more else None
        if seqs != list(range(length, 0, -1)):
            message = "paging back did not give every message once and in order"
            raise AssertionError(message)
        return Means(pages, add_up(recorded[start:]))


def _together(taken: Sequence[Means]) -> Means:
    sums = [sum(getattr(one.totals, name) for one in taken) for name in Totals.__slots__]
    return Means(len(taken), Totals(*sums))


async def measure(stage: Stage, profile: Profile, lengths: Sequence[int] = LENGTHS) -> list[Milestone]:
    """Grow a session of this profile and return what it costs at each of the lengths."""
    user_id = profile.user_id()
    with stage.proxy.phase("creating"):
        session, _ = await stage.chat.create_session(user_id, profile.session())
    walk = _Walk(stage, profile, (user_id, session.id))
    return [await walk.grow(length) for length in lengths]
