"""The infrastructure code, and the type data that is no part of the project."""

import os
from pathlib import Path

import pytest

from shared.settings import PROJECT_ROOT
from tests.deployment.bicep import BicepFile
from tests.deployment.resource_types import TypeData

INFRA = PROJECT_ROOT / "infra"
NO_TYPES = (
    "BICEP_TYPES names no checkout of the type data: git clone --depth 1 https://github.com/Azure/bicep-types-az, "
    "then BICEP_TYPES=bicep-types-az make test-all ARGS=tests/deployment"
)


@pytest.fixture(scope="session")
def files() -> dict[str, BicepFile]:
    """Read every Bicep file, by its name."""
    return {path.name: BicepFile(path) for path in sorted(INFRA.glob("*.bicep"))}


@pytest.fixture(scope="session")
def types() -> TypeData:
    """Read Bicep's own type data from where BICEP_TYPES says, or skip."""
    folder = os.environ.get("BICEP_TYPES")
    if not folder:
        pytest.skip(NO_TYPES)
    assert Path(folder).is_dir(), NO_TYPES
    return TypeData(Path(folder))
