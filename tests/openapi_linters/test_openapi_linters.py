"""The OpenAPI document before two public linters, which know of what clients and generators stumble over."""

import shutil
from pathlib import Path

import pytest

from tests.openapi_linters.programs import DOCUMENT, FOLDER, run

LINTERS = {
    "redocly": ["lint", "--extends=recommended"],
    "spectral": ["lint", "--fail-severity=error", f"--ruleset={FOLDER / 'spectral.yaml'}"],
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="the linters need node and npm on the PATH"),
]


@pytest.mark.parametrize("linter", LINTERS)
def test_the_document_is_without_error(node_programs: Path, linter: str) -> None:
    found = run(node_programs / linter, *LINTERS[linter], DOCUMENT)

    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("linter", LINTERS)
def test_a_document_with_an_error_is_refused(node_programs: Path, tmp_path: Path, linter: str) -> None:
    broken = tmp_path / "openapi.json"
    broken.write_text(DOCUMENT.read_text("utf-8").replace('"title": "Parley",\n', "", 1), "utf-8")

    found = run(node_programs / linter, *LINTERS[linter], broken)

    assert found.returncode == 1, found.stdout + found.stderr
