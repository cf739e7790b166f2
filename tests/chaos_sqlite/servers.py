"""Processes of Parley that share one data file, and how they are started, killed and stopped."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAST_LINE = b"Ctrl-C stops it.\n"
START_SECONDS = 60  # on a machine that does much else; some two seconds where it is quiet
STOP_SECONDS = 15
SETTINGS = {"STORE": "sqlite", "ARCHIVE_AFTER_SECONDS": "1", "ARCHIVE_SCHEDULE": "0 0 0 1 1 *"}


class Server:
    """One process; each start takes a port that is free, so `url` is another one afterwards."""

    def __init__(self, name: str, data: Path, log: Path) -> None:
        """Name the data file, and the file that takes down what the process complains of."""
        self.name = name
        self.url = ""
        self.log = log
        self._data = data
        self._process: Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it answers requests; raises TimeoutError or what it said instead."""
        await self.spawn()
        async with asyncio.timeout(START_SECONDS):
            self.url = await self._welcome(self._running())

    async def spawn(self) -> None:
        """Start the process and wait for nothing."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "shared.local_host"),
                cwd=ROOT,
                env={**kept, **SETTINGS, "SQLITE_PATH": str(self._data), "PORT": "0"},
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
            )

    async def kill(self) -> None:
        """Kill it without warning (SIGKILL) and return when it is gone."""
        process = self._running()
        process.kill()
        await process.wait()

    async def stop(self) -> int:
        """Ask it to stop (SIGTERM) and return its exit code; it is killed when it does not stop in time."""
        process = self._running()
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await process.wait()
        except TimeoutError:
            await self.kill()
            return await process.wait()

    async def end(self) -> None:
        """Make sure that it does not run, whatever happened."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def _welcome(self, process: Process) -> str:
        assert process.stdout
        said = b""
        while not said.endswith(LAST_LINE):
            line = await process.stdout.readline()
            assert line, f"{self.name} did not start: {self.log.read_text('utf-8')[-2000:]}"
            said += line
        found = re.search(rb"listens on (http://127\.0\.0\.1:\d+)\n", said)
        assert found, said
        return found[1].decode()

    def _running(self) -> Process:
        assert self._process, "it was never started"
        return self._process


@asynccontextmanager
async def running(count: int, folder: Path) -> AsyncIterator[list[Server]]:
    """Run several processes on one new data file in a folder; whatever is left of them at the end is killed."""
    servers = [Server(f"server {n}", data_file(folder), folder / f"server-{n}.log") for n in range(1, count + 1)]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        await asyncio.gather(*(server.end() for server in servers))


def data_file(folder: Path) -> Path:
    """Return the data file of the servers of a folder."""
    return folder / "parley.db"
