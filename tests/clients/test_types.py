"""What a type checker says of code that uses the client."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.process import ROOT

CODE = """
from parley_client import AsyncParley, Parley

with Parley("http://127.0.0.1:7071", "me") as parley:
    session = parley.create_session(session_name="A first chat")
    name: str = session["id"]
    answer = parley.append(name, {"role": "user", "content": "Hello"}, if_match=session["etag"])
    seqs: list[int] = [message["seq"] for message in answer["messages"]]
    answer = parley.replace_tail(name, {"role": "user", "content": "Hi", "raw": "{}"}, after=0, if_match=answer["etag"])
    for message in parley.messages(name):
        said: str = message["content"] if isinstance(message["content"], str) else message["content"][0]["text"]
    hits: list[str] = [hit["message"]["id"] for hit in parley.search("Hi")]
    for event in parley.take_turn(name, {"role": "user", "content": "How are you?"}):
        text: str = event["data"]["text"] if event["type"] == "delta" else ""
        if event["type"] == "done":
            tokens: int | None = event["data"]["usage"]["output_tokens"]


async def count(parley: AsyncParley) -> int:
    names = [each["id"] async for each in parley.sessions()]
    async for event in parley.take_turn(None, {"role": "user", "content": "Hi"}, if_closed="stop"):
        if event["type"] == "turn":
            names.append(event["data"]["reply_id"])
    return (await parley.stats(names[0]))["by_role"]["user"]


wrong: int = session["id"]
unknown = answer["mesages"]
parley.take_turn(name, if_closed="end")
"""


@pytest.mark.slow
def test_strict_code_passes_and_mistakes_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "using.py"
    file.write_text(CODE)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", str(file)]

    found = subprocess.run(
        command,
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT / "clients/python/src")},
        capture_output=True,
        text=True,
    )

    errors = [
        line.rpartition("[")[2]
        for line in found.stdout.splitlines()
        if line.startswith("using.py") and ": error:" in line
    ]
    assert errors == ["assignment]", "typeddict-item]", "arg-type]"], found.stdout + found.stderr
