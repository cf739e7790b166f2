"""What is measured on a live account is measured on the test server first, and nothing is left there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.cosmos import CosmosClient
from azure.cosmos.exceptions import CosmosResourceExistsError

from benchmarks.live import charges, engine
from benchmarks.live.__main__ import Plan, main, measure
from benchmarks.live.place import PREFIX, Account
from benchmarks.live.proofs import Proof
from benchmarks.live.report import page
from shared.store.cosmos.schema import INDEXING_POLICY
from tests.conftest import server_or_skip
from tests.cosmos_server.launch import CosmosServer

ROOT = Path(__file__).resolve().parents[2]
TINY = Plan(
    charges.Scale(repeats=1, sizes_kb=(1, 14), queried=(2,)),
    engine.Scale(turns=3, reads=2, archived=5),
    units_per_second=0,
)


@pytest.fixture(scope="module")
def server() -> Iterator[CosmosServer]:
    with server_or_skip() as running:
        yield running


@pytest.fixture
def account(server: CosmosServer) -> Account:
    return Account(server.endpoint, server.key, emulator=True)


def databases(server: CosmosServer) -> list[str]:
    with CosmosClient(server.endpoint, server.key, enable_endpoint_discovery=False) as client:
        return [found["id"] for found in client.list_databases()]


async def test_all_that_the_engine_takes_for_granted_holds_on_the_test_server_and_nothing_is_left_there(
    server: CosmosServer, account: Account
) -> None:
    text, holds = await measure(account, TINY)

    assert holds, text
    assert databases(server) == []
    charged = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["Patch, terms changed", "ours", "14", "200", "1"] in [row[:5] for row in charged]
    assert ["batch: create, Patch that is refused", "ours", "8", "207", "1"] in [row[:5] for row in charged]


async def test_the_database_is_removed_when_measuring_fails(
    server: CosmosServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[str] = []

    async def fail(*_: object) -> None:
        there.extend(databases(server))
        raise ZeroDivisionError

    monkeypatch.setattr(charges, "queries", fail)

    with pytest.raises(ZeroDivisionError):
        await measure(account, TINY)

    assert [name.startswith(PREFIX) for name in there] == [True]
    assert databases(server) == []


async def test_the_database_is_removed_when_not_all_containers_can_be_made(
    server: CosmosServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.live.place.POLICIES", {"same name": INDEXING_POLICY, "same-name": INDEXING_POLICY})

    with pytest.raises(CosmosResourceExistsError):
        await measure(account, TINY)

    assert databases(server) == []


def test_a_run_that_is_told_to_end_removes_its_database(server: CosmosServer, tmp_path: Path) -> None:
    settings = {"COSMOS_ENDPOINT": server.endpoint, "COSMOS_KEY": server.key, "COSMOS_EMULATOR": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live", "--units-per-second", "1", "--output", str(tmp_path / "LIVE.md")],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), **settings},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    assert "charges of writes" in process.stderr.readline()
    assert [name.startswith(PREFIX) for name in databases(server)] == [True]

    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, databases(server)) == (2, [])
    assert "the database is removed" in said


def test_a_dry_run_says_the_cost_and_sends_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMOS_ENDPOINT", "https://127.0.0.1:1/")
    monkeypatch.setenv("COSMOS_KEY", "a2V5")

    assert main(["--dry-run"]) == 0
    assert "request units in some" in capsys.readouterr().out


def test_without_a_key_it_says_why_it_needs_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMOS_ENDPOINT", "https://127.0.0.1:1/")
    monkeypatch.delenv("COSMOS_KEY", raising=False)

    assert main([]) == 2
    assert "COSMOS_KEY is missing" in capsys.readouterr().err


def test_what_does_not_hold_is_shown_as_such() -> None:
    broken, known = Proof("is it so?", "yes", "no"), Proof("how many?", "any number", "7")

    text = page([], [broken, known], [], throttled=0)

    assert "1 of 2 do not hold" in text
    assert "**no**" in text
