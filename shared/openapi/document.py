"""The OpenAPI document: routes, models and what is said of them, put together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from shared import errors, identity
from shared.http.problems import KINDS, BadRequestError, Kind, LengthRequiredError, UnsupportedMediaTypeError
from shared.models import JsonObject
from shared.openapi.bodies import Problem
from shared.openapi.fields import BY_COMPONENT, FIELDS
from shared.openapi.info import HEADERS, INFO, PATH_PARAMETERS, SECURITY, SECURITY_SCHEMES, TAGS
from shared.openapi.operation import Operation, Parameter, Reply
from shared.openapi.routes import Route
from shared.openapi.schemas import answer_schemas, body_schemas

EVERY_REPLY = ("x-request-id", "x-request-charge")
OWNER_ERRORS = (identity.OwnerError, identity.UnauthenticatedError, identity.ForbiddenError)
BODY_ERRORS = (BadRequestError, errors.PayloadTooLargeError, UnsupportedMediaTypeError, ValidationError)
STORE_ERRORS = (errors.StoreThrottledError, errors.StoreUnavailableError)
WAITING = {429, 503}  # statuses with Retry-After
PATH_ERRORS = {
    "session_id": errors.SessionNotFoundError,
    "message_id": errors.MessageNotFoundError,
    "channel": errors.SessionNotFoundError,
}


def build_document(routes: Iterable[Route]) -> JsonObject:
    """Return the OpenAPI 3.1 document of these routes."""
    return _Document(list(routes)).build()


class _Document:
    """The document while it is put together; schemas are made once, for all routes."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        about = [route.about for route in routes]
        bodies = [known.body for known in about if known.body]
        replies = [reply.model for known in about for reply in known.replies.values() if reply.model]
        schemas, body_components = body_schemas(bodies)
        self._bodies = dict(zip(map(str, bodies), schemas, strict=True))
        answers, answer_components = answer_schemas([*replies, Problem])
        self._answers = dict(zip(map(str, [*replies, Problem]), answers, strict=True))
        self._schemas = _described(body_components | answer_components)
        self._problems: JsonObject = {}

    def build(self) -> JsonObject:
        paths: dict[str, JsonObject] = defaultdict(dict)
        for route in self._routes:
            paths[route.path][route.method.lower()] = self._operation(route)
        return {
            "openapi": "3.1.0",
            "info": INFO,
            "servers": [{"url": ".."}],  # beside the document: the page works behind any prefix
            "tags": [tag for tag in TAGS if tag["name"] in {route.about.tag for route in self._routes}],
            "paths": dict(paths),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "responses": dict(sorted(self._problems.items())),
                "headers": HEADERS,
                "securitySchemes": SECURITY_SCHEMES,
            },
        }

    def _operation(self, route: Route) -> JsonObject:
        about = route.about
        operation: JsonObject = {
            "operationId": route.operation_id,
            "tags": [about.tag],
            "summary": route.summary,
            "description": about.description,
            "security": _security(about),
            "parameters": [*_path_parameters(route), *map(_parameter, about.parameters)],
            "responses": self._responses(route),
        }
        if about.body:
            operation["requestBody"] = {
                "required": about.body_required,
                "content": {"application/json": {"schema": self._bodies[str(about.body)], **_examples(about)}},
            }
        return operation | ({"deprecated": True} if about.deprecated else {})

    def _responses(self, route: Route) -> JsonObject:
        found = {status: self._reply(reply, route.method) for status, reply in route.about.replies.items()}
        problems: dict[int, list[Kind]] = defaultdict(list)
        for kind in dict.fromkeys(KINDS[error] for error in _errors(route)):
            problems[kind.status].append(kind)
        found |= {status: self._problem(kinds, route.method) for status, kinds in problems.items()}
        return {str(status): found[status] for status in sorted(found)}

    def _reply(self, reply: Reply, method: str) -> JsonObject:
        response: JsonObject = {"description": reply.description, "headers": _headers(*reply.headers)}
        content: JsonObject = {media_type: {"schema": {"type": "string"}} for media_type in reply.texts}
        if reply.model:
            example = {} if reply.example is None else {"example": reply.example}
            content["application/json"] = {"schema": self._answers[str(reply.model)], **example}
        return response | ({"content": content} if content and method != "HEAD" else {})

    def _problem(self, kinds: Sequence[Kind], method: str) -> JsonObject:
        """Return a reference to the response that tells of these problems, all of one status."""
        name = "-".join([*(kind.code for kind in kinds), *(["head"] if method == "HEAD" else [])])
        if name not in self._problems:
            self._problems[name] = self._problem_response(kinds, method)
        return {"$ref": f"#/components/responses/{name}"}

    def _problem_response(self, kinds: Sequence[Kind], method: str) -> JsonObject:
        status = kinds[0].status
        schema = {
            "allOf": [self._answers[str(Problem)]],
            "properties": {"status": {"const": status}, "code": {"enum": [kind.code for kind in kinds]}},
        }
        examples = {kind.code: {"value": _problem(kind)} for kind in kinds}
        response: JsonObject = {
            "description": "; ".join(f"{kind.title} (`{kind.code}`)" for kind in kinds) + ".",
            "headers": _headers(*(("Retry-After",) if status in WAITING else ())),
        }
        content = {"application/problem+json": {"schema": schema, "examples": examples}}
        return response | ({"content": content} if method != "HEAD" else {})


def _errors(route: Route) -> Iterable[type[Exception]]:
    """Return everything that can go wrong, beside what nobody foresaw."""
    about = route.about
    yield LengthRequiredError
    yield from () if about.public else OWNER_ERRORS
    yield from (error for name, error in PATH_ERRORS.items() if f"{{{name}}}" in route.path)
    yield from BODY_ERRORS if about.body or route.method == "DELETE" else ()  # whose body may name the owner
    yield from about.errors
    yield from STORE_ERRORS if about.asks_store else ()


def _problem(kind: Kind) -> JsonObject:
    return {
        "type": f"urn:parley:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": f"{kind.title}.",
        "code": kind.code,
        "request_id": "5f2b8c1e9d3a4b6f",
    }


def _headers(*names: str) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *EVERY_REPLY)}


def _path_parameters(route: Route) -> list[JsonObject]:
    return [route.about.path.get(name) or PATH_PARAMETERS[name] for name in re.findall(r"{(\w+)}", route.path)]


def _security(about: Operation) -> list[JsonObject]:
    if about.public:
        return []
    return [
        *SECURITY,
        *({name: [] for name in needed if name != "owner"} for needed in SECURITY if about.owner_optional),
    ]


def _parameter(parameter: Parameter) -> JsonObject:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _examples(about: Operation) -> JsonObject:
    named = {name: {"summary": name, "value": value} for name, value in about.examples.items()}
    return {"examples": {name.lower().replace(" ", "-"): example for name, example in named.items()}} if named else {}


def _described(components: dict[str, Any]) -> dict[str, Any]:
    """Write down what each field means; raises KeyError for one that nobody has described."""
    for component, schema in components.items():
        for name, field in schema["properties"].items():
            field["description"] = BY_COMPONENT.get((component, name)) or FIELDS[name]
    return components
