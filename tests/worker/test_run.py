"""The script behind `make test-worker`: which Python it takes, what it installs, and what it says without one."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from shared.settings import PROJECT_ROOT

SCRIPT = Path(__file__).with_name("run")
BASH = shutil.which("bash")
REQUIREMENTS = (*(path.name for path in PROJECT_ROOT.glob("requirements*.txt")), "tests/worker/requirements.txt")
TOOLS = ("cp", "dirname", "mkdir", "rm", "touch")
A_PYTHON_3_13 = """#!/bin/sh
case "$1 $2" in
    "-c "*) echo True ;;
    "-m venv") mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    *) echo ${HTTP_STREAMING:+HTTP_STREAMING=$HTTP_STREAMING} "$@" ;;
esac
"""
ANOTHER_PYTHON = "#!/bin/sh\necho False\n"
A_SHIM_OF_NOTHING = "#!/bin/sh\nexit 127\n"

pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash to run the script with")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a folder with the script and its requirements, and a bin folder with the few tools it needs."""
    (tmp_path / "tests" / "worker").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tests" / "worker" / "run")
    for requirements in REQUIREMENTS:
        (tmp_path / requirements).touch()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def place(program: Path, text: str) -> Path:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)
    return program


def run(
    project: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    path = {"PATH": str(project / "bin"), "HOME": str(project / "home")}
    command = [str(BASH), str(project / "tests" / "worker" / "run"), *arguments]
    return subprocess.run(command, env=path | (environment or {}), capture_output=True, text=True, check=False)


def test_without_a_python_it_says_so_and_succeeds(project: Path) -> None:
    place(project / "bin" / "python3", ANOTHER_PYTHON)
    done = run(project)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("SKIPPED: ")
    assert "PYTHON313=" in done.stderr


def test_it_installs_into_an_environment_of_its_own_and_passes_arguments_to_pytest(project: Path) -> None:
    place(project / "bin" / "python3.13", A_PYTHON_3_13)
    done = run(project, "-x")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "-m pip install --quiet --disable-pip-version-check -r tests/worker/requirements.txt",
        "-m pytest tests/worker -x",
        "-m pytest -n 2 --dist loadfile -p tests.worker.in_place tests/http -x",
    ]
    assert (project / ".venv-worker" / "bin" / "python").exists()


def test_of_all_tests_those_of_the_api_run_over_http_too(project: Path) -> None:
    place(project / "bin" / "python3.13", A_PYTHON_3_13)
    done = run(project, "--tier", "all")

    arguments = "-m pytest -n 2 --dist loadfile -p tests.worker.in_place tests/http --tier all"
    assert done.stdout.splitlines()[-2:] == [arguments, f"HTTP_STREAMING=true {arguments}"]


@pytest.mark.parametrize("changed", REQUIREMENTS)
def test_it_installs_again_only_after_the_requirements_have_changed(project: Path, changed: str) -> None:
    place(project / "bin" / "python3.13", A_PYTHON_3_13)
    run(project)

    assert "pip install" not in run(project).stdout

    later = (project / ".venv-worker" / ".ready").stat().st_mtime + 10
    os.utime(project / changed, (later, later))

    assert "pip install" in run(project).stdout


@pytest.mark.parametrize("found", ["bin/python3", "bin/python", "home/.pyenv/versions/3.13.9/bin/python"])
def test_a_shim_of_nothing_is_passed_by(project: Path, found: str) -> None:
    place(project / "bin" / "python3.13", A_SHIM_OF_NOTHING)
    place(project / found, A_PYTHON_3_13)

    assert "-m pytest tests/worker" in run(project).stdout


def test_a_python_that_is_named_is_taken(project: Path) -> None:
    named = place(project / "elsewhere" / "python", A_PYTHON_3_13)

    assert "-m pytest tests/worker" in run(project, environment={"PYTHON313": str(named)}).stdout


def test_a_python_that_is_named_and_is_another_is_refused(project: Path) -> None:
    place(project / "bin" / "python3.13", A_PYTHON_3_13)
    named = place(project / "elsewhere" / "python", ANOTHER_PYTHON)
    done = run(project, environment={"PYTHON313": str(named)})

    assert (done.returncode, done.stdout) == (2, "")
    assert str(named) in done.stderr
