"""Chats by every peer: a turn, an append, reads, and a short life; both charge curves beside each other."""

from collections.abc import Callable, Iterable, Mapping

from benchmarks.before import COMMIT
from benchmarks.chats import cold
from benchmarks.chats.costs import APPEND, BACK, NEWEST, RESUMED, TURN, ChatCost, Chats, ShortLives, resume
from benchmarks.chats.walk import PAGE, PAGES
from benchmarks.lengths import Means
from benchmarks.peers import BuildBefore, MessageDocuments, ThisBuild
from benchmarks.table import Cell, table

UNITS = ("requests", "line", "measured")
WRITES = (*UNITS, "and index")
OTHERS = (BuildBefore.name, MessageDocuments.name)
VALUES: Mapping[str, Callable[[Means], float]] = {
    "line": lambda means: means.mean("units"),
    "measured": lambda means: means.mean("measured"),
    "and index": lambda means: means.mean("measured") + means.mean("index"),
}


def section(chats: Chats) -> str:
    """Return the section about chats."""
    left_out = "".join(f"\n{reason[0].upper()}{reason[1:]}.\n" for reason in chats.left_out)
    profiles = dict.fromkeys(cost.profile for cost in chats.costs)
    return f"""
*real*: a user's message has 0.4 KB and an answer 2 KB on average, lognormal (sigma 0.8) and the same in every run.
*typical*: 400 characters each.
A *turn* resumes the newest {NEWEST} messages and appends the pair at once; an *append* adds one message.
*line* are the units of the straight line; *measured* are those of the curve that others measured on a live account,
which indexed nothing; *and index* adds 0.6 units for each index term that a write puts in or takes out (`curve.py`).
*serial* is how many round trips, one after the other, an append waited for, 95th percentile.
*build {COMMIT}* is Parley before its rotation was changed, out of this repository's history, in a process of its own.
LangChain's history holds the session in memory, so its appends read nothing, and its resume loads it again.
{left_out}
{"".join(_profile(name, chats) for name in profiles)}### A session of {chats.lives[0].turns} turns

Per turn, with the making of the session and a resume before each turn but the first; then with its removal.
The list is one page of as many such sessions as were kept.

{_lives(chats)}

### Parley over another

What everything above comes to, Parley's units over those of another by the same curve; chats and reads of the longest
session that both have, which is said in the first column.

{_ratios(chats)}

### Many instances

On a session of {cold.LENGTH} messages, in a process that has just started and in one that goes on.
What the SDK asks for once, before the first request of a process, is counted here, and nowhere else on this page;
one of these, the database, is looked at only on an emulator.

{_colds(chats)}"""


def _profile(name: str, chats: Chats) -> str:
    costs = [cost for cost in chats.costs if cost.profile == name]
    return f"""### {name.capitalize()} messages

{_writes(costs)}

Reads, after each append; a page back is one of {PAGE} messages, the newest first, {PAGES} at most:

{_reads(costs)}

"""


def _writes(costs: Iterable[ChatCost]) -> str:
    columns = [f"{call}, {unit}" for call in (TURN, APPEND) for unit in WRITES]
    rows: list[list[Cell]] = [
        [cost.peer, cost.length, *_writing(cost, TURN), *_writing(cost, APPEND), cost.serial_p95] for cost in costs
    ]
    return table(("", "messages", *columns, "serial"), rows)


def _reads(costs: Iterable[ChatCost]) -> str:
    calls = [*(resume(limit) for limit in RESUMED), BACK]
    columns = [f"{call}, {unit}" for call in calls for unit in UNITS]
    rows: list[list[Cell]] = [
        [cost.peer, cost.length, *(cell for call in calls for cell in _reading(cost.means.get(call)))] for cost in costs
    ]
    return table(("", "messages", *columns), rows)


def _lives(chats: Chats) -> str:
    columns = [f"{what}, {unit}" for what in ("kept", "deleted") for unit in WRITES]
    rows: list[list[Cell]] = [
        [life.peer, life.profile, *_all(life.kept), *_all(life.deleted), *_reading(life.listed)] for life in chats.lives
    ]
    return table(("", "profile", *columns, *(f"list, {unit}" for unit in UNITS)), rows)


def _ratios(chats: Chats) -> str:
    calls = (TURN, APPEND, *(resume(limit) for limit in RESUMED), BACK)
    rows: list[list[Cell]] = []
    for profile in dict.fromkeys(cost.profile for cost in chats.costs):
        for other in OTHERS:
            found = _both(chats, profile, other)
            if found is None:
                continue
            (ours, our_life), (theirs, their_life) = found
            means = [(ours.means[call], theirs.means[call]) for call in calls]
            means += [(our_life.kept, their_life.kept), (our_life.deleted, their_life.deleted)]
            lists = our_life.listed, their_life.listed
            for name, value in VALUES.items():
                ratios: list[Cell] = [value(our) / value(their) for our, their in means]
                ratios.append(value(lists[0]) / value(lists[1]) if lists[0] and lists[1] else None)
                rows.append([f"{other}, {profile}, {ours.length:,}", name, *ratios])
    return table(("over", "units", *calls, "life, kept", "life, deleted", "list"), rows)


def _both(chats: Chats, profile: str, other: str) -> tuple[tuple[ChatCost, ShortLives], ...] | None:
    """Return Parley's longest session that the other has too and the short ones, and the other's; None without any."""
    costs = {(cost.peer, cost.length): cost for cost in chats.costs if cost.profile == profile and not cost.ends}
    lives = {life.peer: life for life in chats.lives if life.profile == profile}
    lengths = [length for peer, length in costs if peer == other and (ThisBuild.name, length) in costs]
    if not lengths:
        return None
    return tuple((costs[peer, max(lengths)], lives[peer]) for peer in (ThisBuild.name, other))


def _colds(chats: Chats) -> str:
    rows: list[list[Cell]] = [
        [found.peer, found.profile, call, *_all(cost.means), cost.serial_p95]
        for found in chats.colds
        for call, cost in found.costs.items()
    ]
    return table(("", "profile", "call", *WRITES, "serial"), rows)


def _writing(cost: ChatCost, call: str) -> list[Cell]:
    return [None] * len(WRITES) if cost.ends else _all(cost.means[call])


def _all(means: Means) -> list[Cell]:
    return [*_reading(means), means.mean("measured") + means.mean("index")]


def _reading(means: Means | None) -> list[Cell]:
    return [None] * len(UNITS) if means is None else [means.mean(name) for name in ("requests", "units", "measured")]
