"""What a FunctionApp declares, read the way the Functions worker indexes it."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import azure.functions as func
from azure.functions.decorators.core import Binding
from azure.functions.decorators.http import HttpTrigger
from azure.functions.decorators.timer import TimerTrigger

from shared.local_host.errors import HostError

_RETURN = "$return"


@dataclass(frozen=True, slots=True)
class HostedFunction:
    """A coroutine function, which is called with what triggers it under the name of its one parameter."""

    name: str
    call: Callable[..., Awaitable[object]]
    trigger_parameter: str


@dataclass(frozen=True, slots=True)
class HttpFunction(HostedFunction):
    """A function behind a route."""

    route: str
    methods: tuple[str, ...]

    def describe(self) -> dict[str, object]:
        """Return what `/admin/functions` says about it; the route is the declared one, without the prefix."""
        return {"name": self.name, "trigger": "httpTrigger", "route": self.route, "methods": self.methods}


@dataclass(frozen=True, slots=True)
class TimerFunction(HostedFunction):
    """A function on a schedule."""

    schedule: str

    def describe(self) -> dict[str, object]:
        """Return what `/admin/functions` says about it."""
        return {"name": self.name, "trigger": "timerTrigger", "route": None, "methods": None, "schedule": self.schedule}


def read_functions(app: func.FunctionApp) -> list[HttpFunction | TimerFunction]:
    """Return the app's functions in the order of declaration.

    Raises HostError for two functions of one name, and for what Parley has none of: other triggers and bindings,
    functions that are no coroutine functions, routes without methods, timers that run on startup.
    """
    # get_functions() remembers the names it has seen and refuses a second call; an app may be served more than once.
    app.functions_bindings = None
    try:
        declared = app.get_functions()
    except ValueError as exc:
        raise HostError(str(exc)) from exc
    return [_read_function(function) for function in declared]


def _read_function(function: func.Function) -> HttpFunction | TimerFunction:
    name, call = str(function.get_function_name()), function.get_user_function()
    trigger = _trigger(name, function.get_bindings())
    parameter = str(trigger.name)
    if list(inspect.signature(call).parameters) != [parameter] or not inspect.iscoroutinefunction(call):
        raise HostError(f"function {name!r} must be `async def` with the one parameter {parameter!r}")
    if isinstance(trigger, TimerTrigger):
        if trigger.run_on_startup:
            raise HostError(f"function {name!r} runs on startup, which the local host does not do")
        return TimerFunction(name, call, parameter, schedule=str(trigger.schedule))
    methods = tuple(str(getattr(method, "value", method)).upper() for method in trigger.methods or ())
    if not methods or not trigger.route:
        raise HostError(f"function {name!r} must say its route and its methods")
    return HttpFunction(name, call, parameter, route=str(trigger.route), methods=methods)


def _trigger(name: str, bindings: list[Binding]) -> HttpTrigger | TimerTrigger:
    inward = [binding for binding in bindings if binding.name != _RETURN]
    if len(inward) != 1 or not isinstance(inward[0], HttpTrigger | TimerTrigger):
        kinds = ", ".join(sorted(str(binding.type) for binding in inward))
        raise HostError(f"function {name!r} uses {kinds}: the local host serves httpTrigger and timerTrigger only")
    return inward[0]
