"""What each run can afford: `make test` runs the fast tier, `make test-all` every test on every store it is for.

The fast tier leaves out tests marked `slow`, and runs a test that wants a store on SQLite alone, unless it is about
the stores: all of tests/contract is, and what is marked `on_both_stores`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import pytest

Item = TypeVar("Item")
Sample = Callable[[Sequence[Item]], Sequence[Item]]

STORES = ("sqlite", "cosmos")
ABOUT_STORES = Path(__file__).with_name("contract")
SHARE = 18  # a fast run tries every eighteenth of what a `sample` is taken of
LONG_FIRST = ("chaos", "test_schemathesis.py", "test_kills.py", "chaos_sqlite", "cosmos", "migrate", "e2e", "contract")
MARKERS = (
    "slow: too slow for every run, and left to `make test-all`",
    "on_both_stores: the answer depends on the store, so the fast tier runs it on both",
)


def slow_but(values: Mapping[str, Any], *fast: str) -> list[Any]:
    """Return parameters by their names for `parametrize`, all of them slow but those of these names."""
    return [
        pytest.param(value, id=name, marks=[] if name in fast else pytest.mark.slow) for name, value in values.items()
    ]


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Sample[Any]:
    """Return what chooses of many like things those to try: all, or a share in a fast run, another for each test.

    It is for tests that meet the same values in many places: a fast run meets each value in some of them.
    """
    if request.config.getoption("tier") == "all":
        return lambda items: items
    first = crc32(request.node.nodeid.encode()) % SHARE
    return lambda items: items[first::SHARE] or items[:1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say which tier it is; a run that says nothing is fast."""
    parser.addoption("--tier", choices=("fast", "all"), default="fast", help="all: slow tests and the second store too")


def pytest_configure(config: pytest.Config) -> None:
    """Declare what tests may be marked with."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that wants a store the stores of this tier, unless it names its own."""
    named = any("store_name" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "store_name" in metafunc.fixturenames and not named:
        metafunc.parametrize("store_name", STORES if _on_both_stores(metafunc) else STORES[:1], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out of a fast run, and begin with what takes long, so that all workers end at about once."""
    items.sort(key=_rank)
    if config.getoption("tier") == "all":
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


def _rank(item: pytest.Item) -> int:
    names = {item.path.name, item.path.parent.name}
    return next((rank for rank, name in enumerate(LONG_FIRST) if name in names), len(LONG_FIRST))


def _on_both_stores(metafunc: pytest.Metafunc) -> bool:
    return (
        metafunc.config.getoption("tier") == "all"
        or metafunc.definition.get_closest_marker("on_both_stores") is not None
        or metafunc.definition.path.is_relative_to(ABOUT_STORES)
    )
