"""Which tests a run of each tier takes, and what it says at the end; tried on a folder of tests that do nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

from shared.settings import PROJECT_ROOT

TESTS = """
import pytest
from tests.tiers import sample, slow_but

@pytest.fixture
def store_name(request):
    return request.param

def test_on_one(store_name): ...

@pytest.mark.on_both_stores
def test_on_both(store_name): ...

@pytest.mark.parametrize("store_name", ["cosmos"], indirect=True)
def test_of_its_own(store_name): ...

@pytest.mark.slow
def test_slow(): ...

@pytest.mark.parametrize("value", slow_but({"a": 1, "b": 2}, "b"))
def test_some(value): ...

@pytest.mark.parametrize("number", range(4))
def test_of_many(number, sample):
    print("tried", *sample(range(36)))
"""
FAST = [
    *("test_on_one[sqlite]", "test_on_both[sqlite]", "test_on_both[cosmos]", "test_of_its_own[cosmos]"),
    *("test_some[b]", "test_of_many[0]", "test_of_many[1]", "test_of_many[2]", "test_of_many[3]"),
]


def run(folder: Path, *options: str) -> str:
    (folder / "tests").mkdir()
    (folder / "tests" / "test_nothing.py").write_text(TESTS)
    plugins = [part for name in ("xdist", "tests.tiers", "tests.cpu_seconds") for part in ("-p", name)]
    command = [sys.executable, "-m", "pytest", "-v", "-rP", f"--rootdir={folder}", *plugins, *options]
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def names(output: str) -> set[str]:
    return set(re.findall(r"::(test_[\w\[\]]+)", output))


def tried(output: str) -> set[str]:
    return set(re.findall(r"^tried ([\d ]+)$", output, re.MULTILINE))


def test_a_run_that_says_nothing_leaves_out_what_is_slow_and_the_second_store(tmp_path: Path) -> None:
    output = run(tmp_path, "-n", "2")

    assert names(output) == set(FAST)
    assert {len(each.split()) for each in tried(output)} == {2}  # an eighteenth of them
    assert len(tried(output)) > 1  # and not the same for every test
    assert_cpu_seconds_are_told(output, tests=9)


def test_a_run_of_all_leaves_out_nothing(tmp_path: Path) -> None:
    output = run(tmp_path, "--tier=all")

    assert names(output) == {*FAST, "test_on_one[cosmos]", "test_slow", "test_some[a]"}
    assert tried(output) == {" ".join(map(str, range(36)))}
    assert_cpu_seconds_are_told(output, tests=12)


def assert_cpu_seconds_are_told(output: str, tests: int) -> None:
    """Look for the folder's seconds, and their sum, at the end."""
    told = output.partition("CPU seconds")[2]
    assert re.search(rf"^ +\d+\.\d  tests +{tests} tests$", told, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d  in all$", told, re.MULTILINE)
