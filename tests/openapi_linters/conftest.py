"""The tools of others that read the OpenAPI document."""

import sys
from pathlib import Path

import pytest

from tests.openapi_linters.programs import FOLDER, install, run


@pytest.fixture(scope="session")
def node_programs() -> Path:
    """Return the folder of the programs of the lock file."""
    modules = FOLDER / "node_modules"
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    install(modules / ".package-lock.json", FOLDER / "package-lock.json", "npm", "ci", *flags)
    return modules / ".bin"


@pytest.fixture(scope="session")
def python_programs() -> Path:
    """Return the folder of the programs of requirements.txt."""
    environment, wanted = FOLDER / ".venv", FOLDER / "requirements.txt"
    programs = environment / "bin"
    if not programs.exists():
        assert run(sys.executable, "-m", "venv", environment).returncode == 0
    flags = ("--quiet", "--disable-pip-version-check")
    install(environment / "ready", wanted, programs / "python", "-m", "pip", "install", *flags, "-r", wanted)
    return programs
