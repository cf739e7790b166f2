"""Runs both sides of every framework against the Cosmos DB test server and counts what crosses the wire to it.

A framework's own store speaks to the counting proxy itself; an adapter speaks HTTP to Parley's local host, and the host
to the proxy: what is counted is what Cosmos DB sees. The HTTP between adapter and host is not.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.counting_proxy import CountingProxy, Totals, add_up, counting_proxy
from tests.cosmos_server.launch import running_server

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = Path(__file__).parent / ".venvs"
OWN = "Parley"
LENGTHS = (10, 1_000)
WRITERS, EACH = 8, 5
QUIET_SECONDS = 0.2  # without a request: nothing goes on behind the answer any more
LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """A framework, and where its adapter and its own store are found."""

    framework: str
    module: str
    peer: str  # the package of its own store; nothing where there is none
    environment: str
    peer_environment: str = ""
    peer_module: str = ""

    @property
    def sides(self) -> list[tuple[str, str, str, str]]:
        """Return name, environment, module and class of each side."""
        own = (OWN, self.environment, self.module, "Adapter")
        peer = (self.peer, self.peer_environment or self.environment, self.peer_module or self.module, "Peer")
        return [own, peer] if self.peer else [own]

    def missing_reason(self) -> str | None:
        """Tell why it cannot be measured here; None when it can."""
        missing = {
            environment for _, environment, _, _ in self.sides if not (ENVIRONMENTS / f"{environment}.ready").exists()
        }
        if not missing:
            return None
        return f"{self.framework} is left out: `make bench ARGS=--frameworks` installs {' and '.join(missing)}"


PAIRS = (
    Pair("langchain", "langchain", "langchain-azure-cosmosdb", "langchain"),
    Pair("langgraph", "langgraph", "langchain-azure-cosmosdb", "langchain"),
    Pair("agent-framework", "agent_framework", "agent-framework-azure-cosmos", "agent-framework"),
    Pair(
        "pydantic-ai",
        "pydantic_ai",
        "pydantic-ai-cosmosdb-persistence",
        "pydantic-ai",
        "pydantic-ai-cosmosdb",
        "pydantic_ai_cosmosdb",
    ),
    Pair("llama-index", "llama_index", "llama-index-storage-chat-store-azurecosmosnosql", "llama-index"),
    Pair("openai-agents", "openai_agents", "", "openai-agents"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What reading a conversation of that length costs, and storing a turn in it, or why it cannot be done."""

    length: int
    read: Totals
    save: Totals
    error: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one side."""

    framework: str
    name: str
    turn_reads: bool
    turns: list[Turn]
    race: dict[str, Any]
    unequal: dict[str, str]  # by case: nothing where it came back equal


class WorkerError(Exception):
    """What the side was asked for failed."""


class Worker:
    """A side in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Talk to a worker that runs."""
        self._process = process

    async def __call__(self, verb: str, *arguments: Any) -> Any:
        """Ask for something and return the result."""
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise AssertionError
        writer.write(json.dumps([verb, *arguments]).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line:
            raise RuntimeError(f"the worker ended in {verb}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["result"]


def missing_reasons() -> list[str]:
    """Tell which frameworks cannot be measured here."""
    return [reason for pair in PAIRS if (reason := pair.missing_reason())]


def has_any() -> bool:
    """Tell whether anything can be measured here."""
    return len(missing_reasons()) < len(PAIRS)


def measure(only: Sequence[str] = ()) -> list[Found]:
    """Measure every framework that is installed, or only these."""
    pairs = [pair for pair in PAIRS if not pair.missing_reason() and (not only or pair.framework in only)]
    return [asyncio.run(_measure(pair, side)) for pair in pairs for side in pair.sides]


async def _measure(pair: Pair, side: tuple[str, str, str, str]) -> Found:
    print(f"measuring {pair.framework}: {side[0]} …", file=sys.stderr, flush=True)
    with running_server() as server:
        async with counting_proxy(server.endpoint) as proxy, _worker(proxy, server.key, side) as worker:
            turns = [await _turn(proxy, worker, length) for length in LENGTHS]
            turn_reads = await worker("turn_reads")
            return Found(pair.framework, side[0], turn_reads, turns, await _race(worker), await _unequal(worker))


@asynccontextmanager
async def _parley(settings: dict[str, str]) -> AsyncIterator[str]:
    """Serve Parley as `make run` does, with the settings of somebody who has set nothing else; yield its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.local_host"),
        env={"PATH": os.defpath, "PORT": "0", "STORE": "cosmos", "COSMOS_EMULATOR": "true", **settings},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await _address(process)
    finally:
        process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Return where it says that it listens."""
    while process.stdout and (line := await process.stdout.readline()):
        if found := re.search(rb"listens on (http://\S+)\n", line):
            return found[1].decode()
    raise RuntimeError("Parley does not start")


@asynccontextmanager
async def _worker(proxy: CountingProxy, key: str, side: tuple[str, str, str, str]) -> AsyncIterator[Worker]:
    """Run a side, an adapter with Parley behind it."""
    name, environment, module, class_name = side
    async with AsyncExitStack() as stack:
        settings = {"PEER_ENDPOINT": proxy.endpoint, "PEER_KEY": key}
        if name == OWN:
            parley = _parley({"COSMOS_ENDPOINT": proxy.endpoint, "COSMOS_KEY": key})
            settings = {"PARLEY_URL": await stack.enter_async_context(parley)}
        process = await asyncio.create_subprocess_exec(
            *(str(_python(environment)), "-P", "-m", "benchmarks.frameworks.worker", module, class_name),
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, **settings},
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        try:
            yield Worker(process)
        finally:
            if process.stdin:
                process.stdin.close()  # the end of its input is the end of it
            await process.wait()


async def _turn(proxy: CountingProxy, worker: Worker, length: int) -> Turn:
    """Let a conversation grow, open it anew and look at a read and at a turn."""
    nothing = add_up([])
    try:
        await worker("open", f"long-{length}")
        await worker("grow", length)
        await worker("open", f"long-{length}")
        await worker("read")  # a client asks for the partition's ranges once in its life, at its first read
        read = await _counted(proxy, worker, "read")
        return Turn(length, read, await _counted(proxy, worker, "save", length))
    except WorkerError as error:
        return Turn(length, nothing, nothing, str(error))


async def _counted(proxy: CountingProxy, worker: Worker, *call: Any) -> Totals:
    with proxy.phase("a call") as recorded:
        recorded.clear()
        await worker(*call)
        seen = -1
        while seen != len(recorded):
            seen = len(recorded)
            await asyncio.sleep(QUIET_SECONDS)
        return add_up(recorded)


async def _race(worker: Worker) -> dict[str, Any]:
    try:
        return await worker("race", "crowded", WRITERS, EACH)
    except WorkerError as error:
        return {"error": str(error)}


async def _unequal(worker: Worker) -> dict[str, str]:
    try:
        await worker("open", "cases")
        return await worker("equal")
    except WorkerError as error:
        return {"any": str(error)}


def _python(environment: str) -> Path:
    return ENVIRONMENTS / environment / "bin" / "python"
