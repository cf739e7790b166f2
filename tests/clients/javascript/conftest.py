"""The JavaScript package's tools, and a project of somebody who has installed it."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.process import ROOT

PACKAGE = ROOT / "clients" / "javascript"
PATIENCE_SECONDS = 300


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
