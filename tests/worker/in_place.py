"""A pytest plugin that puts Microsoft's runtime in the local host's place in tests/http: `-p tests.worker.in_place`.

With HTTP_STREAMING=true in the environment the requests reach the runtime over HTTP.
"""

import os
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import azure_functions_runtime as library
import pytest
from aiohttp import web

import shared.local_host
from shared.settings import PROJECT_ROOT
from tests.worker import host
from tests.worker.forwarding import ADDRESS
from tests.worker.runtime import Runtime, load

OF_THE_LOCAL_HOST = {  # what tests/http says of the local host rather than of the API
    "test_the_timer_fired_by_hand_archives_what_is_idle[sqlite]": "it is fired over HTTP; see test_timer.py",
    "test_an_answer_has_the_content_type_of_its_body[sqlite-nothing new]": "Azure's host types what has no body",
    "test_an_answer_has_the_content_type_of_its_body[sqlite-no content]": "Azure's host types what has no body",
}
OF_CLASSIC_HTTP = {  # what is otherwise where requests reach the runtime over HTTP
    "test_a_body_sent_in_chunks_is_refused_and_nothing_is_done": "it arrives; see test_streaming.py",
    "test_who_asks_does_not_matter_for_a_body_sent_in_chunks": "it arrives; see test_streaming.py",
}
STREAMING = os.environ.get("HTTP_STREAMING") == "true"


def build_web_app(app: func.FunctionApp, *, host_json: Mapping[str, Any]) -> web.Application:
    """Return a web application like the local host's, with the runtime behind it."""
    assert host_json["extensions"]["http"]["routePrefix"] == host.PREFIX.strip("/")

    async def load_again() -> Runtime:
        app.functions_bindings = None  # get_functions refuses a second call otherwise
        library.start_threadpool_executor()
        runtime = await load(PROJECT_ROOT)
        assert (ADDRESS in runtime.capabilities) == STREAMING
        return runtime

    return host.build_web_app(load_again)


def pytest_load_initial_conftests() -> None:
    """Come before tests/http/conftest.py, which imports the local host's function by its name."""
    shared.local_host.build_web_app = build_web_app


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Leave out the second store, of which the runtime knows nothing, and skip what is not about the API."""
    left_out = [item for item in items if "cosmos" in item.name]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        reason = OF_THE_LOCAL_HOST.get(item.name) or (STREAMING and OF_CLASSIC_HTTP.get(item.originalname))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish() -> None:
    """Let go of the runtime's threads."""
    library.stop_threadpool_executor()
