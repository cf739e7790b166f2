"""Each adapter with its framework's real packages, in an environment of its own, against Parley as a process."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.builders import an_owner

ENVIRONMENTS = Path(__file__).with_name("environments")
FRAMEWORKS = sorted(path.stem for path in (ENVIRONMENTS / "requirements").glob("*.txt"))
TIMEOUT_SECONDS = 900  # the first type check of the openai package takes minutes; what it found is kept


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_adapter_does_in_its_framework_what_its_checks_say(url: str, framework: str, tmp_path: Path) -> None:
    if not (ENVIRONMENTS / ".venvs" / f"{framework}.ready").exists():
        reason = f"{framework} is not installed: make frameworks"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    own = f"check_{framework.replace('-', '_')}.py"
    command = [
        "python",
        "-m",
        "pytest",
        "-c",
        "pytest.ini",
        "--rootdir=.",
        "--confcutdir=.",
        f"--framework={framework}",
    ]

    found = subprocess.run(
        [ENVIRONMENTS / ".venvs" / framework / "bin" / command[0], *command[1:], own, "check_documentation.py"],
        check=False,
        cwd=ENVIRONMENTS,
        env={"PARLEY_URL": url, "PARLEY_USER": an_owner(), "PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )

    assert found.returncode == 0, found.stdout + found.stderr
