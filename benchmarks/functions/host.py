"""`python -m benchmarks.functions.host STARTS ROUNDS`: the host's part, once with HTTP_STREAMING and once without.

Two workers stand side by side and are asked in turns; prints what they cost as JSON. Runs in `.venv-worker`.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp

from benchmarks.functions.worker import ROOT, receive, send
from tests.worker.messages import protos

MODES = {"off": {}, "on": {"HTTP_STREAMING": "true"}}
ASKED = 25  # requests of a kind in a row, before the other worker is asked
START_SECONDS = 60
WARM = 2  # rounds that are not counted
SESSION = "plain"
HEADERS = {"x-user-id": "somebody", "content-type": "application/json"}
MESSAGE = json.dumps({"role": "user", "content": "What was said in four hundred characters. " * 10}).encode()


class Request(NamedTuple):
    """What is asked: of which function, by which method and path, with which values of the route and which body."""

    function: str
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""


OF_SESSION = {"session_id": SESSION}
REQUESTS = {
    "health": Request("health", "GET", "health", {}, {}),
    "read": Request("read_session", "GET", f"chat/sessions/{SESSION}", OF_SESSION, {"limit": "20"}),
    "append": Request("append_messages", "POST", f"chat/sessions/{SESSION}/messages", OF_SESSION, {}, MESSAGE),
}
CREATE = Request("create_session", "POST", "chat/sessions", {}, {}, json.dumps({"id": SESSION}).encode())


@dataclass
class Worker:
    """A worker and the connection to it; `told` is what it said when it had loaded the functions."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: aiohttp.ClientSession
    told: Mapping[str, Any]
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _cost: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def read(self) -> None:
        """Hand each answer to whoever waits for it."""
        while (frame := await receive(self.reader)) is not None:
            if frame.startswith(b"{"):
                self._cost.put_nowait(frame)
                continue
            response = protos.InvocationResponse.FromString(frame)
            self._waiting.pop(response.invocation_id).set_result(response)

    async def cost(self) -> dict[str, Any]:
        """Return what it has cost so far."""
        await send(self.writer, b"")
        found: dict[str, Any] = json.loads(await self._cost.get())
        return found

    async def ask(self, request: Request) -> float:
        """Return the seconds from the request's beginning to its answer's end."""
        began = time.perf_counter()
        address = self.told["capabilities"].get("HttpUri")
        if address is None:
            response = await self._invoke(request, str(uuid4()), _whole(request))
            status = int(response.return_value.http.status_code)
            took = time.perf_counter() - began
        else:
            status, took = await self._forward(address, request, began)
        if status not in {200, 201}:
            raise RuntimeError(f"{request.function} was answered {status}")
        return took

    async def _forward(self, address: str, request: Request, began: float) -> tuple[int, float]:
        invocation_id = str(uuid4())
        invocation = asyncio.create_task(
            self._invoke(request, invocation_id, protos.RpcHttp(params=dict(request.params)))
        )
        headers = {**HEADERS, "x-ms-invocation-id": invocation_id}
        url = f"{address}/api/{request.path}"
        sending = self.http.request(
            request.method, url, params=request.query, data=request.body or None, headers=headers
        )
        async with sending as answer:
            await answer.read()
            took = time.perf_counter() - began
        await invocation
        return answer.status, took

    async def _invoke(self, request: Request, invocation_id: str, http: Any) -> Any:
        function_id, parameter = self.told["functions"][request.function]
        invocation = protos.InvocationRequest(
            invocation_id=invocation_id,
            function_id=function_id,
            input_data=[protos.ParameterBinding(name=parameter, data=protos.TypedData(http=http))],
            trace_context=protos.RpcTraceContext(trace_parent=f"00-{uuid4().hex}-0123456789abcdef-01"),
        )
        message = protos.StreamingMessage(request_id=invocation_id, invocation_request=invocation)
        self._waiting[invocation_id] = asyncio.get_running_loop().create_future()
        await send(self.writer, message.SerializeToString())
        return await self._waiting[invocation_id]


def _whole(request: Request) -> Any:
    """Return the request as the host sends it where the worker does not listen."""
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    return protos.RpcHttp(
        method=request.method,
        url=f"http://127.0.0.1/api/{request.path}" + (f"?{query}" if query else ""),
        headers=HEADERS,
        query=dict(request.query),
        params=dict(request.params),
        body=protos.TypedData(bytes=request.body) if request.body else None,
    )


@asynccontextmanager
async def started(settings: Mapping[str, str]) -> AsyncIterator[Worker]:
    """Start a worker with these settings on a store of its own; it has loaded the functions when the block begins."""
    arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *both: arrived.put_nowait(both), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ.get("PATH", ""), "SQLITE_PATH": str(Path(folder) / "worker.db")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.functions.worker", str(port)),
            cwd=ROOT,
            env={"STORE": "sqlite", **environment, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a line a request
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                reader, writer = await arrived.get()
                told = json.loads(await receive(reader) or b"{}")
            server.close()
            async with aiohttp.ClientSession() as http:
                worker = Worker(reader, writer, http, told)
                reading = asyncio.create_task(worker.read())
                yield worker
                writer.close()
                await reading
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def measure(starts: int, rounds: int) -> dict[str, Any]:
    """Start both kinds of worker in turns, then ask one of each in turns."""
    found: dict[str, Any] = {mode: {"starts": [], "seconds": {}, "cpu": {}} for mode in MODES}
    for number in range(1 + starts):  # the first pair may compile
        for mode, settings in MODES.items():
            async with started(settings) as worker:
                if number:
                    found[mode]["starts"].append(worker.told["cpu_seconds"])
    async with started(MODES["off"]) as off, started(MODES["on"]) as on:
        workers = {"off": off, "on": on}
        for worker in workers.values():
            await worker.ask(CREATE)
        for number in range(WARM + rounds):
            for kind, request in REQUESTS.items():
                for mode in list(MODES)[:: 1 if number % 2 else -1]:
                    seconds, cpu = await _block(workers[mode], request)
                    if number >= WARM:
                        found[mode]["seconds"].setdefault(kind, []).extend(seconds)
                        found[mode]["cpu"].setdefault(kind, []).append(cpu)
        for mode, worker in workers.items():
            found[mode]["resident_at_start"] = worker.told["resident_bytes"]
            found[mode] |= await worker.cost()
    return found


async def _block(worker: Worker, request: Request) -> tuple[Sequence[float], float]:
    """Ask so many times; return the seconds of each, and the worker's processor seconds for one."""
    before = (await worker.cost())["cpu_seconds"]
    seconds = [await worker.ask(request) for _ in range(ASKED)]
    return seconds, ((await worker.cost())["cpu_seconds"] - before) / ASKED


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(*map(int, sys.argv[1:3])))))
