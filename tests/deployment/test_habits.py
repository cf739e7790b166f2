"""What a stranger expects of a repository is there and true: one version, and files that their tools can read."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from shared.settings import PROJECT_ROOT
from shared.version import VERSION

LIST_OF_TARGETS = re.compile(r"^([a-z-]+):", re.MULTILINE)
YAML = [".pre-commit-config.yaml", *(f".github/{name}" for name in ("dependabot.yml", "ISSUE_TEMPLATE/bug.yml"))]


def text(name: str) -> str:
    return (PROJECT_ROOT / name).read_text(encoding="utf-8")


def test_every_package_and_the_documentation_have_the_version_that_is_said_once() -> None:
    clients = {"python": tomllib.loads(text("clients/python/pyproject.toml"))["project"]["version"]}
    if (PROJECT_ROOT / "clients" / "javascript" / "package.json").exists():
        clients["javascript"] = json.loads(text("clients/javascript/package.json"))["version"]

    assert set(clients.values()) == {VERSION}, clients
    assert json.loads(text("shared/http/docs_page/openapi.json"))["info"]["version"] == VERSION
    assert f"\n## {VERSION}" in text("CHANGELOG.md")


@pytest.mark.parametrize("name", ["settings", "tasks", "launch", "extensions"])
def test_the_editors_files_are_json(name: str) -> None:
    assert json.loads(text(f".vscode/{name}.json"))


def test_the_tasks_that_the_editor_starts_before_others_exist() -> None:
    tasks = {task["label"] for task in json.loads(text(".vscode/tasks.json"))["tasks"]}
    launched = {entry.get("preLaunchTask") for entry in json.loads(text(".vscode/launch.json"))["configurations"]}

    assert launched - {None} <= tasks
    assert json.loads(text(".vscode/settings.json"))["azureFunctions.preDeployTask"] in tasks


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(LIST_OF_TARGETS.findall(text("Makefile")))
    files = [".vscode/tasks.json", *(f".github/workflows/{path.name}" for path in workflows()), "docs/deploy.md"]
    named = {target for name in files for target in re.findall(r"\bmake ([a-z][a-z-]+)", text(name))}

    assert named
    assert named <= targets


@pytest.mark.parametrize("name", ["nightly", "release"])
def test_all_tests_are_run_when_the_makefile_says_so(name: str) -> None:
    jobs = yaml.safe_load(text(f".github/workflows/{name}.yml"))["jobs"]

    assert "make test-all" in {step.get("run") for job in jobs.values() for step in job["steps"]}


def test_every_script_that_is_run_exists() -> None:
    project = yaml.safe_load(text("azure.yaml"))
    hooks = [*project["hooks"].values(), *project["services"]["api"]["hooks"].values()]
    scripts = [shlex.split(hook["run"])[1] for by_system in hooks for hook in by_system.values()]

    assert scripts
    assert [script for script in scripts if not (PROJECT_ROOT / script).is_file()] == []


@pytest.mark.parametrize("name", YAML)
def test_what_other_tools_read_is_yaml(name: str) -> None:
    assert yaml.safe_load(text(name))


def test_dependabot_looks_into_folders_that_exist() -> None:
    later = {"/clients/javascript"}
    folders = {
        folder
        for update in yaml.safe_load(text(".github/dependabot.yml"))["updates"]
        for folder in update.get("directories", [])
    }

    assert [folder for folder in folders - later if not (PROJECT_ROOT / folder.strip("/")).is_dir()] == []


def workflows() -> list[Path]:
    return sorted((PROJECT_ROOT / ".github" / "workflows").glob("*.yml"))
