"""Microsoft's runtime in this process, spoken to in the messages that the host sends it."""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest import mock
from uuid import uuid4

import azure_functions_runtime as library
from google.protobuf.message import Message

from tests.worker.messages import over_the_wire, protos

Handler = Callable[[Any], Awaitable[Any]]

SCRIPT: Final = "function_app"
ABILITIES_OF_THE_HOST: Final = {"RpcHttpTriggerMetadataRemoved": "true"}


class RefusedError(Exception):
    """The runtime has told the host that the app cannot be indexed; the message is the runtime's."""


@dataclass(frozen=True)
class Envelope:
    """What the process around the runtime hands it: a host's message and the means to answer."""

    name: str
    request: Message
    properties: Mapping[str, object] = field(default_factory=lambda: {"protos": protos, "host": "127.0.0.1"})


@dataclass(frozen=True)
class Indexed:
    """A function as the runtime describes it to the host; `trigger` is what it says of its binding."""

    name: str
    function_id: str
    trigger: Mapping[str, Any]

    @property
    def methods(self) -> list[str]:
        """The methods of its route."""
        return [method.upper() for method in self.trigger["methods"]]


@dataclass(frozen=True)
class Runtime:
    """The runtime with the functions of one folder loaded."""

    functions: Mapping[str, Indexed]
    capabilities: Mapping[str, str]

    @property
    def app_module(self) -> ModuleType:
        """The functions' module, as the runtime has imported it."""
        return sys.modules[SCRIPT]

    async def invoke(
        self,
        name: str,
        data: Message,
        metadata: Mapping[str, Message] | None = None,
        *,
        invocation_id: str | None = None,
    ) -> Any:
        """Invoke a function with what its trigger binds, and return the runtime's answer as the host receives it."""
        function = self.functions[name]
        request = protos.InvocationRequest(
            invocation_id=invocation_id or str(uuid4()),
            function_id=function.function_id,
            input_data=[protos.ParameterBinding(name=function.trigger["name"], data=data)],
            trigger_metadata=metadata,
            trace_context=protos.RpcTraceContext(trace_parent=f"00-{uuid4().hex}-0123456789abcdef-01"),
        )
        response = await _say(library.invocation_request, invocation_request=request)
        assert response.invocation_id == request.invocation_id
        return response


@asynccontextmanager
async def started(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Runtime]:
    """Start the runtime on a folder of functions, in an environment of its own; RefusedError when they cannot run."""
    with _fresh(folder, environment):
        runtime = await load(folder)
        try:
            yield runtime
        finally:
            await runtime.app_module.close()


@asynccontextmanager
async def specialised(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Runtime]:
    """Start the runtime as the Consumption plan does: on no functions at first, then told where and what to be."""
    request = protos.FunctionEnvironmentReloadRequest(
        environment_variables=environment, function_app_directory=str(folder)
    )
    with _fresh(folder, {}), chdir(Path.cwd()):
        placeholder = protos.WorkerInitRequest(function_app_directory=str(folder / "placeholder"))
        await _say(library.worker_init_request, worker_init_request=placeholder)
        response = await _say(library.function_environment_reload_request, function_environment_reload_request=request)
        runtime = await _loaded(response)
        try:
            yield runtime
        finally:
            await runtime.app_module.close()


async def load(folder: Path) -> Runtime:
    """Let the runtime index the functions of a folder, as they are if they have been imported; may be refused."""
    request = protos.WorkerInitRequest(
        host_version="4.1000.0", capabilities=ABILITIES_OF_THE_HOST, function_app_directory=str(folder)
    )
    return await _loaded(await _say(library.worker_init_request, worker_init_request=request))


async def _loaded(response: Any) -> Runtime:
    if response.result.status != protos.StatusResult.Success:
        raise RefusedError(response.result.exception.message)
    metadata = await _say(
        library.functions_metadata_request, functions_metadata_request=protos.FunctionsMetadataRequest()
    )
    for described in metadata.function_metadata_results:
        request = protos.FunctionLoadRequest(function_id=described.function_id, metadata=described)
        loaded = await _say(library.function_load_request, function_load_request=request)
        assert loaded.result.status == protos.StatusResult.Success
    indexed = [_indexed(described) for described in metadata.function_metadata_results]
    return Runtime({function.name: function for function in indexed}, dict(response.capabilities))


def _indexed(described: Any) -> Indexed:
    bindings = [json.loads(raw) for raw in described.raw_bindings]
    trigger = next(binding for binding in bindings if binding["type"].endswith("Trigger"))
    return Indexed(described.name, described.function_id, trigger)


@contextmanager
def _fresh(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Let the functions be imported anew, from this folder and in this environment; leave the process as it was."""
    before = {name: module for name, module in sys.modules.items() if name == SCRIPT}
    path = [str(folder), *sys.path]
    with mock.patch.dict(os.environ, environment, clear=True), mock.patch.object(sys, "path", path):
        sys.modules.pop(SCRIPT, None)
        library.start_threadpool_executor()
        try:
            yield
        finally:
            library.stop_threadpool_executor()
            sys.modules.pop(SCRIPT, None)
            sys.modules.update(before)


async def _say(handler: Handler, **content: Message) -> Any:
    """Send the runtime one message and return its answer, both as the other side receives them."""
    message = over_the_wire(protos.StreamingMessage(request_id=str(uuid4()), **content))
    return over_the_wire(await handler(Envelope(handler.__name__, message)))
