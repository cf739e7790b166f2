"""CPU seconds per folder, printed at the end of a run, so that a suite that grows is seen to grow.

Wall time says little on a machine that others use too. Counted are user and system seconds of the processes that run
the tests and, on Linux, of everything they started: test servers, browsers, killed writers.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
COLLECTION = "collection"

Seconds = dict[str, float]


def pytest_configure(config: pytest.Config) -> None:
    """Measure in each process; the controller's children are the workers, which report for themselves."""
    is_controller = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
    config.pluginmanager.register(CpuSeconds(with_children=not is_controller), "cpu-seconds")


class CpuSeconds:
    """What this process spent for each folder; in a run of many workers the controller adds up what they report."""

    def __init__(self, *, with_children: bool) -> None:
        self._with_children = with_children
        self._spent: Seconds = defaultdict(float)
        self._tests: dict[str, int] = defaultdict(int)
        self._before = 0.0
        self._folder = COLLECTION

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Charge what was spent so far where another folder begins; to look at each test would cost too much."""
        folder = item.path.parent.relative_to(item.config.rootpath).as_posix()
        if folder != self._folder:
            self._charge()
            self._folder = folder
        self._tests[folder] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report to the controller, where there is one."""
        self._charge()
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["cpu_seconds"] = dict(self._spent), dict(self._tests)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker reports; a worker that crashed reports nothing."""
        spent, tests = getattr(node, "workeroutput", {}).get("cpu_seconds", ({}, {}))
        for folder, seconds in spent.items():
            self._spent[folder] += seconds
        for folder, number in tests.items():
            self._tests[folder] += number

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the folders, dearest first."""
        terminalreporter.section("CPU seconds")
        for folder, seconds in sorted(self._spent.items(), key=lambda each: -each[1]):
            tests = f"{self._tests[folder]:6} tests" if folder in self._tests else ""
            terminalreporter.write_line(f"{seconds:7.1f}  {folder:22}{tests}".rstrip())
        terminalreporter.write_line(f"{sum(self._spent.values()):7.1f}  in all")

    def _charge(self) -> None:
        now = sum(os.times()[:2])
        if self._with_children:
            now += sum(os.times()[2:4]) + sum(map(_seconds_of_process, _children("self")))
        self._spent[self._folder] += now - self._before
        self._before = now


def _children(process: str) -> list[str]:
    """Return the ids of the processes that a process started and that still run; none where there is no /proc."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:  # it has just ended
        return []
    return " ".join(lists).split()


def _seconds_of_process(process: str) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended, and is counted when it has been waited for
        return 0.0
    own = sum(map(int, fields[11:15])) / TICKS_PER_SECOND
    return own + sum(map(_seconds_of_process, _children(process)))
