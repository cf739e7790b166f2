"""The page that `make bench ARGS=--frameworks` writes."""

from collections.abc import Sequence

from benchmarks.counting_proxy import Totals
from benchmarks.frameworks.measure import EACH, LENGTHS, OWN, WRITERS, Found
from benchmarks.table import Cell, table

KILOBYTE = 1_000
BYTES_TARGET = 0.25  # of a peer's that writes or reads everything again with each turn
LONG = LENGTHS[-1]
INTRODUCTION = """\
# Adapters beside their frameworks' own stores for Cosmos DB

Written by `make bench ARGS=--frameworks`. Real packages, in the versions that `frameworks/requirements` pins, the same
turns on the Cosmos DB test server; requests, bytes (with headers, both ways) and units are those between Cosmos DB and
whoever speaks to it: the framework's own store, or Parley's host. An adapter's HTTP to that host comes on top.
Units are the test server's, by Microsoft's published sizes. What a client sends once in its life is not counted.

A turn is a question, a tool's call, its result and an answer, in a conversation that the process has not in memory: it
is read through the framework's interface and the turn is added. In LangGraph an invocation reads by itself.
Before that it has grown by twenty messages a save through an adapter and by one save through the framework's own store,
a thread of LangGraph by one step through both. Nobody offers a session of the OpenAI Agents SDK for Cosmos DB.
"""
RACE = f"""\
## {WRITERS} writers in one conversation

Each has a client of its own and takes {EACH} turns, a read and a message. Lost is what was confirmed and is not found
afterwards, in LangGraph in no checkpoint. A refused turn is told to the caller, who can read and try again.
"""
EQUAL = """\
## What is not returned equal

Saved by one client and read by another: the framework's own dump of the messages before and after.
"""


def page(found: Sequence[Found], left_out: Sequence[str]) -> str:
    """Return everything as Markdown."""
    pairs = [(own, peer) for own in found for peer in found if own.framework == peer.framework and _is_pair(own, peer)]
    parts = [
        INTRODUCTION,
        *([f"Not measured: {'; '.join(left_out)}.\n"] if left_out else []),
        f"## Targets, at {LONG:,} messages\n\nParley's share of what the framework's own store needs.\n",
        table(TARGET_COLUMNS, [_targets(*pair) for pair in pairs]) + "\n",
        _missed(pairs),
        "## A turn\n",
        table(TURN_COLUMNS, [row for one in found for row in _turns(one)]) + "\n",
        RACE,
        table(RACE_COLUMNS, [_race(one) for one in found]) + "\n",
        EQUAL,
        table(("framework", "store", "case", "what came back"), [row for one in found for row in _unequal(one)]),
    ]
    return "\n".join(parts) + "\n"


TARGET_COLUMNS = (
    "framework",
    "requests of a turn",
    "bytes of a turn",
    "bytes of its save",
    "lost",
    "doubled",
    "unequal",
)
TURN_COLUMNS = (
    *("framework", "store", "messages", "requests", "kB", "units"),
    *("to read", "kB of it", "to save", "kB of that", "units of that"),
)
RACE_COLUMNS = ("framework", "store", "sent", "lost", "doubled", "refused", "told as")


def nothing_lost(found: Sequence[Found]) -> bool:
    """Tell whether every adapter has kept every message, once."""
    own = [one.race for one in found if one.name == OWN]
    return all(race.get("lost") == 0 and race.get("doubled") == 0 for race in own)


def whole(found: Found, length: int = LONG) -> Totals | None:
    """Return what a turn costs with its read; nothing where it failed."""
    turn = next(one for one in found.turns if one.length == length)
    if turn.error:
        return None
    return turn.save if found.turn_reads else _sum(turn.read, turn.save)


def _sum(one: Totals, other: Totals) -> Totals:
    return Totals(
        one.requests + other.requests,
        one.request_bytes + other.request_bytes,
        one.request_body_bytes + other.request_body_bytes,
        one.response_bytes + other.response_bytes,
        one.units + other.units,
    )


def _bytes(totals: Totals) -> int:
    return totals.request_bytes + totals.response_bytes


def _is_pair(own: Found, peer: Found) -> bool:
    return own.name == OWN != peer.name


def _targets(own: Found, peer: Found) -> list[Cell]:
    mine, theirs = whole(own), whole(peer)
    good = [own.race.get("lost"), own.race.get("doubled"), sum(bool(case) for case in own.unequal.values())]
    if mine is None or theirs is None:
        return [own.framework, None, None, None, *good]
    saved = _bytes(own.turns[-1].save) / _bytes(peer.turns[-1].save)
    return [own.framework, mine.requests / theirs.requests, _bytes(mine) / _bytes(theirs), saved, *good]


def _missed(pairs: Sequence[tuple[Found, Found]]) -> str:
    """Tell every target that is missed."""
    lines = []
    for own, peer in pairs:
        _, requests, size, _, *bad = _targets(own, peer)
        if isinstance(requests, float) and requests >= 1:
            lines.append(f"- {own.framework}: {requests:.2f} of the requests of a turn, wanted below 1. {READS}")
        if isinstance(size, float) and size > BYTES_TARGET:
            lines.append(
                f"- {own.framework}: {size:.2f} of the bytes of a turn, wanted {BYTES_TARGET}. {_whole(own, peer)}"
            )
        if any(bad):
            lines.append(f"- {own.framework}: {bad[0]} lost, {bad[1]} doubled, {bad[2]} cases not equal.")
        if requests is None:
            failed = next(turn.error for turn in peer.turns if turn.error)
            lines.append(f"- {own.framework}: nothing to compare with, {peer.name} fails: `{failed}`.")
    return "\n".join(["Missed, or not to be told:\n", *lines, ""]) if lines else "All are met.\n"


READS = "Reading everything takes several pages; the peer has it in one document."


def _whole(own: Found, peer: Found) -> str:
    """Tell how the read and the save share in the bytes of a turn."""
    mine, theirs = own.turns[-1], peer.turns[-1]
    if own.turn_reads:
        return "An invocation resumes, which takes all messages, by either checkpointer."
    return (
        f"The save alone is {_bytes(mine.save) / _bytes(theirs.save):.3f}; the read of everything before it is "
        f"{_bytes(mine.read) / _bytes(theirs.read):.2f} times the peer's, for a message has readable fields, a tool's "
        "arguments among them, beside the framework's own JSON."
    )


def _turns(found: Found) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for turn in found.turns:
        total = whole(found, turn.length)
        numbers: list[Cell] = [None] * 8
        if total:
            parts = (turn.read.requests, _kilobytes(turn.read), turn.save.requests, _kilobytes(turn.save))
            numbers = [total.requests, _kilobytes(total), total.units, *parts, turn.save.units]
        rows.append([found.framework, found.name, turn.length, *numbers])
    return rows


def _kilobytes(totals: Totals) -> float:
    return _bytes(totals) / KILOBYTE


def _race(found: Found) -> list[Cell]:
    race = found.race
    if "error" in race:
        return [found.framework, found.name, None, None, None, None, f"`{race['error']}`"]
    numbers = [race[name] for name in ("sent", "lost", "doubled", "refused")]
    return [found.framework, found.name, *numbers, ", ".join(race["errors"]) or None]


def _unequal(found: Found) -> list[list[Cell]]:
    wrong = [(case, told) for case, told in found.unequal.items() if told]
    if len(wrong) > 1 and len({told for _, told in wrong}) == 1:
        return [[found.framework, found.name, f"any of {len(wrong)}", f"`{wrong[0][1]}`"]]
    if not wrong:
        return [[found.framework, found.name, f"all {len(found.unequal)}", "equal"]]
    return [[found.framework, found.name, case, f"`{told}`"] for case, told in wrong]
