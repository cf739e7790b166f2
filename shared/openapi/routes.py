"""The app's HTTP functions as operations: one for each method of each route."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import azure.functions as func

from shared.local_host.index import HttpFunction, read_functions
from shared.openapi import earlier, messages, owner, sessions
from shared.openapi.operation import Operation

CATALOG: Mapping[str, Operation] = {
    **sessions.OPERATIONS,
    **messages.OPERATIONS,
    **owner.OPERATIONS,
    **earlier.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one route: `operation_id` is the function's name, with the method where it is not the first."""

    path: str
    method: str
    operation_id: str
    summary: str
    about: Operation


def routes(app: func.FunctionApp, prefix: str) -> Iterator[Route]:
    """Yield the app's routes in the order of declaration; raises KeyError for a function nothing is said of."""
    for function in read_functions(app):
        if isinstance(function, HttpFunction):
            yield from _routes_of(function, prefix)


def _routes_of(function: HttpFunction, prefix: str) -> Iterator[Route]:
    summary = (inspect.getdoc(function.call) or "").partition("\n")[0].rstrip(".")
    for position, method in enumerate(function.methods or ()):
        operation_id = function.name if position == 0 else f"{function.name}_{method.lower()}"
        yield Route(f"/{prefix}/{function.route}", method, operation_id, summary, CATALOG[function.name])
