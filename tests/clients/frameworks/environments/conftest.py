"""What the checks share: which framework they are for, and a user of their own."""

import os
import uuid

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--framework", required=True, help="whose environment this is")


@pytest.fixture
def framework(request: pytest.FixtureRequest) -> str:
    """Name the framework."""
    return str(request.config.getoption("framework"))


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a user who has nothing yet, also to adapters that are not told one."""
    name = f"{os.environ['PARLEY_USER']}-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("PARLEY_USER", name)
    return name
