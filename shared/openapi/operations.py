"""The operations of an API: one for each method of each route."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.http.endpoint import Endpoint, Route
from shared.models import JsonObject
from shared.openapi.examples import BODIES
from shared.openapi.schemas import query_parameters

PREFIX = "/api"  # host.json's routePrefix


@dataclass(frozen=True)
class Operation:
    """One method of one route: `operation_id` is the function's name, with the method where it is not the first."""

    path: str
    method: str
    operation_id: str
    route: Route

    @property
    def endpoint(self) -> Endpoint:
        """What the route's handler declares."""
        return self.route.endpoint

    @cached_property
    def prose(self) -> list[str]:
        """The handler's docstring by paragraphs, each of them one line: the summary, then the description."""
        return [" ".join(each.split()) for each in inspect.cleandoc(self.endpoint.handler.__doc__ or "").split("\n\n")]

    @property
    def summary(self) -> str:
        """What the operation does, in a few words."""
        return self.prose[0].rstrip(".")

    @property
    def description(self) -> str:
        """What the operation does, at length."""
        return " ".join([*self.prose[1:], self.endpoint.notes]).strip()

    @property
    def path_names(self) -> list[str]:
        """The names of the path's parameters."""
        return re.findall(r"{(\w+)}", self.path)

    @cached_property
    def query(self) -> list[JsonObject]:
        """The query parameters, as OpenAPI writes them."""
        return query_parameters(self.endpoint.query) if self.endpoint.query else []

    @property
    def bodies(self) -> Mapping[str, JsonObject]:
        """Examples of bodies by what they show; none where the route takes no body."""
        return BODIES.get(self.route.name, {"Nothing": {}}) if self.endpoint.bodies else {}


def operations(routes: Iterable[Route]) -> list[Operation]:
    """Return the operations of these routes, in their order."""
    return [
        Operation(f"{PREFIX}/{route.path}", method, route.name if first else f"{route.name}_{method.lower()}", route)
        for route in routes
        for method, first in zip(route.methods, [True] + [False] * len(route.methods), strict=False)
    ]
