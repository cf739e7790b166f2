"""The route table: what the real host needs to be true of it."""

import inspect
import itertools
import os
import subprocess
import sys
from types import ModuleType
from typing import get_origin

import pytest

from shared.http.call import Answer
from shared.local_host.index import HttpFunction, read_functions
from shared.local_host.routing import compile_template
from shared.settings import PROJECT_ROOT

VALUES = ("a", "stats", "messages", "sessions", "chat", "health", "openapi.json", "docs", "app", "view", "x-1")


@pytest.fixture
def functions(function_app: ModuleType) -> list[HttpFunction]:
    return [function for function in read_functions(function_app.app) if isinstance(function, HttpFunction)]


def methods(function: HttpFunction) -> set[str]:
    assert function.methods is not None, f"{function.name} answers every method"
    return set(function.methods)


def meet(one: str, other: str) -> bool:
    """Say whether some path fits both templates: a literal fits its like, a parameter anything its constraints do."""
    first, second = one.lower().split("/"), other.lower().split("/")
    return len(first) == len(second) and all(map(_segments_meet, first, second))


def _segments_meet(one: str, other: str) -> bool:
    if "{" in one and "{" in other:
        return True
    template, literal = (one, other) if "{" in one else (other, one)
    return compile_template(template).match(f"/{literal}") is not None


def test_no_two_routes_match_the_same_method_and_url(functions: list[HttpFunction]) -> None:
    clashes = [
        (one.name, other.name)
        for one, other in itertools.combinations(functions, 2)
        if methods(one) & methods(other) and meet(one.route, other.route)
    ]

    assert clashes == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("chat/sessions", "chat/sessions", True),
        ("chat/sessions", "Chat/Sessions", True),
        ("chat/{id}", "chat/stats", True),
        ("chat/{id}", "chat/{name}", True),
        ("chat/{id}/stats", "chat/{id}/messages", False),
        ("chat/{id}", "chat", False),
        ("get-{channel}-chat", "get-web-chat", True),
        ("get-{channel}-chat", "put-web-chat", False),
    ],
)
def test_two_templates_meet_where_one_path_fits_both(one: str, other: str, *, expected: bool) -> None:
    assert meet(one, other) is expected


def test_every_handler_is_a_coroutine_function(functions: list[HttpFunction]) -> None:
    blocking = [function.name for function in functions if not inspect.iscoroutinefunction(function.call)]

    assert blocking == []


def test_a_handler_takes_what_the_boundary_reads_and_says_what_it_answers(function_app: ModuleType) -> None:
    for route in function_app.routes:
        signature = inspect.signature(route.endpoint.handler)
        assert set(signature.parameters) <= {"call", "query", "body"}, route.name
        assert get_origin(signature.return_annotation) is Answer, route.name


def test_only_public_operations_need_no_function_key(function_app: ModuleType) -> None:
    function_app.app.functions_bindings = None  # get_functions refuses a second call otherwise
    levels = {
        function.get_function_name(): str(binding["authLevel"].value)
        for function in function_app.app.get_functions()
        for binding in function.get_bindings_dict()["bindings"]
        if binding["type"] == "httpTrigger"
    }

    public = {route.name for route in function_app.routes if route.endpoint.owner is None}
    assert levels == {name: "anonymous" if name in public else "function" for name in levels}
    assert public == {"health", "openapi", "docs_page", "docs_file", "app_page", "app_file", "view_share", "share_page"}


def test_every_route_leads_to_a_handler_that_says_what_it_does(function_app: ModuleType) -> None:
    assert [route.name for route in function_app.routes if not inspect.getdoc(route.endpoint.handler)] == []


def test_what_is_open_speaks_for_nobody(function_app: ModuleType) -> None:
    open_routes = {route.name for route in function_app.routes if route.is_open}

    assert open_routes == {route.name for route in function_app.routes if route.endpoint.owner is None}


def test_importing_the_functions_imports_no_handler() -> None:
    code = "import function_app, sys; print([name for name in sys.modules if name == 'shared.http.sessions'])"
    environ = os.environ | {"STORE": "sqlite"}
    ran = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environ, capture_output=True, check=True)

    assert ran.stdout.decode().strip() == "[]"


def test_importing_the_functions_opens_no_store(function_app: ModuleType) -> None:
    assert not function_app.settings.sqlite_path.exists()
