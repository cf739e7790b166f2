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
BROUGHT_BY_THE_WORKER = {"opentelemetry"}  # where its settings switch it on; else nothing is traced
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
    "-m venv") mkdir -p "$3/bin" && for name in python ruff mypy lint-imports; do cp "$0" "$3/bin/$name"; done ;;
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


def installed(clone: Path, target: str, *arguments: str) -> tuple[str, ...]:
    """Make a target and return the lists that were installed for it, in their order."""
    command = [str(MAKE), target, f"PYTHON={clone / 'a-python'}", *arguments]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True)
    return tuple(re.findall("installs (.+)", done.stdout))


@needs_make
@pytest.mark.parametrize("target", NEEDS)
def test_a_target_installs_what_it_needs_and_only_the_first_time(clone: Path, target: str) -> None:
    assert [installed(clone, target) for _ in range(2)] == [NEEDS[target], ()]


@needs_make
def test_all_tests_are_run_with_what_those_on_a_real_model_need(clone: Path) -> None:
    of_the_model = "tests/model/requirements.txt"
    for name in (of_the_model, "tests/worker/run"):
        (clone / name).parent.mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / name, clone / name)

    assert installed(clone, "test-all", "ARGS=tests/unit") == (*ALL, of_the_model)


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
    tops = {name.partition(".")[0] for file in files for name in modules_of(file)}
    packages = packages_distributions()
    return {normal(packages[name][0]) for name in (tops & packages.keys()) - BROUGHT_BY_THE_WORKER}


def modules_of(file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            yield from (".".join([*module, alias.name]) for alias in node.names)


def test_what_serves_imports_nothing_that_its_list_does_not_bring() -> None:
    commands = {PROJECT_ROOT / "shared" / "progress.py", *(PROJECT_ROOT / "shared" / "migrate").rglob("*.py")}
    serving = (file for file in (PROJECT_ROOT / "shared").rglob("*.py") if file not in commands)

    assert imported(serving) <= listed(*SERVING)


def test_the_commands_import_nothing_that_their_lists_do_not_bring() -> None:
    assert imported((PROJECT_ROOT / "shared").rglob("*.py")) <= listed(*COMMANDS)


def test_what_is_deployed_imports_nothing_that_is_not() -> None:
    ignored = [line.strip("/").replace("/", ".") for line in (PROJECT_ROOT / ".funcignore").read_text("utf-8").split()]
    left_out = {name for name in ignored if name.startswith("shared.")}
    deployed = [file for file in sources() if not any(dotted(file).startswith(name) for name in left_out)]

    assert left_out == {"shared.local_host", "shared.migrate", "shared.openapi"}
    assert PROJECT_ROOT / "function_app.py" in deployed
    assert [name for file in deployed for name in modules_of(file) if name.startswith(tuple(left_out))] == []


def sources() -> list[Path]:
    return [PROJECT_ROOT / "function_app.py", *(PROJECT_ROOT / "shared").rglob("*.py")]


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT_ROOT).with_suffix("").parts)
