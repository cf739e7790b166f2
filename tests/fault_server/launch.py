"""Starts and stops the stand-in, `@copilotkit/aimock` from npm, and sets how it fails."""

import fcntl
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
FIXTURES = FOLDER / "fixtures.json"
STOP_SECONDS = 5
TOGETHER = {"--log-level": "info", "--host": "127.0.0.1", "--port": "0", "--fixtures": str(FIXTURES)}


def missing_reason() -> str | None:
    """Say why it cannot run here; None when it can."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"the stand-in for a model needs {' and '.join(missing)} on the PATH" if missing else None


@dataclass(frozen=True)
class FaultServer:
    """A running stand-in."""

    url: str

    def fail(self, **rates: float) -> None:
        """Let requests fail at these rates, by aimock's names of them; without any, they fail no more."""
        self._call("POST", "chaos", rates)

    def asked(self) -> list[dict[str, Any]]:
        """Return all that it was asked, oldest first."""
        return [entry["body"] for entry in self._call("GET", "journal")]

    def _call(self, method: str, what: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/__aimock/{what}", data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def running_fault_server() -> Iterator[FaultServer]:
    """Install it if need be, and run it on a free port until the context ends."""
    _install()
    command = [
        str(shutil.which("node")),
        str(PROGRAM),
        "--strict",
        *(part for pair in TOGETHER.items() for part in pair),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield FaultServer(_address(process))
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    said = ""
    for line in process.stdout or ():
        said += line
        if found := re.search(r"listening on (http://\S+)", line):
            return found[1]
    raise RuntimeError(said)


def _install() -> None:
    """Install what the lock file has, unless it is there; npm writes its own list last."""
    with (FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = FOLDER / "node_modules" / ".package-lock.json"
        if not done.exists() or done.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
            command = [
                str(shutil.which("npm")),
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ]
            subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
