"""The JavaScript package's tools, and a project of somebody who has installed it."""

import os
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import serving
from tests.clients.talking import Model, a_model
from tests.e2e.process import ROOT
from tests.turns.model_server import Script, chunk, whole

PACKAGE = ROOT / "clients" / "javascript"
PATIENCE_SECONDS = 300
FAILS = {1: "Fail once", 2: "Fail the second time"}  # how words begin that fail when they are said so often


def run(*command: str, cwd: Path = PACKAGE, **environment: str) -> str:
    """Return what a command says; fail with it where it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def npm() -> None:
    """Skip with the reason where there is no node."""
    if shutil.which("npm") is None:
        pytest.skip("the client needs node 20 and npm on the PATH")


@pytest.fixture(scope="session")
def tools() -> Path:
    """Install the package's tools unless they are there as the lock file has them; npm writes its own list last."""
    done = PACKAGE / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (PACKAGE / "package-lock.json").stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return PACKAGE / "node_modules"


class Talker:
    """Has the model do what the words ask for; "Go on" lets what waits go on."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._said = Counter[str]()

    def script(self, asked: dict[str, Any]) -> Script | None:
        """Return what the model does, None for the usual."""
        newest = asked["messages"][-1]
        text = newest["content"] if isinstance(newest["content"], str) else newest["content"][0]["text"]
        if newest["role"] == "tool":
            return Script(whole("Tools said ", text))
        if asked.get("tools"):
            called = {"name": "weather", "arguments": '{"city":"Zürich"}'}
            call = {"index": 0, "id": "call_1", "type": "function", "function": called}
            return Script([chunk(delta={"tool_calls": [call]}), chunk(finish_reason="tool_calls")])
        self._said[text] += 1
        if text.startswith(FAILS.get(self._said[text], "never")):
            return Script(status=500, body={})
        if text == "Go on":
            self._model.go_on()
        return Script([chunk("One "), None, *whole("two")]) if text == "Slowly" else None


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    """Run a model."""
    with a_model() as running:
        running.judge(Talker(running).script)
        yield running


@pytest.fixture(scope="module")
def talking_url(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Parley with that model."""
    file = str(tmp_path_factory.mktemp("turns") / "parley.db")
    settings = {"MODEL_ENDPOINT": model.url, "MODEL_NAME": "small", "MODEL_CALLER_MAY_SET": "tools"}
    with serving(SQLITE_PATH=file, **settings) as where:
        yield where


@pytest.fixture(scope="module")
def project(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with the packed package and the frameworks' own ones."""
    folder = tmp_path_factory.mktemp("project")
    run("npm", "pack", f"--pack-destination={folder}", "--loglevel=error")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    (folder / "node_modules").mkdir()
    (folder / "package").rename(folder / "node_modules" / "parley-client")
    for name in ("ai", "@langchain"):
        (folder / "node_modules" / name).symlink_to(tools / name)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    return folder


@pytest.fixture(params=["ai", "ai-7"])
def project_with_ai(request: pytest.FixtureRequest, project: Path, tools: Path) -> Path:
    """Give that project each version of the AI SDK."""
    installed = project / "node_modules" / "ai"
    installed.unlink()
    installed.symlink_to(tools / request.param)
    return project
