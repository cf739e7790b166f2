"""Parley as a process of its own, started the way `make run` starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
LAST_LINE = "Ctrl-C stops it.\n"
START_SECONDS = 20


@dataclass(frozen=True)
class Parley:
    """A running process and what it said when it was ready."""

    process: subprocess.Popen[str]
    welcome: str

    @property
    def url(self) -> str:
        """Where it says that it listens."""
        found = re.search(r"listens on (http://127\.0\.0\.1:\d+)\n", self.welcome)
        assert found, self.welcome
        return found[1]

    def ask(self, path: str, user: str, body: object = None) -> Any:
        """Send a request of one user, a POST where there is a body, and return the JSON of a good answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-user-id": user, "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)
        with closing(urllib.request.urlopen(request, timeout=START_SECONDS)) as answer:
            return json.load(answer)

    def status(self, path: str, user: str, body: object = None) -> int:
        """Return the status of such a request, 200 for any that is good."""
        try:
            self.ask(path, user, body)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code
        return 200

    def stop(self, number: signal.Signals) -> tuple[int, float, str]:
        """Send a signal; return the exit code, the seconds it took and what was written to stderr."""
        started = time.monotonic()
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=START_SECONDS)
        return self.process.returncode, time.monotonic() - started, complaints


def launch(folder: Path = ROOT, *, log: IO[str] | None = None, **settings: str) -> subprocess.Popen[str]:
    """Start what `make run` starts, with these settings and no others of this machine's environment.

    A process that is asked much needs a `log` to write to: one that nobody reads from stops it when it is full.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "shared.local_host"],
        cwd=folder,
        env={**kept, "PORT": "0", "STORE": "sqlite", **settings},
        stdout=subprocess.PIPE,
        stderr=log or subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(folder: Path = ROOT, *, log: IO[str] | None = None, **settings: str) -> Iterator[Parley]:
    """Run Parley until the block ends, and wait until it is ready."""
    process = launch(folder, log=log, **settings)
    assert process.stdout
    try:
        lines = []
        while LAST_LINE not in lines[-1:]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read() if process.stderr else ""
        yield Parley(process, "".join(lines))
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)
