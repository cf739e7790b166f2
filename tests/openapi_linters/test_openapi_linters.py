"""The OpenAPI document before two public linters, which know of what clients and generators stumble over."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.http import docs_page

FOLDER = Path(__file__).parent
DOCUMENT = Path(docs_page.__file__).with_name(docs_page.DOCUMENT)
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
LINTERS = {
    "redocly": ["lint", "--extends=recommended"],
    "spectral": ["lint", "--fail-severity=error", f"--ruleset={FOLDER / 'spectral.yaml'}"],
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="the linters need node and npm on the PATH"),
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | QUIET
    return subprocess.run(command, cwd=FOLDER, env=environment, text=True, capture_output=True, check=False)


@pytest.fixture(scope="module")
def programs() -> Path:
    """Install the linters unless they are there as the lock file has them; npm writes its own list last."""
    done = FOLDER / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        installed = run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        assert installed.returncode == 0, installed.stderr
    return FOLDER / "node_modules" / ".bin"


@pytest.mark.parametrize("linter", LINTERS)
def test_the_document_is_without_error(programs: Path, linter: str) -> None:
    found = run(str(programs / linter), *LINTERS[linter], str(DOCUMENT))

    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("linter", LINTERS)
def test_a_document_with_an_error_is_refused(programs: Path, tmp_path: Path, linter: str) -> None:
    broken = tmp_path / "openapi.json"
    broken.write_text(DOCUMENT.read_text("utf-8").replace('"title": "Parley",\n', "", 1), "utf-8")

    found = run(str(programs / linter), *LINTERS[linter], str(broken))

    assert found.returncode == 1, found.stdout + found.stderr
