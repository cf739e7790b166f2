"""The OpenAPI document: true to the routes and the models, valid, and the one that is served."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from shared.http.body import MAX_BODY_BYTES
from shared.http.docs_page import load_document
from shared.http.legacy.questions import HISTORY_BYTES
from shared.http.problems import INTERNAL, KINDS
from shared.local_host.index import HttpFunction, read_functions
from shared.models import JsonObject
from shared.models.values import MAX_ATTACHMENT_BYTES, MAX_CONTEXT_BYTES, MAX_METADATA_BYTES, MAX_RAW_BYTES
from shared.openapi import written_document
from shared.openapi.info import ABOUT
from shared.storable import MAX_DEPTH, MAX_INTEGER
from tests.http.client import Client, refused_before_any_store_is_asked

DOCUMENT: JsonObject = json.loads(load_document().content)
URI = "urn:openapi"
REGISTRY = Registry().with_resource(URI, Resource.from_contents(DOCUMENT, default_specification=DRAFT202012))
Case = tuple[str, Any, Any]
UNITS = {"KiB": 2**10, "MiB": 2**20}


def operations() -> Iterator[tuple[str, str, JsonObject]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(value: JsonObject) -> JsonObject:
    if "$ref" not in value:
        return value
    found = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def contents() -> Iterator[tuple[str, JsonObject]]:
    """Yield every body of a request and of an answer that has a schema, by where it is."""
    for _path, _method, operation in operations():
        if body := operation.get("requestBody"):
            yield f"{operation['operationId']} request", body["content"]["application/json"]
        for status, response in operation["responses"].items():
            for content in resolved(response).get("content", {}).values():
                yield f"{operation['operationId']} {status}", content


def examples() -> Iterator[Case]:
    for place, content in contents():
        if "example" in content:
            yield place, content["schema"], content["example"]
        for name, example in content.get("examples", {}).items():
            yield f"{place} {name}", content["schema"], example["value"]


def absolute(schema: Any) -> Any:
    """Point references into the document."""
    return json.loads(json.dumps(schema).replace('"#/', f'"{URI}#/'))


def test_the_written_document_is_that_of_the_routes_and_models(function_app) -> None:
    fresh = written_document(function_app.routes)

    assert fresh.encode() == load_document().content, "make openapi writes it anew"


def test_the_document_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_method_of_every_route_is_an_operation(function_app) -> None:
    declared = {
        (f"/api/{function.route}", method.lower())
        for function in read_functions(function_app.app)
        if isinstance(function, HttpFunction)
        for method in function.methods or ()
    }

    assert {(path, method) for path, method, _ in operations()} == declared


def test_every_http_function_has_an_endpoint_and_nothing_is_said_of_others(function_app) -> None:
    functions = [each for each in read_functions(function_app.app) if isinstance(each, HttpFunction)]

    assert [(each.name, each.route, each.methods) for each in functions] == [
        (route.name, route.path, tuple(route.methods)) for route in function_app.routes
    ]


def test_every_size_that_is_said_is_one_that_holds() -> None:
    said = {int(number) * UNITS[unit] for number, unit in re.findall(r"([0-9]+) ([KM]iB)", json.dumps(DOCUMENT))}

    held = {MAX_BODY_BYTES, HISTORY_BYTES, MAX_RAW_BYTES, MAX_ATTACHMENT_BYTES, MAX_METADATA_BYTES, MAX_CONTEXT_BYTES}
    assert said == held


def test_the_numbers_in_what_is_said_of_every_route_are_statuses_or_limits_that_hold() -> None:
    told = {int(number) for number in re.findall(r"(?<!RFC |UTF-)\b[0-9]+", ABOUT)}

    statuses = {kind.status for kind in KINDS.values()} | {INTERNAL.status}
    assert told - statuses == {MAX_BODY_BYTES // 2**20, MAX_DEPTH, 2, (MAX_INTEGER - 1).bit_length()}


def test_operation_ids_are_distinct() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(set(ids)) == len(ids)


def test_every_code_of_a_problem_belongs_to_some_operation() -> None:
    problems = [content["schema"] for _, content in contents() if "allOf" in content["schema"]]
    told = {code for schema in problems for code in schema["properties"]["code"]["enum"]}

    assert {kind.code for kind in KINDS.values()} == told
    assert INTERNAL.code not in told


@pytest.mark.parametrize(("place", "schema", "value"), [pytest.param(*case, id=case[0]) for case in examples()])
def test_every_example_validates(place: str, schema: Any, value: Any) -> None:
    validator = Draft202012Validator(absolute(schema), registry=REGISTRY)

    assert [error.message for error in validator.iter_errors(value)] == [], place


def test_an_example_that_is_wrong_would_be_found() -> None:
    schema = absolute({"$ref": "#/components/schemas/MessageBody"})

    found = [error.message for error in Draft202012Validator(schema, registry=REGISTRY).iter_errors({"role": "user"})]

    assert found


def test_every_answer_with_json_has_an_example() -> None:
    bare = {
        place
        for place, content in contents()
        if "example" not in content and "examples" not in content and content["schema"].get("type") != "string"
    }

    assert bare == {"openapi 200"}  # which is this document


@refused_before_any_store_is_asked
async def test_the_document_is_served_to_anybody(api: Client) -> None:
    answer = await api.speaking_for(None).get("/api/openapi.json")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == DOCUMENT


@refused_before_any_store_is_asked
async def test_an_unchanged_document_is_not_sent_again(api: Client) -> None:
    first = await api.get("/api/openapi.json")
    again = await api.get("/api/openapi.json", if_none_match=first.headers["etag"])

    assert (again.status, again.body) == (304, b"")
