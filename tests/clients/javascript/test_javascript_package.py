"""The JavaScript package: its own tests on a real Parley, its types, and what somebody who installs it gets."""

import json
from pathlib import Path

import pytest

from tests.clients.javascript.conftest import PACKAGE, run

WITH_FRAMEWORKS = {"ai-sdk.test.js", "langchain.test.js"}
WITH_MODEL = {"ai-sdk-transport.test.js", "use-chat.test.js"}
WITH_AI = {"6": (), "7": ("--import", "./test/with-ai-7.js")}
COMPILE = ("--strict", "--module", "nodenext", "--target", "es2022", "--lib")


def files_of(names: set[str]) -> list[str]:
    """Return paths of test files."""
    assert names
    return [f"test/{name}" for name in sorted(names)]


def test_the_client_does_what_its_tests_say(url: str) -> None:
    names = {path.name for path in (PACKAGE / "test").glob("*.test.js")}

    run("node", "--test", *files_of(names - WITH_FRAMEWORKS - WITH_MODEL), PARLEY_URL=url)


@pytest.mark.slow
@pytest.mark.parametrize("version", WITH_AI)
def test_its_adapters_do_what_their_tests_say(tools: Path, url: str, version: str) -> None:
    run("node", *WITH_AI[version], "--test", *files_of(WITH_FRAMEWORKS), PARLEY_URL=url)


@pytest.mark.slow
@pytest.mark.parametrize("version", WITH_AI)
def test_a_page_of_the_ai_sdk_talks(tools: Path, talking_url: str, version: str) -> None:
    run("node", *WITH_AI[version], "--test", *files_of(WITH_MODEL), PARLEY_URL=talking_url, PARLEY_TALKS="yes")


@pytest.mark.slow
def test_types_are_strict_and_fit_the_tests(tools: Path) -> None:
    run("npm", "run", "check")


@pytest.mark.slow
def test_the_package_holds_its_modules_their_types_and_its_readme(project: Path) -> None:
    installed = project / "node_modules" / "parley-client"
    held = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    modules = {path.stem for path in (PACKAGE / "src").glob("*.js")}

    described = {f"types/{name}.d.ts" for name in {*modules, "public", "types"}}
    assert held == {"package.json", "README.md", "LICENSE"} | {f"src/{name}.js" for name in modules} | described
    assert not json.loads((installed / "package.json").read_text("utf-8")).get("dependencies")


@pytest.mark.slow
def test_a_user_of_the_package_compiles_strictly_and_runs(project: Path, tools: Path, url: str) -> None:
    (project / "sample.ts").write_text((PACKAGE / "test" / "sample.ts").read_text("utf-8"), "utf-8")
    tsc, node = str(tools / ".bin" / "tsc"), ("--typeRoots", str(tools / "@types"), "--types", "node")

    run(tsc, *COMPILE, "es2022,dom", "sample.ts", cwd=project)
    run(tsc, *COMPILE, "es2022", *node, "--noEmit", "sample.ts", cwd=project)
    said = run("node", "sample.js", cwd=project, PARLEY_URL=url)

    assert said == "2 Hi there.\n1 Hello!\n"
