"""What HTTP_STREAMING costs is measured through Microsoft's worker, or it is said aloud why not."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import streaming
from benchmarks.streaming import Compared, Streaming, Worker, _ask_workers, section

IMPORTS = {"SQLite": Compared(0.4, 0.6)}
MEMORY = Compared(50_000_000, 60_000_000)


def a_worker(loaded_when_off: int = 0) -> Worker:
    each = dict.fromkeys(streaming.KINDS, Compared(0.001, 0.0015))
    return Worker(Compared(0.8, 1.0), each, each, (MEMORY, MEMORY), loaded_when_off)


def test_a_row_has_both_sides_their_ratio_and_what_is_added() -> None:
    text = section(Streaming(IMPORTS, a_worker(), None))
    (row,) = [line for line in text.splitlines() if line.startswith("| import")]

    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["400.00", "600.00", "1.50", "200.00"]


@pytest.mark.parametrize(("loaded", "said"), [(0, "Off, it costs nothing"), (3, "Off, 3 modules")])
def test_what_is_loaded_while_it_is_off_is_said(loaded: int, said: str) -> None:
    assert said in section(Streaming(IMPORTS, a_worker(loaded), None))


def test_without_the_runtime_the_command_that_installs_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "WORKER", tmp_path)
    text = section(Streaming(IMPORTS, None, streaming.missing_reason()))

    assert "left out" in text
    assert "make test-worker" in text
    assert "health" not in text


@pytest.mark.slow
def test_two_workers_are_asked_and_only_one_of_them_has_loaded_the_extension() -> None:
    if reason := streaming.missing_reason():
        pytest.skip(reason)
    try:
        worker = _ask_workers(starts=1, rounds=1)
    except subprocess.CalledProcessError as error:
        pytest.fail(error.stderr)

    assert worker.loaded_when_off == 0
    assert worker.start.ratio > 1
    assert min(one.off for one in (*worker.latency.values(), *worker.cpu.values())) > 0
