"""The functions on Microsoft's runtime, with a store for each test; skipped aloud where the runtime is missing."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import pytest_asyncio

from shared.settings import PROJECT_ROOT
from tests.builders import an_owner
from tests.http.client import Client

if TYPE_CHECKING:
    from tests.worker.runtime import Runtime

Start = Callable[..., AbstractAsyncContextManager["Runtime"]]
NEEDS_NO_RUNTIME = "test_run.py"


class WithoutRuntime(pytest.Module):
    """Tests that cannot run here."""

    def collect(self) -> NoReturn:
        """Say why, and what to do."""
        reason = "Microsoft's runtime is not installed here; `make test-worker` runs these tests on Python 3.13"
        pytest.skip(reason, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Import no module of this folder where the runtime is missing, but for the one that does without."""
    if module_path.name == NEEDS_NO_RUNTIME or find_spec("azure_functions_runtime"):
        return None
    return WithoutRuntime.from_parent(parent, path=module_path)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Return a context that runs the project's functions on the runtime, with settings given by keyword."""
    from tests.worker.runtime import started  # noqa: PLC0415 - the runtime may be missing

    def on_a_store_of_its_own(**settings: str) -> AbstractAsyncContextManager["Runtime"]:
        environment = {"STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "parley.db"), "USER_IDENTITY": "trusted"}
        return started(PROJECT_ROOT, environment | settings)

    return on_a_store_of_its_own


@pytest_asyncio.fixture
async def runtime(start: Start) -> AsyncIterator["Runtime"]:
    """Run the functions with the settings of somebody who has set nothing."""
    async with start() as running:
        yield running


@pytest_asyncio.fixture
async def api(runtime: "Runtime") -> AsyncIterator[Client]:
    """Serve the runtime as the host does and speak for a user who has nothing yet."""
    from tests.worker.host import serving  # noqa: PLC0415 - as above

    async with serving(runtime, an_owner()) as client:
        yield client
