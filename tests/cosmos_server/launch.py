"""Starts and stops the Cosmos DB test server."""

from __future__ import annotations

import base64
import fcntl
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
ANY_KEY = base64.b64encode(b"any key will do, nothing checks it").decode()
STOP_SECONDS = 5
ANSWER_SECONDS = 30


def missing_reason() -> str | None:
    """Tell why the server cannot run here; None when it can."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"the Cosmos DB test server needs {' and '.join(missing)} on the PATH" if missing else None


@dataclass(frozen=True)
class CosmosServer:
    """A running server: give `endpoint` and `key` to the client, with `enable_endpoint_discovery=False`."""

    endpoint: str
    key: str
    process: subprocess.Popen[str]

    def items(self, database: str, container: str) -> list[dict[str, Any]]:
        """List all unexpired items of a container, in the order they were created, with their system fields."""
        query = urllib.parse.urlencode({"db": database, "coll": container})
        return json.loads(self._call("GET", f"_test/items?{query}"))

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward: items expire, and `_ts` of later writes is later."""
        self._call("POST", "_test/advance", {"seconds": seconds})

    def reset(self) -> None:
        """Drop all databases, set the clock right, let nothing lag or fail any more."""
        self._call("POST", "_test/reset")

    def lag(
        self,
        replicas: int = 1,
        *,
        writes: int | list[int] | None = None,
        milliseconds: float | list[float] | None = None,
        behind_token: Literal["wait", "move", "refuse", "draw"] = "draw",
        seed: int = 0,
    ) -> None:
        """Let every read be served by one of so many replicas that lag; 0 ends it.

        A replica knows a write when `writes` others came after it, or when it is `milliseconds` of the server's time
        old, whichever is first; a list says it for each replica. All that was written before is known to all.
        `behind_token` says what becomes of a read whose session token the replica has not reached: it waits, moves on
        to another replica and at last to the primary, or is refused with 404 and sub-status 1002.
        Which replica serves a read, and what is drawn, follows from the seed and the order of the reads.
        """
        settings = {"writes": writes, "milliseconds": milliseconds, "behindToken": behind_token, "seed": seed}
        given = {name: value for name, value in settings.items() if value is not None}
        self._call("POST", "_test/lag", {"replicas": replicas, **given})

    def refresh(self) -> None:
        """Let all replicas catch up with what is written now; later writes lag again."""
        self._call("POST", "_test/refresh")

    def fail_next(
        self,
        status: int,
        sub_status: int | None = None,
        *,
        on: Literal["read", "query", "write", "any"] = "read",
        item: str | None = None,
        times: int = 1,
        skip: int = 0,
        retry_after_ms: int | None = None,
    ) -> None:
        """Order the answer of the next requests, which are then not carried out.

        `on` is the kind of request, a `read` being that of one item, and `item` the id it names, which a query never
        does; `skip` lets that many pass first. Orders wait in a row; the first that fits a request is its answer.
        """
        fault = {
            "status": status,
            "subStatus": sub_status,
            "on": on,
            "item": item,
            "times": times,
            "skip": skip,
            "retryAfterMs": retry_after_ms,
        }
        self._call("POST", "_test/fail", {name: value for name, value in fault.items() if value is not None})

    def stop(self) -> None:
        """Stop the server; stopping a stopped server does nothing."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoint}/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            return response.read()


@contextmanager
def running_server(*options: str) -> Iterator[CosmosServer]:
    """Run a server of one's own on a free loopback port, with options such as `--read-only` or `--key KEY`."""
    _install()
    node = _path_of("node")
    command = [node, str(FOLDER / "server.mjs"), "--port", "0", "--exit-with-stdin", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server = CosmosServer(_await_endpoint(process), _key_in(options), process)
    try:
        yield server
    finally:
        server.stop()


def _await_endpoint(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("listening "):
        process.kill()
        message = f"the Cosmos DB test server did not start (exit code {process.wait()})"
        raise RuntimeError(message)
    return line.removeprefix("listening ").strip()


def _key_in(options: tuple[str, ...]) -> str:
    return options[options.index("--key") + 1] if "--key" in options else ANY_KEY


def _install() -> None:
    """Install what the lock file names, once for all test runs that start at the same time."""
    if _is_installed():
        return
    with (FOLDER / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_installed():
            command = [_path_of("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)


def _is_installed() -> bool:
    """Tell whether npm finished an install after the lock file last changed; npm writes its own list last."""
    done = FOLDER / "node_modules" / ".package-lock.json"
    return done.exists() and done.stat().st_mtime >= (FOLDER / "package-lock.json").stat().st_mtime


def _path_of(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise RuntimeError(missing_reason())
    return path
