"""Parley as a newcomer meets it: a process, what it prints, the curl it suggests, and the data after a restart."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import an_owner
from tests.conftest import CosmosPlace
from tests.e2e.process import ROOT, START_SECONDS, Parley, launch, running

STOP_SECONDS = 5


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Name a data file that is not there yet, in a folder that is not there either."""
    return str(tmp_path / "new" / "folder" / "parley.db")


@pytest.fixture
def user() -> str:
    """Name somebody who has nothing yet."""
    return an_owner()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Parley, Path]]:
    """Run Parley with nothing set but where its data is to be."""
    data = tmp_path_factory.mktemp("fresh") / "new" / "folder" / "parley.db"
    with running(SQLITE_PATH=str(data)) as parley:
        yield parley, data


def test_it_says_where_its_data_is_and_makes_the_file_there(fresh: tuple[Parley, Path], user: str) -> None:
    parley, data = fresh
    parley.ask("/api/chat/sessions", user, {})

    assert str(data) in parley.welcome
    assert data.is_file()


def test_without_a_model_it_says_so_and_suggests_no_turn(fresh: tuple[Parley, Path], user: str) -> None:
    parley, _ = fresh

    assert "\nIts model: none, as MODEL_ENDPOINT is not set; make run-model brings a small one\n" in parley.welcome
    assert "/turns" not in parley.welcome
    assert parley.status("/api/chat/turns", user, {"role": "user", "content": "Hello"}) == 501


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_curl_it_prints_works_as_printed(path: str) -> None:
    with running(SQLITE_PATH=path) as parley:
        command = next(line.strip() for line in parley.welcome.splitlines() if line.strip().startswith("curl "))
        ran = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, timeout=START_SECONDS)
        answer = json.loads(ran.stdout)
        again = parley.ask(f"/api/chat/sessions/{answer['session_id']}", "me")

    assert (answer["message_count"], answer["messages"][0]["content"]) == (1, "Hello!")
    assert again["messages"] == answer["messages"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_the_curl_of_the_readme_works_as_printed_too(path: str) -> None:
    text = (ROOT / "README.md").read_text("utf-8").replace("\\\n", " ")
    command = next(line.strip() for line in text.splitlines() if line.strip().startswith("curl "))
    with running(SQLITE_PATH=path) as parley:
        here = shlex.split(re.sub(r"http://(127\.0\.0\.1|localhost):7071", parley.url, command))
        ran = subprocess.run(here, check=True, capture_output=True, text=True, timeout=START_SECONDS)

    assert json.loads(ran.stdout)["message_count"] == 1


def test_a_copy_with_nothing_but_the_example_settings_starts(tmp_path: Path, user: str) -> None:
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "local.settings.example.json", tmp_path / "local.settings.json")
    with running(folder=tmp_path, STORE="", SQLITE_PATH="") as parley:
        parley.ask("/api/chat/messages", user, {"role": "user", "content": "Hello"})

    assert (tmp_path / "data" / "parley.db").is_file()


def test_a_session_survives_a_restart(path: str, user: str) -> None:
    with running(SQLITE_PATH=path) as parley:
        said = parley.ask("/api/chat/messages", user, {"role": "user", "content": "Remember me 你好"})
        before = parley.ask(f"/api/chat/sessions/{said['session_id']}", user)
    with running(SQLITE_PATH=path) as parley:
        after = parley.ask(f"/api/chat/sessions/{said['session_id']}", user)

    assert after == before
    assert after["messages"][0]["content"] == "Remember me 你好"


def test_a_session_survives_a_kill(path: str, user: str) -> None:
    with running(SQLITE_PATH=path) as parley:
        said = parley.ask("/api/chat/messages", user, {"role": "user", "content": "Remember me"})
        parley.process.kill()
    with running(SQLITE_PATH=path) as parley:
        assert parley.ask(f"/api/chat/sessions/{said['session_id']}", user)["message_count"] == 1


def test_two_processes_may_share_one_file(path: str, user: str) -> None:
    with running(SQLITE_PATH=path) as one, running(SQLITE_PATH=path) as other:
        session_id = one.ask("/api/chat/messages", user, {"role": "user", "content": "1"})["session_id"]
        for number, parley in enumerate([other, one, other, one], 2):
            parley.ask(f"/api/chat/sessions/{session_id}/messages", user, {"role": "user", "content": str(number)})
        found = [process.ask(f"/api/chat/sessions/{session_id}", user)["messages"] for process in (one, other)]

    assert found[0] == found[1]
    assert [message["seq"] for message in found[0]] == [1, 2, 3, 4, 5]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quickly_and_in_peace(path: str, user: str, number: signal.Signals) -> None:
    with running(SQLITE_PATH=path) as parley:
        parley.ask("/api/chat/sessions", user, {})
        code, seconds, complaints = parley.stop(number)

    assert code == 0
    assert seconds < STOP_SECONDS
    assert "Traceback" not in complaints


def test_broken_settings_are_one_message_that_names_them_all() -> None:
    process = launch(STORE="tape", PORT="high", SESSION_TTL_SECONDS="0", MAX_MESSAGE_BYTES="x", COSMOS_ENDPOINT="here")
    said, complaint = process.communicate(timeout=START_SECONDS)

    assert (process.returncode, said) == (2, "")
    assert complaint.startswith("Parley cannot start:\n")
    for name in ("STORE", "PORT", "SESSION_TTL_SECONDS", "MAX_MESSAGE_BYTES", "COSMOS_ENDPOINT"):
        assert complaint.count(f"- {name} ") == 1, complaint
    assert "Traceback" not in complaint


def test_on_azure_a_missing_endpoint_stops_the_start() -> None:
    process = launch(STORE="", WEBSITE_SITE_NAME="parley")
    _, complaint = process.communicate(timeout=START_SECONDS)

    assert process.returncode == 2
    assert "COSMOS_ENDPOINT" in complaint


def test_a_data_file_that_cannot_be_made_is_told_by_health_and_does_not_stop_it(tmp_path: Path, user: str) -> None:
    with running(SQLITE_PATH=str(tmp_path)) as parley:
        assert parley.status("/api/health", user) == 503
        assert parley.status("/api/chat/sessions", user) == 503


@pytest.fixture
def cosmos_settings(cosmos_place: CosmosPlace) -> dict[str, str]:
    """Return the settings that lead to the Cosmos DB test server; the store is chosen by the endpoint alone."""
    return {
        "STORE": "",
        "COSMOS_ENDPOINT": cosmos_place.endpoint,
        "COSMOS_KEY": cosmos_place.key or "",
        "COSMOS_EMULATOR": str(cosmos_place.emulator).lower(),
        "COSMOS_DATABASE": cosmos_place.database,
        "COSMOS_CONTAINER": cosmos_place.container,
    }


@pytest.mark.slow
def test_two_peoples_sessions_in_cosmos_db_survive_a_restart_apart(cosmos_settings: dict[str, str]) -> None:
    ann, ben = an_owner(), an_owner()
    with running(**cosmos_settings) as parley:
        for user in (ann, ben):
            parley.ask("/api/chat/messages", user, {"session_id": "same", "role": "user", "content": f"I am {user}"})
        assert "Cosmos DB" in parley.welcome
    with running(**cosmos_settings) as parley:
        found = {user: parley.ask("/api/chat/sessions/same", user) for user in (ann, ben)}
        assert parley.ask("/api/health", ann)["store"] == "cosmos"

    for user in (ann, ben):
        assert [message["content"] for message in found[user]["messages"]] == [f"I am {user}"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_ends_it_in_peace_with_cosmos_db_too(cosmos_settings: dict[str, str], user: str) -> None:
    with running(**cosmos_settings) as parley:
        parley.ask("/api/chat/sessions", user, {})
        code, seconds, complaints = parley.stop(signal.SIGTERM)

    assert code == 0
    assert seconds < STOP_SECONDS
    assert "Traceback" not in complaints
    assert "Unclosed" not in complaints
