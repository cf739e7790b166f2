"""The package as somebody gets it from an index: it builds, its page is in order, and installed it works."""

import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.process import ROOT

PACKAGE = ROOT / "clients/python"
REQUIREMENTS = ROOT / "tests/clients/frameworks/environments/requirements"  # a file for each extra


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed, and return what it printed."""
    found = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_the_page_of_the_package_leads_nowhere_that_only_the_project_has() -> None:
    text = (PACKAGE / "README.md").read_text("utf-8")

    targets = re.findall(r"\]\(([^)]+)\)|^\[[^]]+\]: (\S+)", text, re.MULTILINE)
    assert [target for pair in targets for target in pair if target and not target.startswith(("https://", "#"))] == []


@pytest.mark.slow
def test_it_builds_its_page_is_in_order_and_what_is_installed_works(url: str, customer: str, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path, PACKAGE, cwd=tmp_path)
    files = sorted(tmp_path.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=tmp_path)
    wheel, source = (next(file for file in files if file.name.endswith(end)) for end in (".whl", ".tar.gz"))

    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        metadata = packed.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "parley_client/py.typed" in names
    assert set(re.findall(r"^Provides-Extra: (.*)$", metadata, re.MULTILINE)) == {
        file.stem for file in REQUIREMENTS.iterdir()
    }
    with tarfile.open(source) as packed_source:
        folders = {name.split("/")[1] for name in packed_source.getnames() if "/" in name}
    assert folders == {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "src", ".gitignore"}

    venv.create(tmp_path / "new", with_pip=True)
    python = tmp_path / "new/bin/python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    code = f"from parley_client import Parley; print(Parley({url!r}, {customer!r}).create_session()['status'])"
    assert run(python, "-c", code, cwd=tmp_path) == "active\n"
