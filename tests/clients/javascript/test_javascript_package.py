"""The JavaScript package: its own tests on a real Parley, its types, and what somebody who installs it gets."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.process import ROOT

PACKAGE = ROOT / "clients" / "javascript"
FRAMEWORKS = {"ai-sdk.test.js", "langchain.test.js"}  # they want the frameworks' own packages
COMPILE = ("--strict", "--module", "nodenext", "--target", "es2022", "--lib")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="the client needs node 20 and npm on the PATH")


def run(*command: str, cwd: Path = PACKAGE, **environment: str) -> str:
    """Return what a command says; fail with it where it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, text=True, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(*, wanted: bool) -> list[str]:
    """Name the files of tests that want frameworks, or those that do not."""
    found = [
        f"test/{path.name}" for path in (PACKAGE / "test").glob("*.test.js") if (path.name in FRAMEWORKS) == wanted
    ]
    assert found
    return found


@pytest.fixture(scope="module")
def tools() -> Path:
    """Install the package's tools unless they are there as the lock file has them; npm writes its own list last."""
    done = PACKAGE / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (PACKAGE / "package-lock.json").stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    return PACKAGE / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def project(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project of somebody who has installed the package, its packed form, and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    run("npm", "pack", f"--pack-destination={folder}", "--loglevel=error")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    (folder / "node_modules").mkdir()
    (folder / "package").rename(folder / "node_modules" / "parley-client")
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    return folder


def test_the_client_does_what_its_tests_say(url: str) -> None:
    run("node", "--test", *files_of(wanted=False), PARLEY_URL=url)


@pytest.mark.slow
def test_types_are_strict_and_fit_the_tests(tools: Path) -> None:
    run("npm", "run", "check")


@pytest.mark.slow
def test_the_package_holds_its_modules_their_types_and_its_readme(project: Path) -> None:
    installed = project / "node_modules" / "parley-client"
    held = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    modules = {path.stem for path in (PACKAGE / "src").glob("*.js")}

    described = {f"types/{name}.d.ts" for name in {*modules, "public", "types"}}
    assert held == {"package.json", "README.md", "LICENSE"} | {f"src/{name}.js" for name in modules} | described
    assert not json.loads((installed / "package.json").read_text("utf-8")).get("dependencies")


@pytest.mark.slow
def test_a_user_of_the_package_compiles_strictly_and_runs(project: Path, tools: Path, url: str) -> None:
    sample = (PACKAGE / "test" / "sample.ts").read_text("utf-8")
    (project / "sample.ts").write_text(sample, "utf-8")
    tsc, node = str(tools / "tsc"), ("--typeRoots", str(PACKAGE / "node_modules" / "@types"), "--types", "node")

    run(tsc, *COMPILE, "es2022,dom", "sample.ts", cwd=project)
    run(tsc, *COMPILE, "es2022", *node, "--noEmit", "sample.ts", cwd=project)
    said = run("node", "sample.js", cwd=project, PARLEY_URL=url)

    assert said == "2 Hi there.\n1 Hello!\n"
