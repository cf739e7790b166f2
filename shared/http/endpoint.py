"""What one route takes and answers, declared once on its handler: the boundary reads it, the documentation renders it.

A handler takes the call and, by these names, what it wants parsed: `query`, a QueryModel, and `body`, a model or a
union of them. It returns `Answer[…]` of what it answers as JSON. Its docstring is the summary and the description.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module
from types import NoneType
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from shared.http.call import STRICT_METHODS, Answer, Call
from shared.http.parameters import PATH_PARAMETERS, PathParameter, RequestHeader
from shared.http.query import QueryModel
from shared.models import Nothing

REDIRECTION = 300  # from there on an answer that is no problem has no body, and neither has 204
NO_CONTENT = 204
Handler = Callable[..., Awaitable[Answer[Any]]]


class Reply(NamedTuple):
    """One answer that is no problem; `texts` are media types beside JSON, `model` the JSON of a handler of bytes."""

    description: str
    headers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    model: object = None


async def _undeclared(_: Call) -> Answer[None]:
    raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The declaration of a handler, used as its decorator.

    `owner` finds out whom a request speaks for; None is for routes that are open to anybody. `errors` are those that do
    not follow from owner, path, query, body or store. `notes` end the description, `path` is what differs in the path.
    What `waits_for_model` may take as long as a turn.
    """

    tag: str
    answers: Mapping[int, Reply]
    headers: tuple[RequestHeader, ...] = ()
    errors: tuple[type[Exception], ...] = ()
    notes: str = ""
    path: Mapping[str, PathParameter] = field(default_factory=dict)
    owner: Callable[[Call], str] | None = Call.named_owner
    owner_optional: bool = False
    asks_store: bool = True
    deprecated: bool = False
    waits_for_model: bool = False
    handler: Handler = _undeclared

    def __call__(self, handler: Handler) -> "Endpoint":
        """Declare this of a handler."""
        return replace(self, handler=handler)

    @cached_property
    def query(self) -> type[QueryModel] | None:
        """The model of the query, if the handler takes one."""
        return self.handler.__annotations__.get("query")

    @cached_property
    def bodies(self) -> tuple[type[BaseModel], ...]:
        """The models one of which a body must fit; none where the handler takes no body."""
        known = self.handler.__annotations__.get("body")
        return get_args(known) or ((known,) if known else ())

    def path_parameter(self, name: str) -> PathParameter:
        """Return what is known of a parameter of the path."""
        return self.path.get(name) or PATH_PARAMETERS[name]

    def json_of(self, status: int) -> object:
        """Return the type of the JSON answered with a status, None where there is none."""
        (answered,) = get_args(self.handler.__annotations__["return"])
        has_json = answered not in (bytes, NoneType) and status < REDIRECTION and status != NO_CONTENT
        return self.answers[status].model or (answered if has_json else None)


class Route(NamedTuple):
    """A function of the app: its name, the methods and the path it answers, and the handler that does, in shared.http.

    An open route speaks for nobody; its endpoint has no owner.
    """

    name: str
    methods: list[str]
    path: str
    handler: str
    is_open: bool = False

    @property
    def endpoint(self) -> Endpoint:
        """The handler with its declaration, imported when it is first asked for."""
        return _declared(self.handler)


@cache
def _declared(handler: str) -> Endpoint:
    module, _, name = handler.rpartition(".")
    endpoint: Endpoint = getattr(import_module(f"shared.http.{module}"), name)
    return endpoint


async def answer(endpoint: Endpoint, call: Call) -> Answer[Any]:
    """Let the handler answer; owner, path, query and body are read in this order, and the first fault is the answer."""
    given: dict[str, object] = {}
    is_strict = call.method in STRICT_METHODS
    if endpoint.owner:
        call.owner = endpoint.owner(call)
    call.path = {name: endpoint.path_parameter(name).read(value) for name, value in call.route_parameters.items()}
    if endpoint.query:
        given["query"] = call.query.read(endpoint.query, strict=is_strict)
    elif is_strict:
        call.query.read(QueryModel, strict=True)
    if endpoint.bodies:
        given["body"] = body = call.body(*endpoint.bodies)
        call.channel = getattr(body, "channel", None)
    elif call.method == "DELETE":  # whose body may name the owner, and nothing else
        call.body(Nothing)
    return await endpoint.handler(call, **given)
