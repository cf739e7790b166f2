"""What the runtime tells the host of the functions, against the route table that the local host reads."""

import runpy
from pathlib import Path

import pytest

from shared.local_host import HostError
from shared.local_host.index import HttpFunction, TimerFunction, read_functions
from shared.settings import PROJECT_ROOT
from tests.worker.conftest import Start
from tests.worker.runtime import RefusedError, Runtime, specialised, started

OPEN_TO_ALL = ("health", "openapi.json", "docs", "app", "shared/")
RULES_OF_THE_HOST = {"RawHttpBodyBytes", "RpcHttpBodyOnly"}  # tests/worker/host.py keeps to what these ask for
OTHER_RULES = {"UseNullableValueDictionaryForHttp", "IgnoreEmptyValuedRpcHttpHeaders", "HttpUri"}
ONE_FUNCTION = """
import azure.functions as func
app = func.FunctionApp()
async def close(): ...
@app.route("one", methods=["GET"])
async def one(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse()
"""
REFUSED = {
    "two functions of one name": """
@app.function_name("one")
@app.route("two", methods=["GET"])
async def two(req: func.HttpRequest) -> func.HttpResponse: ...
""",
    "a parameter that is no binding": """
@app.route("two", methods=["GET"])
async def two(req: func.HttpRequest, more: str) -> func.HttpResponse: ...
""",
    "no parameter for the trigger": """
@app.route("two", methods=["GET"])
async def two(request: func.HttpRequest) -> func.HttpResponse: ...
""",
}


def http_functions(runtime: Runtime) -> list[HttpFunction]:
    return [function for function in read_functions(runtime.app_module.app) if isinstance(function, HttpFunction)]


def levels(runtime: Runtime) -> dict[str, str]:
    """Return who may call each route."""
    triggers = [function.trigger for function in runtime.functions.values()]
    return {trigger["route"]: trigger["authLevel"] for trigger in triggers if "route" in trigger}


async def test_the_runtime_finds_the_functions_that_the_local_host_serves(runtime: Runtime) -> None:
    assert list(runtime.functions) == [function.name for function in read_functions(runtime.app_module.app)]


async def test_every_function_has_the_route_and_the_methods_of_the_local_host(runtime: Runtime) -> None:
    told = {name: function.trigger for name, function in runtime.functions.items() if "route" in function.trigger}
    served = {function.name: (function.route, list(function.methods or ())) for function in http_functions(runtime)}

    assert {name: (trigger["route"], runtime.functions[name].methods) for name, trigger in told.items()} == served


async def test_the_timer_has_the_schedule_of_the_local_host_and_does_not_run_at_the_start(runtime: Runtime) -> None:
    functions = read_functions(runtime.app_module.app)
    schedules = {function.name: function.schedule for function in functions if isinstance(function, TimerFunction)}
    told = {name: function.trigger for name, function in runtime.functions.items() if "schedule" in function.trigger}

    assert {name: trigger["schedule"] for name, trigger in told.items()} == schedules
    assert [(trigger["runOnStartup"], trigger["useMonitor"]) for trigger in told.values()] == [(False, True)]


async def test_with_a_trusted_caller_every_route_to_an_owners_data_asks_for_the_key(runtime: Runtime) -> None:
    wanted = {route: "ANONYMOUS" if route.startswith(OPEN_TO_ALL) else "FUNCTION" for route in levels(runtime)}

    assert levels(runtime) == wanted
    assert set(wanted.values()) == {"ANONYMOUS", "FUNCTION"}


async def test_behind_app_service_authentication_no_route_asks_for_a_key(start: Start) -> None:
    async with start(USER_IDENTITY="easyauth") as running:
        assert set(levels(running).values()) == {"ANONYMOUS"}


async def test_the_schedule_is_the_one_that_is_set(start: Start) -> None:
    async with start(ARCHIVE_SCHEDULE="30 5 * * * *") as running:
        assert running.functions["archive_idle_sessions"].trigger["schedule"] == "30 5 * * * *"


async def test_a_placeholder_that_is_told_what_to_be_has_the_same_functions(runtime: Runtime, tmp_path: Path) -> None:
    environment = {"STORE": "sqlite", "SQLITE_PATH": str(tmp_path / "other.db"), "USER_IDENTITY": "trusted"}
    async with specialised(PROJECT_ROOT, environment) as other:
        assert other.functions == runtime.functions


async def test_the_runtime_asks_the_host_for_what_these_tests_send(runtime: Runtime) -> None:
    assert runtime.capabilities.keys() >= RULES_OF_THE_HOST
    assert not runtime.capabilities.keys() & OTHER_RULES


async def test_wrong_settings_are_what_the_host_is_told(start: Start) -> None:
    with pytest.raises(RefusedError, match="USER_IDENTITY"):
        async with start(USER_IDENTITY="anybody"):
            pass


@pytest.mark.parametrize("mistake", REFUSED)
async def test_what_stops_the_runtime_stops_the_local_host(tmp_path: Path, mistake: str) -> None:
    script = tmp_path / "function_app.py"
    script.write_text(ONE_FUNCTION + REFUSED[mistake])

    with pytest.raises(RefusedError):
        async with started(tmp_path, {}):
            pass
    with pytest.raises(HostError):
        read_functions(runpy.run_path(str(script))["app"])
