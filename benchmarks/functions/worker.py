"""`python -m benchmarks.functions.worker PORT`: Microsoft's runtime with Parley's functions, and nothing of the host's.

It connects to that port and answers frames, each its length and then as many bytes: a message of the host's with the
runtime's answer, an empty one with what this process has cost so far. A socket stands in for gRPC.
"""

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

import azure_functions_runtime as library

from benchmarks.resident import resident_bytes
from tests.worker.messages import protos
from tests.worker.runtime import Envelope, load

ROOT = Path(__file__).resolve().parents[2]
HAS_PROC = Path("/proc/self/statm").exists()
LENGTH_BYTES = 4
WATCHED = ("aiohttp", "azurefunctions", "shared.http.web_extension")  # what streaming needs


async def serve(port: int) -> None:
    """Load the functions, tell the host of them, and answer it until it hangs up."""
    library.start_threadpool_executor()
    runtime = await load(ROOT)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    functions = {one.name: [one.function_id, one.trigger["name"]] for one in runtime.functions.values()}
    told = {"functions": functions, "capabilities": dict(runtime.capabilities), **cost()}
    await send(writer, json.dumps(told).encode())
    under_way = set[asyncio.Task[None]]()
    try:
        while (frame := await receive(reader)) is not None:
            task = asyncio.create_task(_answer(frame, writer))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    finally:
        await runtime.app_module.close()
        library.stop_threadpool_executor()


async def _answer(frame: bytes, writer: asyncio.StreamWriter) -> None:
    if not frame:
        gc.collect()
        await send(writer, json.dumps(cost()).encode())
        return
    message = protos.StreamingMessage.FromString(frame)
    response = await library.invocation_request(Envelope("invocation_request", message))
    await send(writer, response.SerializeToString())


def cost() -> dict[str, object]:
    """Return this process's processor seconds, resident bytes, and the modules it has loaded for streaming."""
    loaded = [name for name in sys.modules if name.partition(".")[0] in WATCHED or name in WATCHED]
    resident = resident_bytes("self") if HAS_PROC else None
    return {"cpu_seconds": time.process_time(), "resident_bytes": resident, "loaded": len(loaded)}


async def send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Send a frame."""
    writer.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)
    await writer.drain()


async def receive(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next frame; None where the other side has hung up."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
