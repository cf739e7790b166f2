"""Requests to any route, as they should be and broken, made from the route table and the OpenAPI document alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shared.http.problems import kind_of_type
from shared.models import JsonObject
from shared.openapi.operations import Operation
from tests.hostile.app import route_table
from tests.hostile.state import CHANNEL, IN_CHANNEL, MADE, MESSAGE, MINE
from tests.http.client import NO_BODY, Answer, Client
from tests.http.documented import DOCUMENT

ROUTES = route_table()
OWNED = [route for route in ROUTES if route.endpoint.owner]
WITH_BODY = [route for route in ROUTES if route.endpoint.bodies]
PATH_VALUES = {"session_id": MINE, "message_id": MESSAGE, "channel": CHANNEL}  # of the owner's
QUERY_VALUES = {"session_id": MINE, "q": "secret", "after": "1000"}  # for parameters that have to be there
INTERNAL = re.compile(
    rb"Traceback|File \"|\.py\b|sqlite3|azure|cosmos|pydantic|SELECT|c\.log|epoch|0x[0-9a-f]{6}", re.IGNORECASE
)
URI = "urn:openapi"
REGISTRY = Registry().with_resource(URI, Resource.from_contents(DOCUMENT, default_specification=DRAFT202012))
# Values of every JSON type, some of them too long or of the wrong inside; the schemas say which fit where.
VALUES: tuple[Any, ...] = (
    5, -1.5, 2**31, True, "", "text", "UPPER", "x" * 5000, "\n", [], ["text"], [5], [[]], [{}], ["x"] * 129, {},
    {"type": 5},
)  # fmt: skip


@dataclass(frozen=True)
class Broken:
    """A request that must be refused; `where` names what is wrong with it."""

    where: str
    path: str
    body: object = NO_BODY
    headers: Mapping[str, str] | None = None


def name_of(route: Operation) -> str:
    """Name a route in a test's id."""
    return route.operation_id


def path_of(route: Operation, *, without: str = "", **values: str) -> str:
    """Return the route's path, with what has to be in its query but for one parameter.

    Raises KeyError for a parameter that nobody has given a value here.
    """
    own = {"session_id": IN_CHANNEL} if "{channel}" in route.path else {}
    if "{file}" in route.path:
        own["file"] = str(route.route.endpoint.path_parameter("file").example)
    path = route.path.format(**PATH_VALUES | MADE | own | values)
    in_query = [each for each in route.query if each["name"] != without]
    needed = [each["name"] for each in in_query if each["required"] or each["name"] in values]
    return with_query(path, "&".join(f"{name}={(QUERY_VALUES | values)[name]}" for name in needed))


def with_query(path: str, query: str) -> str:
    """Add to the query of a path."""
    return f"{path}{'&' if '?' in path else '?'}{query}" if query else path


def names_a_session(route: Operation) -> bool:
    """Tell whether a request to the route is about one session that it names."""
    in_query = any(each["name"] == "session_id" for each in route.query)
    return "{session_id}" in route.path or (in_query and "session_not_found" in documented(route).get(404, set()))


def needed_query(route: Operation) -> list[str]:
    """Return the names of the query parameters that have to be there."""
    return [each["name"] for each in route.query if each["required"]]


def is_body_required(route: Operation) -> bool:
    """Return whether the document says that the route needs a body."""
    required: bool = DOCUMENT["paths"][route.path][route.method.lower()]["requestBody"]["required"]
    return required


def body_of(route: Operation) -> object:
    """Return the first example of the route's body, nothing for a route that takes none."""
    return next(iter(route.bodies.values()), {}) if route.endpoint.bodies else NO_BODY


def documented(route: Operation) -> dict[int, set[str]]:
    """Return the codes of the problems that the document names for a route, by status."""
    found: dict[int, set[str]] = {}
    for status, response in responses(route).items():
        content = resolved(response).get("content", {}).get("application/problem+json")
        if content:
            found[status] = set(content["schema"]["properties"]["code"]["enum"])
    return found


def responses(route: Operation) -> dict[int, JsonObject]:
    """Return what the document says of a route's answers, by status."""
    listed = DOCUMENT["paths"].get(route.path, {}).get(route.method.lower(), {}).get("responses", {})
    return {int(status): resolved(response) for status, response in listed.items()}


def resolved(value: JsonObject) -> JsonObject:
    """Follow a reference into the document."""
    found: JsonObject = DOCUMENT
    for part in value.get("$ref", "").removeprefix("#/").split("/") if "$ref" in value else ():
        found = found[part]
    return found if "$ref" in value else value


def validator(schema: JsonObject) -> Draft202012Validator:
    """Return a validator of one of the document's schemas."""
    return Draft202012Validator(_absolute(schema), registry=REGISTRY)


def _absolute(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: f"{URI}{item}" if key == "$ref" else _absolute(item) for key, item in value.items()}
    return [_absolute(item) for item in value] if isinstance(value, list) else value


def unknown(route: Operation, parameter: str) -> tuple[int, str]:
    """Return the refusal of a value of a path parameter that names nothing."""
    if parameter in route.path_names:
        return 404, kind_of_type(route.endpoint.path_parameter(parameter).error).code
    return 404, min(documented(route).get(404, set()))


def body_schema(route: Operation) -> JsonObject:
    """Return the schema of a route's body."""
    body = DOCUMENT["paths"][route.path][route.method.lower()]["requestBody"]
    schema: JsonObject = body["content"]["application/json"]["schema"]
    return schema


MUTE = {"clear_channel_chat"}  # answers the same for a session that is not there
IN_SESSIONS = [route for route in ROUTES if names_a_session(route) and route.operation_id not in MUTE]


def wrong_types(route: Operation) -> Iterator[tuple[str, JsonObject]]:
    """Yield bodies with one field that the schema says is wrong, beside that field's name."""
    schema = body_schema(route)
    fits = validator(schema).is_valid
    fields = {name for each in schema.get("anyOf", [schema]) for name in resolved(each)["properties"]}
    for example in route.bodies.values():
        assert fits(example)
        bodies = ((field, {**example, field: value}) for field in sorted(fields) for value in VALUES)
        yield from (pair for pair in bodies if not fits(pair[1]))


def wrong_query(parameter: JsonObject) -> Iterable[str]:
    """Yield query strings that break the rules of one parameter."""
    name, schema = parameter["name"], parameter["schema"]
    if name == "cursor":
        yield from (f"cursor={value}" for value in ("x", "%00", "AAAAAAAAAAA", "e30", "%C3%A4", "x" * 5000, "=", "'"))
        return
    for value in (
        "-1",
        "x",
        "1.5",
        "1e3",
        "0x10",
        "+1",
        "%D9%A1",
        "%201",
        "9" * 20,
        "9" * 5000,
        "%00",
        "true%20",
        "UPPER",
    ):
        if _is_wrong(schema, value):
            yield f"{name}={value}"
    if schema["type"] != "array":
        yield f"{name}=1&{name}=2"
    if "maxLength" in schema:
        yield f"{name}=" + "x" * (schema["maxLength"] + 1)


def _is_wrong(schema: JsonObject, value: str) -> bool:
    if schema["type"] == "string":
        return value not in schema.get("enum", [value]) or not re.search(schema.get("pattern", ""), value)
    return schema["type"] != "array"  # none of the values is a number within bounds, or true or false


async def refused(client: Client, route: Operation, expected: tuple[int, str], *requests: Broken) -> None:
    """Send the requests; each is refused as expected, as the document says, and without a word about the inside."""
    status, code = expected
    assert code in documented(route)[status], f"{route.operation_id} does not say that {expected} may happen"
    assert requests
    for broken in requests:
        answer = await client.send(route.method, broken.path, broken.body, broken.headers)
        assert answer.refusal == expected, broken
        assert_says_nothing_internal(answer)


def assert_says_nothing_internal(answer: Answer) -> None:
    """Hold the answer against what no outsider should read."""
    assert not INTERNAL.search(answer.body), answer
