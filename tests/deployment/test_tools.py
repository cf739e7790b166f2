"""Infrastructure and workflows before tools that others keep: checkov, a doctor, actionlint, azd's own schema."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from infra import package
from shared.settings import PROJECT_ROOT
from tests.deployment.bicep import BicepFile

TOOLS = PROJECT_ROOT / ".venv-infra" / "bin"
needs_tools = pytest.mark.skipif(
    not (TOOLS.parent / ".ready").exists(),
    reason="no checkov, doctor and actionlint; `make infra-tools`",
)
WITHOUT_SCHEMA = (
    "AZD_SCHEMA names no copy of schemas/v1.0/azure.yaml.json from github.com/Azure/azure-dev; "
    "AZD_SCHEMA=azure.yaml.json make test-all ARGS=tests/deployment"
)
ACCEPTED = {  # what checkov finds and Parley keeps, and why
    "CKV_AZURE_35": "the storage account is closed to other networks with PRIVATE_NETWORK=true",
    "CKV_AZURE_101": "Cosmos DB is closed to other networks with PRIVATE_NETWORK=true",
    "CKV_AZURE_206": "the storage account holds what a deployment makes again: no copies elsewhere are needed",
    "CKV_AZURE_225": "ZONE_REDUNDANT=true spreads the plan",
    "CKV_AZURE_222": "the API is for clients outside the network",
    "CKV_AZURE_17": "callers prove who they are by the function key or by signing in, not by certificates",
    "CKV_AZURE_18": "HTTP/2 is left to the platform on Flex Consumption",
    "CKV_AZURE_67": "as CKV_AZURE_18",
    "CKV_AZURE_212": "the app scales to zero; ALWAYS_READY_INSTANCES keeps some",
    "CKV_AZURE_213": "Flex Consumption has no health check; an alert asks the log",
    "CKV_AZURE_13": "checkov takes the sign-in's configuration for a site without one",
    "CKV_AZURE_63": "as CKV_AZURE_13",
    "CKV_AZURE_65": "as CKV_AZURE_13",
    "CKV_AZURE_66": "as CKV_AZURE_13",
    "CKV_AZURE_80": "as CKV_AZURE_13",
    "CKV_AZURE_88": "as CKV_AZURE_13",
}
KEYLESS = "CKV_AZURE_140"  # local authentication of Cosmos DB is off


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LOG_LEVEL": "ERROR", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def checkov(folder: Path) -> dict[str, Any]:
    """Return checkov's report; it asks nobody on the network."""
    command = [str(TOOLS / "checkov"), "--directory", str(folder), "--framework", "bicep", "--skip-download"]
    done = run([*command, "--output", "json"], folder)
    return dict(json.loads(done.stdout))


@needs_tools
@pytest.mark.slow
def test_checkov_reads_every_file_and_finds_nothing_but_what_is_accepted() -> None:
    report = checkov(PROJECT_ROOT / "infra")

    assert report["summary"]["parsing_errors"] == 0
    assert {finding["check_id"] for finding in report["results"]["failed_checks"]} == set(ACCEPTED)


@needs_tools
@pytest.mark.slow
def test_checkov_finds_an_account_with_keys(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "infra" / "cosmos.bicep").read_text(encoding="utf-8")
    (tmp_path / "cosmos.bicep").write_text(text.replace("disableLocalAuth: true", "disableLocalAuth: false"), "utf-8")

    assert KEYLESS in {finding["check_id"] for finding in checkov(tmp_path)["results"]["failed_checks"]}


def doctor(folder: Path) -> subprocess.CompletedProcess[str]:
    """Let azure-functions-doctor look at an app as it is deployed."""
    deployed = ["--deployment-mode", "local-prebuilt", "--hosting-plan", "flex-consumption", "--profile", "deploy"]
    command = [str(TOOLS / "azure-functions-doctor"), "doctor", "--path", ".", "--target-python", package.RUNTIME]
    return run([*command, *deployed], folder)


@needs_tools
@pytest.mark.slow
def test_the_functions_doctor_finds_nothing_that_is_wrong(tmp_path: Path) -> None:
    for name in (
        *package.app_files(),
        Path("azure.yaml"),
        *(path.relative_to(PROJECT_ROOT) for path in (PROJECT_ROOT / "infra").glob("*.bicep")),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)

    done = doctor(tmp_path)

    assert done.returncode == 0, done.stdout


@needs_tools
@pytest.mark.slow
def test_the_functions_doctor_finds_an_app_that_no_host_would_start(tmp_path: Path) -> None:
    shutil.copy(PROJECT_ROOT / "function_app.py", tmp_path)
    shutil.copy(PROJECT_ROOT / "requirements.txt", tmp_path)

    assert doctor(tmp_path).returncode == 1


@needs_tools
def test_the_workflows_are_right() -> None:
    done = run([str(TOOLS / "actionlint"), "-no-color"], PROJECT_ROOT)

    assert (done.returncode, done.stdout) == (0, "")


@needs_tools
def test_a_mistake_in_a_workflow_is_found(tmp_path: Path) -> None:
    workflow = (PROJECT_ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (tmp_path / "ci.yml").write_text(workflow.replace("needs: [test,", "needs: [tests,"), "utf-8")
    done = run([str(TOOLS / "actionlint"), "-no-color", "ci.yml"], tmp_path)

    assert done.returncode == 1
    assert "tests" in done.stdout


def azure_yaml() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT_ROOT / "azure.yaml").read_text(encoding="utf-8")))


def schema_of_azd() -> dict[str, Any]:
    if not (path := os.environ.get("AZD_SCHEMA")):
        pytest.skip(WITHOUT_SCHEMA)
    return dict(json.loads(Path(path).read_text(encoding="utf-8")))


def test_azd_takes_the_project_file_and_knows_every_key_of_it() -> None:
    schema, project = schema_of_azd(), azure_yaml()
    of_services = schema["properties"]["services"]["additionalProperties"]["properties"]

    assert list(Draft201909Validator(schema).iter_errors(project)) == []
    assert project.keys() <= schema["properties"].keys()
    for service in project["services"].values():
        assert service.keys() <= of_services.keys()


@pytest.mark.parametrize("mistake", [{"name": None}, {"hooks": {"postdeployed": {"run": "true"}}}])
def test_azds_schema_finds_a_mistake(mistake: dict[str, Any]) -> None:
    assert list(Draft201909Validator(schema_of_azd()).iter_errors(azure_yaml() | mistake)) != []


def test_azd_packages_what_the_package_script_builds_and_builds_nothing_itself(files: dict[str, BicepFile]) -> None:
    service = azure_yaml()["services"]["api"]
    commands = {name: hook["run"] for name, hook in service["hooks"]["prepackage"].items()}

    assert (service["dist"], service["remoteBuild"]) == ("build/functions", False)
    assert commands == {"posix": "python3 infra/package.py", "windows": "python infra/package.py"}
    assert "'azd-service-name': 'api'" in files["functions.bicep"].path.read_text(encoding="utf-8")
