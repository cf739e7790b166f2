"""What `make` installs before it does what it is asked for, and that no more is needed; pip is played by a script."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

from shared.settings import PROJECT_ROOT

MAKE = shutil.which("make")
LISTS = ("requirements.txt", "requirements-commands.txt", "requirements-dev.txt")
LONG_AGO = 1_600_000_000
SERVING, COMMANDS, ALL = LISTS[:1], LISTS[:2], LISTS
NEEDS = {
    "run": SERVING,
    "openapi": SERVING,
    "provision": SERVING,
    "archive": COMMANDS,
    "migrate": COMMANDS,
    "check": ALL,
    "test": ALL,
    "soak": ALL,
}
A_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin" && for name in python ruff mypy; do cp "$0" "$3/bin/$name"; done ;;
    "-m pip") for list; do :; done; echo "installs $list" ;;
esac
"""

needs_make = pytest.mark.skipif(MAKE is None, reason="there is no make to try the Makefile with")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a folder with what of a fresh clone `make` looks at, and a Python that tells what it would install."""
    for name in ("Makefile", *LISTS):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    python = tmp_path / "a-python"
    python.write_text(A_PYTHON)
    python.chmod(0o755)
    return tmp_path


def installed(clone: Path, target: str) -> tuple[str, ...]:
    """Make a target and return the lists that were installed for it, in their order."""
    command = [str(MAKE), target, f"PYTHON={clone / 'a-python'}"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True)
    return tuple(re.findall("installs (.+)", done.stdout))


@needs_make
@pytest.mark.parametrize("target", NEEDS)
def test_a_target_installs_what_it_needs_and_only_the_first_time(clone: Path, target: str) -> None:
    assert [installed(clone, target) for _ in range(2)] == [NEEDS[target], ()]


@needs_make
def test_what_is_installed_is_added_to_in_any_order(clone: Path) -> None:
    assert [installed(clone, target) for target in ("run", "test", "migrate", "run")] == [SERVING, ALL[1:], (), ()]


@needs_make
@pytest.mark.parametrize("changed", LISTS)
def test_a_list_that_has_changed_is_installed_again_where_it_is_needed(clone: Path, changed: str) -> None:
    installed(clone, "test")
    for file in [*clone.glob("*.txt"), *clone.glob(".venv/*.ready")]:
        os.utime(file, (LONG_AGO, LONG_AGO))
    (clone / changed).touch()

    assert installed(clone, "run") + installed(clone, "test") == LISTS[LISTS.index(changed) :]


def listed(*lists: str) -> set[str]:
    """Return the packages that lists bring, with what those require themselves."""
    lines = [line for name in lists for line in (PROJECT_ROOT / name).read_text("utf-8").splitlines()]
    wanted = [line for line in lines if not line.startswith(("#", "-r"))]
    brought: set[str] = set()
    while wanted:
        name = normal(re.split(r"[^\w.-]", wanted.pop())[0])
        if name not in brought:
            brought.add(name)
            with suppress(PackageNotFoundError):  # what another platform needs
                wanted += [line for line in requires(name) or () if "extra ==" not in line]
    return brought


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def imported(files: Iterator[Path]) -> set[str]:
    """Return the packages that files import anywhere, those in functions too."""
    modules: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    packages = packages_distributions()
    return {normal(packages[name][0]) for name in modules & packages.keys()}


def test_what_serves_imports_nothing_that_its_list_does_not_bring() -> None:
    commands = {PROJECT_ROOT / "shared" / "progress.py", *(PROJECT_ROOT / "shared" / "migrate").rglob("*.py")}
    serving = (file for file in (PROJECT_ROOT / "shared").rglob("*.py") if file not in commands)

    assert imported(serving) <= listed(*SERVING)


def test_the_commands_import_nothing_that_their_lists_do_not_bring() -> None:
    assert imported((PROJECT_ROOT / "shared").rglob("*.py")) <= listed(*COMMANDS)
