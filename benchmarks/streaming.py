"""What HTTP_STREAMING costs the routes that stream nothing: with it over without, in the same run and in turns."""

import json
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.imports import ROOT, TIMED, run_python
from benchmarks.table import Cell, bullets, table
from tests.cosmos_server.launch import CosmosServer

IMPORTS = 11  # of each side, in turns
STARTS = 7
ROUNDS = 30  # of 25 requests of each kind to each worker
WORKER = ROOT / ".venv-worker"
ON = {"HTTP_STREAMING": "true", "PYTHON_ENABLE_INIT_INDEXING": "true"}  # the second is needed before Python 3.13
KINDS = {"health": "`GET /api/health`", "read": "a read of the newest 20", "append": "an append of one message"}
MILLISECONDS = 1_000
MEGABYTE = 1024 * 1024

# As the other programs that time an import; it goes on to the client that the first request to Cosmos DB makes.
TO_THE_CLIENT = """
import asyncio, time
started = time.process_time()
import function_app
async def connect():
    function_app.chat.store._connection._make_client()
asyncio.run(connect())
print(time.process_time() - started)
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """The same measured without and with it: processor seconds, seconds or bytes."""

    off: float
    on: float

    @property
    def ratio(self) -> float:
        """With over without."""
        return self.on / self.off


@dataclass(frozen=True, slots=True)
class Worker:
    """Microsoft's runtime without and with it: its start, its requests, its memory; modules of streaming when off."""

    start: Compared
    latency: Mapping[str, Compared]
    cpu: Mapping[str, Compared]
    resident: tuple[Compared, Compared] | None  # at the start, and after the requests
    loaded_when_off: int


@dataclass(frozen=True, slots=True)
class Streaming:
    """What was found; without a worker environment `left_out` says what is missing and how it is made."""

    imports: Mapping[str, Compared]
    worker: Worker | None
    left_out: str | None


def missing_reason() -> str | None:
    """Tell why Microsoft's runtime is not to be had here; None when it is."""
    if (WORKER / ".ready").exists():
        return None
    return "requests through Microsoft's worker are left out: `make test-worker` installs it (Python 3.13)"


def measure(server: CosmosServer, imports: int = IMPORTS, starts: int = STARTS, rounds: int = ROUNDS) -> Streaming:
    """Import with it and without, then ask two workers; without rounds no worker is asked."""
    left_out = missing_reason()
    asks = rounds and not left_out
    return Streaming(_imports(server, imports), _ask_workers(starts, rounds) if asks else None, left_out)


def _imports(server: CosmosServer, runs: int) -> dict[str, Compared]:
    with tempfile.TemporaryDirectory() as folder:
        sqlite = {"STORE": "sqlite", "SQLITE_PATH": str(Path(folder) / "import.db")}
        cosmos = {
            "STORE": "cosmos",
            "COSMOS_ENDPOINT": server.endpoint,
            "COSMOS_KEY": server.key,
            "COSMOS_EMULATOR": "true",
        }
        return {
            "SQLite": _compare(runs, TIMED, sqlite, "function_app"),
            "Cosmos DB": _compare(runs, TIMED, cosmos, "function_app"),
            "Cosmos DB, and its client": _compare(runs, TO_THE_CLIENT, cosmos),
        }


def _compare(runs: int, program: str, settings: Mapping[str, str], *arguments: str) -> Compared:
    """Run a program that prints its seconds without and with it; the first pair, which may compile, is not counted."""
    off, on = [], []
    for _ in range(1 + runs):
        off.append(float(run_python(program, settings, *arguments)))
        on.append(float(run_python(program, settings | ON, *arguments)))
    return Compared(statistics.median(off[1:]), statistics.median(on[1:]))


def _ask_workers(starts: int, rounds: int) -> Worker:
    command = [str(WORKER / "bin" / "python"), "-m", "benchmarks.functions.host", str(starts), str(rounds)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own program
    return worker_of(json.loads(printed))


def worker_of(told: Mapping[str, Any]) -> Worker:
    """Return what `benchmarks.functions.host` has told."""
    off, on = told["off"], told["on"]

    def medians(name: str) -> dict[str, Compared]:
        return {kind: _medians(off[name][kind], on[name][kind]) for kind in KINDS}

    names = ("resident_at_start", "resident_bytes")
    looks = [Compared(off[name], on[name]) for name in names if off[name]]
    return Worker(
        _medians(off["starts"], on["starts"]),
        medians("seconds"),
        medians("cpu"),
        (looks[0], looks[1]) if looks else None,
        off["loaded"],
    )


def _medians(off: Sequence[float], on: Sequence[float]) -> Compared:
    return Compared(statistics.median(off), statistics.median(on))


def section(found: Streaming) -> str:
    """Return the section about it."""
    rows = [_row(f"import of `function_app`, {store}, CPU, ms", one) for store, one in found.imports.items()]
    if worker := found.worker:
        rows.append(_row("start of the worker until it knows all functions, SQLite, CPU, ms", worker.start))
        rows += [_row(f"{KINDS[kind]}, from beginning to end, ms", one) for kind, one in worker.latency.items()]
        rows += [_row(f"{KINDS[kind]}, the worker's CPU, ms", one) for kind, one in worker.cpu.items()]
        if worker.resident:
            for what, one in zip(("at its start", "after the requests"), worker.resident, strict=True):
                rows.append(_row(f"resident memory of the worker {what}, MB", one, 1 / MEGABYTE))
    told = [found.left_out or "requests through Microsoft's worker were not measured in this run"] if not worker else []
    if worker and not worker.loaded_when_off:
        told.append("Off, it costs nothing: of aiohttp, the extension and what that is made on, no module is loaded.")
    elif worker:
        told.append(f"Off, {worker.loaded_when_off} modules of what streaming needs are loaded all the same.")
    return f"""
What every route pays for it, also where nothing is streamed: with `HTTP_STREAMING` over without, in turns, medians.
Imports are on Python {platform.python_version()}. The worker is Microsoft's runtime on Python 3.13 in a process of its
own, asked from another: a socket stands in for gRPC, and the host's own work is in neither column. The store is SQLite,
whose disk is part of an append. Milliseconds are this machine's, ratios hardly.

{table(("", "off", "on", "on over off", "added"), rows)}
{bullets(told)}""".rstrip()


def _row(what: str, one: Compared, factor: float = MILLISECONDS) -> list[Cell]:
    return [what, one.off * factor, one.on * factor, one.ratio, (one.on - one.off) * factor]
