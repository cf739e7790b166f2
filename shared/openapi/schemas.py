"""JSON Schemas of what goes over the wire, from the pydantic models."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from shared.models import ROLE_ALIASES, ROLES, JsonObject

REFERENCE = "#/components/schemas/{model}"
SOMETIMES = ("OpenAIMessage", "Problem")  # answers of which a field may be missing
ROLE_IS_GIVEN: JsonObject = {
    "anyOf": [
        {"required": ["role"], "properties": {"role": {"type": "string"}}},
        {"required": ["message_type"], "properties": {"message_type": {"type": "string"}}},
    ]
}
ROLES_AGREE: JsonObject = {
    "anyOf": [
        {"properties": {name: {"enum": [*names, None]} for name in ("role", "message_type")}}
        for names in ([role, *(name for name, meant in ROLE_ALIASES.items() if meant == role)] for role in ROLES)
    ]
}
CONTENT_IS_GIVEN: JsonObject = {
    "anyOf": [
        {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
        {"required": ["function_calls"], "properties": {"function_calls": {"type": "array", "minItems": 1}}},
    ]
}


_Wanted = tuple[int, JsonSchemaMode, TypeAdapter[Any]]


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - the signature is pydantic's
        return False


def body_schemas(types: Iterable[Any]) -> tuple[list[JsonObject], JsonObject]:
    """Return the schema of each type as clients send it, in order, and the components they refer to."""
    adapters: list[_Wanted] = [(index, "validation", TypeAdapter(known)) for index, known in enumerate(types)]
    found, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE, schema_generator=_Generator)
    components = rest.get("$defs", {})
    for name, component in components.items():
        _allow_null(component)
        if "Change" in name:
            _forget_defaults(component)
        if "message_type" in component["properties"]:
            component["allOf"] = [ROLE_IS_GIVEN, ROLES_AGREE, CONTENT_IS_GIVEN]
    return [found[index, "validation"] for index in range(len(adapters))], components


def answer_schemas(types: Iterable[Any]) -> tuple[list[JsonObject], JsonObject]:
    """Return the schema of each type as it is answered, in order, and the components they refer to."""
    adapters: list[_Wanted] = [(index, "serialization", TypeAdapter(known)) for index, known in enumerate(types)]
    found, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE, schema_generator=_Generator)
    components = rest.get("$defs", {})
    for name, component in components.items():
        for field in component["properties"].values():
            field.pop("default", None)
        if name not in SOMETIMES:
            component["required"] = list(component["properties"])
    return [found[index, "serialization"] for index in range(len(adapters))], components


def _forget_defaults(component: JsonObject) -> None:
    """What is left out of a change stays as it is, whatever the model says."""
    for field in component["properties"].values():
        field.pop("default", None)


def _allow_null(component: JsonObject) -> None:
    """Write down that null means absent, for every field that may be absent."""
    for name, field in component["properties"].items():
        if name in component.get("required", []) or {"type": "null"} in field.get("anyOf", []):
            if field.get("default", 0) is None:
                del field["default"]
            continue
        kept = {key: field.pop(key) for key in ("default", "description") if key in field}
        component["properties"][name] = {"anyOf": [field, {"type": "null"}], **kept}
