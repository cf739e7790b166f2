"""What the process around the store costs: the handler, the import, the memory."""

from collections.abc import Sequence

from benchmarks.handler import Overhead
from benchmarks.imports import WATCHED, ImportTime, Loaded
from benchmarks.memory import SESSIONS, Growth
from benchmarks.table import Cell, table
from shared.store.cosmos.limits import Limits

MEGABYTE = 1024 * 1024
LIMITS = Limits()


def handler(overhead: Overhead) -> str:
    """Return the section about the handler."""
    return f"""
An append of one message through the function `append_messages` takes {overhead.ratio:.2f} times as long as a bare
`patch_item` with the same operations and predicate by the SDK as it comes, and {overhead.connected_ratio:.2f} times
as long as one on a connection as Parley opens it: medians of {len(overhead.handler_ms)} calls each, in turns;
`docs/decisions/0009-no-threads-before-a-request.md` says why these differ.
The bare call is short here, because the server is on the same machine: against a service that takes longer
the same added time would weigh less."""


def imports(times: Sequence[ImportTime], found: Sequence[Loaded]) -> str:
    """Return the section about imports."""
    ratios: list[list[Cell]] = [[one.store, one.modules, len(one.app), one.ratio] for one in times]
    lazy: list[list[Cell]] = [[one.configuration, *(_when(one, name) for name in WATCHED)] for one in found]
    return f"""
`import function_app` beside importing nothing but the third-party modules that it loads: processor time, each in a
fresh interpreter, bytecode there already, in turns, ratio of the medians.

{table(("store", "third-party modules", "runs of each", "ratio"), ratios)}

What is loaded when; the first use is a request to the store, with a managed identity the making of its client.

{table(("", *WATCHED), lazy)}"""


def _when(one: Loaded, name: str) -> str:
    if name in one.at_import:
        return "at import"
    return "at first use" if name in one.at_first_use else "never"


def memory(growths: Sequence[Growth]) -> str:
    """Return the section about memory."""
    if not growths:
        return "\nNot measured in this run."
    counts = list(growths[0].resident)
    rows: list[list[Cell]] = [
        [one.store, *(one.resident[count] / MEGABYTE for count in counts), one.ratio] for one in growths
    ]
    columns = ("store", *(f"after {count:,}" for count in counts), f"{counts[-1]:,} over {counts[0]:,}")
    return f"""
Resident MB of a local host after so many requests, half of them appends and half reads of the newest 50 messages, on
{SESSIONS} sessions that are long already and grow all the time; a process keeps {LIMITS.known_heads} heads in memory.

{table(columns, rows)}"""
