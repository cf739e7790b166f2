"""What docs/frameworks.md prints runs as it stands, and what the README promises of the adapter's types holds."""

import os
import re
import subprocess
import sys
from pathlib import Path

from model_stub import a_model
from parley_client import Parley

ROOT = Path(__file__).parents[4]
LONGEST_LINES = 10


def printed(framework: str) -> str:
    """Return the code that the page shows for a framework."""
    page = (ROOT / "docs" / "frameworks.md").read_text("utf-8")
    return re.findall(rf"^## {re.escape(framework)}\b.*?^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]


def check_the_code_on_the_page_keeps_the_conversation(framework: str, user: str) -> None:
    code = printed(framework)
    with a_model() as (address, asked):
        settings = {
            "OPENAI_BASE_URL": address,
            "OPENAI_API_BASE": address,
            "OPENAI_API_KEY": "none",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
        }
        found = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )

    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n")[:2] == ["Answer 1", "Answer 2"]
    assert "Answer 1" in str(asked[1])
    (session,) = Parley(user=user).sessions(channel=framework)
    assert session["context"].get("original_id", session["session_name"]) == "conversation 42"
    answers = [str(each["content"]) for each in Parley(user=user).messages(session["id"], role="assistant")]
    assert answers == ["Answer 1", "Answer 2"]
    assert len([line for line in code.splitlines() if line]) <= LONGEST_LINES


def check_the_adapter_passes_a_strict_type_checker(framework: str, tmp_path: Path) -> None:
    module = f"parley_client.{framework.replace('-', '_')}"
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        f"{sys.prefix}/mypy_cache",
        "-m",
        module,
    ]

    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    lines = [line for line in found.stdout.splitlines() if ": error:" in line and "in_process.py" not in line]
    assert not lines, "\n".join(lines)
