"""The package that is deployed: what is in it, what is not, and that other tools would take the same files."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra import package
from shared.settings import PROJECT_ROOT
from shared.version import VERSION


def listed(*options: str) -> set[str]:
    """Return the project's files by git, whose rules those of .funcignore are."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *options]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (PROJECT_ROOT / name).is_file()}


def test_other_tools_publish_the_files_that_are_packaged() -> None:
    published = listed() - listed("--ignored", "--exclude-from=.funcignore")

    assert published == {path.as_posix() for path in package.app_files()}


def test_what_python_has_compiled_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared" / "__pycache__").mkdir(parents=True)
    for name in ("shared/kept.py", "shared/__pycache__/kept.cpython-313.pyc", "shared/old.pyc", "function_app.py"):
        (tmp_path / name).touch()
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "APP", ("function_app.py", "shared"))

    assert [path.as_posix() for path in package.app_files()] == ["function_app.py", "shared/kept.py"]


def test_pytest_is_in_the_list_of_requirements_and_not_in_the_package() -> None:
    listed = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8")

    assert "\npytest" in listed
    assert [line for line in package.deployed_requirements() if line.startswith("pytest")] == []
    assert all(line in listed for line in package.deployed_requirements())


@pytest.mark.slow
def test_pip_finds_nothing_to_stumble_over_in_the_project(tmp_path: Path) -> None:
    for name in listed():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT_ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "installed", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "installed").iterdir()] == [f"parley-{VERSION}.dist-info"]
