"""`python -m shared.local_host` as a process: what it prints, how it stops, how it refuses to start."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The module itself, pointed at a project of the test's own.
START = """
import pathlib, sys
from shared.local_host import __main__ as host
host.ROOT = pathlib.Path(sys.argv[1])
raise SystemExit(host.main())
"""

FUNCTION_APP = """
import azure.functions as func
app = func.FunctionApp()

@app.route("ping", methods=["GET"])
async def ping(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("pong")

async def close() -> None:
    print("closed", flush=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "function_app.py").write_text(FUNCTION_APP)
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    return tmp_path


@pytest.fixture
def host(project: Path) -> Iterator[subprocess.Popen[str]]:
    process = _start(project)
    yield process
    process.kill()
    process.communicate()


def _start(project: Path, **settings: str) -> subprocess.Popen[str]:
    import_path = f"{project}{os.pathsep}{ROOT}"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": import_path, "PORT": "0", "STORE": "sqlite"}
    return subprocess.Popen(
        [sys.executable, "-c", START, str(project)],
        cwd=project,
        env=environment | {"SQLITE_PATH": str(project / "parley.db")} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _welcome(host: subprocess.Popen[str]) -> str:
    assert host.stdout is not None
    return "".join(iter(host.stdout.readline, "Ctrl-C stops it.\n"))


def _refusal(project: Path, **settings: str) -> tuple[int, str]:
    host = _start(project, **settings)
    _, complaint = host.communicate(timeout=20)
    return host.returncode, complaint


def test_it_says_where_it_listens_where_the_data_is_and_what_to_try(host: subprocess.Popen[str], project: Path) -> None:
    welcome = _welcome(host)

    url = re.search(r"http://127\.0\.0\.1:(\d+)", welcome)
    assert url is not None
    assert str(project / "parley.db") in welcome
    assert (
        f"curl -s {url[0]}/api/chat/messages -H 'x-user-id: me' -H 'content-type: application/json'"
        """ -d '{"content": "Hello!", "role": "user"}'\n"""
    ) in welcome


def test_it_serves_the_function_app_of_the_project(host: subprocess.Popen[str]) -> None:
    url = re.search(r"http://[\d.:]+", _welcome(host))
    assert url is not None

    with urllib.request.urlopen(f"{url[0]}/api/ping") as answer:
        assert answer.read() == b"pong"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to handle")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_it_cleanly(host: subprocess.Popen[str], number: signal.Signals) -> None:
    _welcome(host)
    host.send_signal(number)
    printed, complaints = host.communicate(timeout=20)

    assert (host.returncode, printed.splitlines()[-1]) == (0, "closed")
    assert "Traceback" not in complaints


def test_an_idle_connection_does_not_delay_the_end(host: subprocess.Popen[str]) -> None:
    port = int(re.findall(r"127\.0\.0\.1:(\d+)", _welcome(host))[0])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /api/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(1000)
        host.terminate()
        host.communicate(timeout=2)

    assert host.returncode == 0


def test_broken_settings_are_one_message_and_exit_code_2(project: Path) -> None:
    code, complaint = _refusal(project, STORE="tape", PORT="high")

    assert code == 2
    assert "STORE" in complaint
    assert "PORT" in complaint
    assert "Traceback" not in complaint


def test_a_taken_port_is_one_line_and_exit_code_2(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, complaint = _refusal(project, PORT=str(port))

    assert code == 2
    assert complaint.startswith(f"Cannot listen on 127.0.0.1:{port} (")
    assert complaint.endswith("Set PORT to a free port.\n")
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("host.json", "{", "host.json cannot be read"),
        ("host.json", "[]", "host.json must hold an object"),
        ("function_app.py", "", "function_app.py must hold a FunctionApp named app"),
    ],
)
def test_a_project_that_cannot_be_served_is_one_line_and_exit_code_2(
    project: Path, name: str, text: str, complaint: str
) -> None:
    (project / name).write_text(text)

    code, said = _refusal(project)

    assert (code, said.count("\n")) == (2, 1)
    assert complaint in said
