"""The question that is asked of every deployment, put to an app that runs here."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from shared.settings import PROJECT_ROOT
from shared.version import VERSION
from tests.e2e.process import running

SMOKE = PROJECT_ROOT / "infra" / "smoke.py"


def ask(**values: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return subprocess.run(
        [sys.executable, str(SMOKE)], env=environment | values, capture_output=True, text=True, check=False
    )


def test_a_deployment_that_answers_is_told_with_its_version_and_how_to_use_it(tmp_path: Path) -> None:
    with running(SQLITE_PATH=str(tmp_path / "parley.db")) as parley:
        done = ask(PARLEY_URL=parley.url, PARLEY_KEY_COMMAND="az functionapp keys list -n parley")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"Parley {VERSION} answers on {parley.url}, its store is sqlite." in done.stdout
    assert "$(az functionapp keys list -n parley)" in done.stdout


def test_a_deployment_that_does_not_answer_fails_and_says_where_to_look() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = ask(PARLEY_URL=f"http://127.0.0.1:{port}", PARLEY_PATIENCE_SECONDS="0")

    assert (done.returncode, done.stdout) == (1, "")
    assert "docs/deploy.md" in done.stderr


def test_without_an_address_it_says_what_is_missing() -> None:
    done = ask()

    assert (done.returncode, done.stdout) == (2, "")
    assert "PARLEY_URL is missing" in done.stderr
