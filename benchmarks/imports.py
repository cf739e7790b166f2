"""What importing `function_app` costs over importing what others have written for it, and what it leaves for later."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cosmos_server.launch import CosmosServer

ROOT = Path(__file__).resolve().parent.parent
RUNS = 21  # of each side, in turns
WATCHED = ("azure.functions", "pydantic", "azure.cosmos", "aiohttp", "azure.identity", "sqlite3")

# Each runs in a fresh interpreter. Processor time, not the clock: what else the machine does counts less.
THIRD_PARTY = """
import json, sys
before = set(sys.modules)
import function_app
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(json.dumps([name for name, file in files.items() if name not in before and "site-packages" in file]))
"""
TIMED = """
import importlib, sys, time
names = sys.argv[1:]
started = time.process_time()
for name in names:
    importlib.import_module(name)
print(time.process_time() - started)
"""
LOADED = """
import asyncio, json, sys
import function_app
watched = sys.argv[2:]
at_import = [name for name in watched if name in sys.modules]
async def connect():
    if sys.argv[1] == "ping":
        await function_app.chat.store.ping()
    else:  # asking for a token would go to the network
        function_app.chat.store._connection._make_client()
asyncio.run(connect())
print(json.dumps([at_import, [name for name in watched if name in sys.modules]]))
"""


@dataclass(frozen=True, slots=True)
class ImportTime:
    """Processor seconds of importing the app, and of importing the third-party modules it loads."""

    store: str
    modules: int  # third-party ones
    app: list[float]
    third_party: list[float]

    @property
    def ratio(self) -> float:
        """The app's median over that of the third-party modules alone."""
        return statistics.median(self.app) / statistics.median(self.third_party)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Which of the watched packages are loaded after the import, and which once the store has been used."""

    configuration: str
    at_import: list[str]
    at_first_use: list[str]


def measure(server: CosmosServer, runs: int = RUNS) -> tuple[list[ImportTime], list[Loaded]]:
    """Time both imports for each store, and look at what is loaded when for each store and kind of credential."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = {"STORE": "sqlite", "SQLITE_PATH": str(Path(folder) / "import.db")}
        identity = {"STORE": "cosmos", "COSMOS_ENDPOINT": server.endpoint, "COSMOS_EMULATOR": "true"}
        cosmos = identity | {"COSMOS_KEY": server.key}
        times = [_time(sqlite, runs), _time(cosmos, runs)]
        return times, [
            _look("SQLite", sqlite, "ping"),
            _look("Cosmos DB, key", cosmos, "ping"),
            _look("Cosmos DB, managed identity", identity, "client"),
        ]


def _time(settings: Mapping[str, str], runs: int) -> ImportTime:
    """Import in fresh interpreters, in turns; the first pair, which may compile, is not counted."""
    third_party = json.loads(run_python(THIRD_PARTY, settings))
    app, others = [], []
    for _ in range(1 + runs):
        app.append(float(run_python(TIMED, settings, "function_app")))
        others.append(float(run_python(TIMED, settings, *third_party)))
    return ImportTime(settings["STORE"], len(third_party), app[1:], others[1:])


def _look(configuration: str, settings: Mapping[str, str], use: str) -> Loaded:
    at_import, at_first_use = json.loads(run_python(LOADED, settings, use, *WATCHED))
    return Loaded(configuration, at_import, at_first_use)


def run_python(program: str, settings: Mapping[str, str], *arguments: str) -> str:
    """Run a program in a fresh interpreter, with these settings and no others, and return what it prints."""
    environment = {"PATH": os.environ.get("PATH", ""), **settings}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own programs
