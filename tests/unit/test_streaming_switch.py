"""HTTP_STREAMING: what it loads, when, and what it says where it cannot; each in a process that has loaded nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.settings import PROJECT_ROOT

SCRIPT = """
import json, logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
import function_app
print(json.dumps([name for name in sys.modules if name.startswith(("azurefunctions", "aiohttp", "shared.http.web"))]))
"""
BEFORE_3_13 = sys.version_info < (3, 13)


def start(tmp_path: Path, **settings: str) -> tuple[set[str], str]:
    """Import the functions and return what was loaded for streaming, and what was said."""
    environment: dict[str, Any] = {"STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "parley.db"), **settings}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]  # without the lines of events
    return set(json.loads(done.stdout)), "\n".join(said)


@pytest.mark.parametrize("value", ["", "false"])
def test_nothing_of_it_is_loaded_where_nobody_wants_it(tmp_path: Path, value: str) -> None:
    loaded, said = start(tmp_path, HTTP_STREAMING=value, PYTHON_ENABLE_INIT_INDEXING="1")

    assert (loaded, said) == (set(), "")


@pytest.mark.skipif(not BEFORE_3_13, reason="from Python 3.13 on every worker can stream")
def test_where_the_worker_would_hang_nothing_is_loaded_and_the_log_says_what_is_missing(tmp_path: Path) -> None:
    loaded, said = start(tmp_path, HTTP_STREAMING="true")

    assert loaded == set()
    assert "PYTHON_ENABLE_INIT_INDEXING=true" in said


def test_where_the_worker_can_the_extension_is_loaded_and_the_log_says_so(tmp_path: Path) -> None:
    loaded, said = start(tmp_path, HTTP_STREAMING="true", PYTHON_ENABLE_INIT_INDEXING="1")

    assert {"azurefunctions.extensions.base", "shared.http.web_extension"} <= loaded
    assert "HTTP_STREAMING is on" in said
