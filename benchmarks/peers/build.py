"""A build of Parley in a process of its own: this one, or one from before, driven by the same few lines.

Two versions of `shared` never meet in one process. `build_worker.py` takes a line of JSON for each call on its
standard input and answers with one, when the call is through and so is whatever it has left running behind it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from typing_extensions import override

from benchmarks import before
from benchmarks.peers.peer import Chatting, Place, role

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).parent / "build_worker.py"
NEWEST = 50
LINE_BYTES = 64 * 1024 * 1024


class ThisBuild(Chatting):
    """The build that the benchmark belongs to."""

    name: ClassVar[str] = "Parley"
    container: ClassVar[str] = "this-build"
    resumes_from: ClassVar[str] = f"the newest {NEWEST}"
    grows_by: ClassVar[int | None] = 2  # a turn: how many pages a resume asks for follows from the mean of all pages

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Talk to a worker that runs."""
        self._process = process
        self._returned_at = 0.0

    @classmethod
    def root(cls) -> Path:
        """Return the folder that `shared` is in."""
        return ROOT

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, place: Place, session_id: str) -> AsyncIterator[Self]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(WORKER), place.endpoint, place.key, place.database, cls.container),
            env={"PYTHONPATH": str(cls.root()), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=cls.root(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        try:
            opened = cls(process)
            await opened.begin(session_id)
            yield opened
        finally:
            if process.stdin:
                process.stdin.close()  # the end of its input is the end of it
            await process.wait()

    async def _call(self, verb: str, *arguments: Any) -> int:
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise AssertionError
        writer.write(json.dumps([verb, *arguments]).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended in {verb}")
        answer = json.loads(line)
        self._returned_at = answer["returned_at"]
        return answer["result"]

    @property
    @override
    def returned_at(self) -> float:
        return self._returned_at

    @override
    async def begin(self, session_id: str) -> None:
        await self._call("begin")

    @override
    async def add(self, texts: Sequence[str]) -> None:
        await self._call("add", [(role(number), text) for number, text in enumerate(texts)])

    @override
    async def resume(self) -> int:
        return await self.newest(NEWEST)

    @override
    async def newest(self, limit: int) -> int:
        return await self._call("newest", limit)

    @override
    async def back(self, pages: int, size: int) -> int:
        return await self._call("back", pages, size)

    async def start_anew(self, *, connected: bool) -> None:
        """Go on with the session as a process that has not heard of it; connected, it has served others before."""
        await self._call("start_anew", connected)

    @override
    async def delete(self) -> None:
        await self._call("delete")

    @override
    async def listed(self, limit: int) -> int:
        return await self._call("listed", limit)


class BuildBefore(ThisBuild):
    """The last build before pages were made in one batch with the append."""

    name: ClassVar[str] = f"build {before.COMMIT}"
    container: ClassVar[str] = "build-before"

    @override
    @classmethod
    def missing_reason(cls) -> str | None:
        return before.missing_reason()

    @override
    @classmethod
    def root(cls) -> Path:
        return before.root()
