"""The OpenAPI document: operations, models and what is said of them, put together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from shared import errors, identity
from shared.http.endpoint import Endpoint, Reply
from shared.http.parameters import RequestHeader
from shared.http.problems import (
    WAITING_ERRORS,
    BadRequestError,
    Kind,
    LengthRequiredError,
    Problem,
    UnsupportedMediaTypeError,
    kind_of_type,
)
from shared.models import JsonObject
from shared.openapi.examples import answer_example
from shared.openapi.info import HEADERS, INFO, SECURITY, SECURITY_SCHEMES, TAGS
from shared.openapi.operations import Operation
from shared.openapi.references import share
from shared.openapi.schemas import answer_schemas, body_schemas

EVERY_REPLY = ("x-request-id", "x-request-charge")
OWNER_ERRORS = (identity.OwnerError, identity.UnauthenticatedError, identity.ForbiddenError)
BODY_ERRORS = (BadRequestError, errors.PayloadTooLargeError, UnsupportedMediaTypeError, ValidationError)
STORE_ERRORS = (errors.StoreThrottledError, errors.StoreUnavailableError)
WAITING = {kind_of_type(each) for each in WAITING_ERRORS}


def build_document(operations: Sequence[Operation]) -> JsonObject:
    """Return the OpenAPI 3.1 document of these operations."""
    return _Document(operations).build()


class _Document:
    """The document while it is put together; schemas are made once, for all operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        endpoints = [operation.endpoint for operation in operations]
        self._bodies, body_components = body_schemas([each.bodies for each in endpoints if each.bodies])
        answers = [each.json_of(status) for each in endpoints for status in each.answers]
        self._answers, answer_components = answer_schemas([Problem, *filter(None, answers)])
        self._schemas = body_components | answer_components
        self._problems: JsonObject = {}

    def build(self) -> JsonObject:
        paths: dict[str, JsonObject] = defaultdict(dict)
        for operation in self._operations:
            paths[operation.path][operation.method.lower()] = self._operation(operation)
        parameters = share(paths, "parameters", lambda parameter: str(parameter["name"]))
        responses = share(paths, "responses", lambda response: str(response["description"]))
        return {
            "openapi": "3.1.0",
            "info": INFO,
            "servers": [{"url": ".."}],  # beside the document: the page works behind any prefix
            "security": SECURITY,
            "tags": [tag for tag in TAGS if tag["name"] in {each.endpoint.tag for each in self._operations}],
            "paths": dict(paths),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "parameters": parameters,
                "responses": dict(sorted((self._problems | responses).items())),
                "headers": HEADERS,
                "securitySchemes": SECURITY_SCHEMES,
            },
        }

    def _operation(self, operation: Operation) -> JsonObject:
        endpoint = operation.endpoint
        found: JsonObject = {
            "operationId": operation.operation_id,
            "tags": [endpoint.tag],
            "summary": operation.summary,
            "description": operation.description,
            **_security(endpoint),
            "parameters": [*_path_parameters(operation), *operation.query, *map(_header, endpoint.headers)],
            "responses": self._responses(operation),
        }
        if endpoint.bodies:
            schema, required = self._bodies[endpoint.bodies]
            content = {"application/json": {"schema": schema, "examples": _examples(operation)}}
            found["requestBody"] = {"required": required, "content": content}
        return found | ({"deprecated": True} if endpoint.deprecated else {})

    def _responses(self, operation: Operation) -> JsonObject:
        found = {status: self._reply(operation, status) for status in operation.endpoint.answers}
        problems: dict[int, list[Kind]] = defaultdict(list)
        for kind in dict.fromkeys(map(kind_of_type, _errors(operation))):
            if all(known.code != kind.code for known in problems[kind.status]):
                problems[kind.status].append(kind)
        found |= {status: self._problem(kinds, operation.method) for status, kinds in problems.items()}
        return {str(status): found[status] for status in sorted(found)}

    def _reply(self, operation: Operation, status: int) -> JsonObject:
        reply: Reply = operation.endpoint.answers[status]
        response: JsonObject = {"description": reply.description, "headers": _headers(*reply.headers)}
        content: JsonObject = {media_type: {"schema": {"type": "string"}} for media_type in reply.texts}
        if model := operation.endpoint.json_of(status):
            content["application/json"] = {"schema": self._answers[str(model)], **answer_example(model)}
        return response | ({"content": content} if content and operation.method != "HEAD" else {})

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
            "headers": _headers(*(("Retry-After",) if WAITING.intersection(kinds) else ())),
        }
        content = {"application/problem+json": {"schema": schema, "examples": examples}}
        return response | ({"content": content} if method != "HEAD" else {})


def _errors(operation: Operation) -> Iterable[type[Exception]]:
    """Return everything that can go wrong, beside what nobody foresaw."""
    endpoint = operation.endpoint
    yield LengthRequiredError
    yield from OWNER_ERRORS if endpoint.owner else ()
    yield from (endpoint.path_parameter(name).error for name in operation.path_names)
    yield from (BadRequestError,) if operation.query else ()
    yield from BODY_ERRORS if endpoint.bodies or operation.method == "DELETE" else ()  # whose body may name the owner
    yield from endpoint.errors
    yield from STORE_ERRORS if endpoint.asks_store else ()


def _problem(kind: Kind) -> Problem:
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


def _path_parameters(operation: Operation) -> list[JsonObject]:
    known = {name: operation.endpoint.path_parameter(name) for name in operation.path_names}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": parameter.description,
            "schema": parameter.schema,
            "example": parameter.example,
        }
        for name, parameter in known.items()
    ]


def _header(header: RequestHeader) -> JsonObject:
    schema = {"type": "string"} | ({"pattern": header.pattern} if header.pattern else {})
    return {
        "name": header.name,
        "in": "header",
        "required": False,
        "description": header.description,
        "schema": schema,
    }


def _security(endpoint: Endpoint) -> JsonObject:
    """Return who may call; nothing where it is as on most routes."""
    if endpoint.owner is None:
        return {"security": []}
    without_owner: list[JsonObject] = [{name: [] for name in needed if name != "owner"} for needed in SECURITY]
    return {"security": [*SECURITY, *without_owner]} if endpoint.owner_optional else {}


def _examples(operation: Operation) -> JsonObject:
    return {
        name.lower().replace(" ", "-"): {"summary": name, "value": value} for name, value in operation.bodies.items()
    }
