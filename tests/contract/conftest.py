"""The contract holds on replicas that lag: a store sees all that it has written or has seen, by its session tokens."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def replicas() -> dict[str, Any]:
    """Let three replicas be up to half a second behind."""
    return {"replicas": 3, "writes": [1, 3, 30], "milliseconds": 500, "behind_token": "move"}
