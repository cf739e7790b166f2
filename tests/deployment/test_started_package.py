"""The package, built as for Azure and started by Microsoft's runtime from its folder alone."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import package
from shared.settings import PROJECT_ROOT
from tests.conftest import CosmosPlace

PYTHON = PROJECT_ROOT / ".venv-worker" / "bin" / "python"
STARTER = Path(__file__).with_name("start_package.py")
OF_THE_RUNTIME = {"azure_functions_runtime", "google", "tests"}  # and what drives it here
MEGABYTE = 1_000_000
LARGEST_MB = 45  # unpacked, beside what the customer's list of requirements brings in
CUSTOMERS = ("azure-functions", "azure-cosmos", "azure-identity", "pydantic")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="Microsoft's runtime is missing: `make test-worker` installs it"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package."""
    target = tmp_path_factory.mktemp("package") / "functions"
    package.build(target)
    return target


@pytest.fixture(scope="module")
def started(folder: Path, cosmos_place: CosmosPlace) -> dict[str, Any]:
    """Start the package on the Cosmos DB test server and return what it told."""
    environment = {
        "STORE": "cosmos",
        "COSMOS_ENDPOINT": cosmos_place.endpoint,
        "COSMOS_KEY": cosmos_place.key or "",
        "COSMOS_DATABASE": "package",
        "COSMOS_EMULATOR": "true",
    }
    command = [str(PYTHON), "-I", "-B", str(STARTER), str(folder), json.dumps(environment)]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_answers_under_microsofts_runtime(started: dict[str, Any]) -> None:
    statuses = {name: status for name, (status, _) in started["answers"].items()}

    assert statuses == dict.fromkeys(statuses, 200) | {"append_anywhere": 201}
    assert statuses.keys() >= {"health", "list_sessions", "docs_page", "app_file"}
    assert '"store": "cosmos"' in started["answers"]["health"][1].replace('":"', '": "')


def test_nothing_is_imported_that_the_package_does_not_hold(started: dict[str, Any]) -> None:
    assert set(started["from elsewhere"]) <= OF_THE_RUNTIME


def test_the_package_holds_no_tests_no_bytecode_and_no_pytest(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    packages = package.PACKAGES.as_posix()

    assert not [name for name in names if name.endswith((".pyc", "__pycache__"))]
    unwanted = ("tests", "infra", f"{packages}/pytest", f"{packages}/_pytest")
    assert not [name for name in names if name.startswith(unwanted)]


def test_what_parley_adds_to_the_customers_list_is_small(folder: Path, tmp_path: Path) -> None:
    lines = [line for line in package.deployed_requirements() if line.startswith(CUSTOMERS)]
    (tmp_path / "requirements.txt").write_text("\n".join(lines), encoding="utf-8")
    package.install(tmp_path / "requirements.txt", tmp_path / "packages")

    assert len(lines) == len(CUSTOMERS)
    assert package.size(folder) - package.size(tmp_path / "packages") < LARGEST_MB * MEGABYTE
