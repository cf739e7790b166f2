"""One event loop for the tests of a module, so that what is dear to open is opened once."""

from collections.abc import Iterable
from pathlib import Path

import pytest


def share_a_loop(items: Iterable[pytest.Item], folder: Path) -> None:
    """Let the tests of each module of a folder run in one loop."""
    for item in items:
        if item.path.parent == folder and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)
