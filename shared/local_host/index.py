"""What a FunctionApp declares, read the way the Functions worker indexes it."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from shared.local_host.errors import HostError

_CONTEXT = "context"
_RETURN = "$return"


@dataclass(frozen=True, slots=True)
class HostedFunction:
    """A function and how to call it: by parameter name, as the worker does."""

    name: str
    call: Callable[..., Any]
    trigger_parameter: str
    takes_context: bool


@dataclass(frozen=True, slots=True)
class HttpFunction(HostedFunction):
    """A function behind a route; `methods` None means all of them."""

    route: str
    methods: tuple[str, ...] | None

    def describe(self) -> dict[str, object]:
        """Return what `/admin/functions` says about it; the route is the declared one, without the prefix."""
        return {"name": self.name, "trigger": "httpTrigger", "route": self.route, "methods": self.methods}


@dataclass(frozen=True, slots=True)
class TimerFunction(HostedFunction):
    """A function on a schedule."""

    schedule: str
    run_on_startup: bool

    def describe(self) -> dict[str, object]:
        """Return what `/admin/functions` says about it."""
        return {"name": self.name, "trigger": "timerTrigger", "route": None, "methods": None, "schedule": self.schedule}


def read_functions(app: func.FunctionApp) -> list[HttpFunction | TimerFunction]:
    """Return the app's functions in the order of declaration.

    Raises HostError for what stops the real host as well (two functions of one name, a parameter that is no binding)
    and for triggers and bindings other than HTTP and timers.
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
    trigger = _trigger(name, function.get_bindings_dict()["bindings"])
    parameters = set(inspect.signature(call).parameters)
    _check_parameters(name, parameters, str(trigger["name"]))
    common = HostedFunction(name, call, str(trigger["name"]), _CONTEXT in parameters)
    if trigger["type"] == "timerTrigger":
        return _timer_function(common, trigger)
    return _http_function(common, trigger)


def _trigger(name: str, bindings: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    inward = [binding for binding in bindings if binding["name"] != _RETURN]
    if len(inward) != 1 or inward[0]["type"] not in {"httpTrigger", "timerTrigger"}:
        kinds = ", ".join(sorted(str(binding["type"]) for binding in inward))
        raise HostError(f"function {name!r} uses {kinds}: the local host serves httpTrigger and timerTrigger only")
    return inward[0]


def _check_parameters(name: str, parameters: set[str], trigger_parameter: str) -> None:
    if trigger_parameter not in parameters:
        raise HostError(f"function {name!r} has no parameter {trigger_parameter!r} for its trigger")
    unbound = parameters - {trigger_parameter, _CONTEXT}
    if unbound:
        raise HostError(f"function {name!r} has parameters that are no bindings: {', '.join(sorted(unbound))}")


def _timer_function(common: HostedFunction, trigger: Mapping[str, Any]) -> TimerFunction:
    return TimerFunction(
        common.name,
        common.call,
        common.trigger_parameter,
        common.takes_context,
        schedule=str(trigger["schedule"]),
        run_on_startup=bool(trigger.get("runOnStartup")),
    )


def _http_function(common: HostedFunction, trigger: Mapping[str, Any]) -> HttpFunction:
    route = str(trigger.get("route") or common.name)
    if route.lower().startswith("admin"):
        raise HostError(f"function {common.name!r}: the host keeps routes that start with 'admin', like {route!r}")
    return HttpFunction(
        common.name,
        common.call,
        common.trigger_parameter,
        common.takes_context,
        route=route,
        methods=_method_names(trigger.get("methods")),
    )


def _method_names(methods: Iterable[Any] | None) -> tuple[str, ...] | None:
    """Return None, which is all methods, for an empty list too, as the real host does."""
    return tuple(str(getattr(method, "value", method)).upper() for method in methods or ()) or None
