"""JSON Schemas of what goes over the wire, from the pydantic models."""

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Union

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from shared.http.query import QueryModel
from shared.models import ROLE_ALIASES, ROLES, JsonObject, MessageInput, meanings, stored_json

REFERENCE = "#/components/schemas/{model}"
OWNER = r"^[^/\\?#\x00-\x1f\x7f-\x9f]{0,128}$"  # as USER_ID; an empty one counts as absent
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
        {"required": ["content"], "properties": {"content": {"type": ["string", "array"], "items": {}}}},
        {
            "required": ["function_calls"],
            "properties": {"function_calls": {"type": "array", "items": {}, "minItems": 1}},
        },
    ]
}
NOTHING_IS_SAID: JsonObject = {"properties": {name: {"type": "null"} for name in MessageInput.model_fields}}


Models = tuple[type[BaseModel], ...]


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that only repeat a field's name, and the defaults of what is always answered."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - the signature is pydantic's
        return False

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        if self.mode == "serialization":
            for field in found["properties"].values():
                field.pop("default", None)
            found["required"] = list(found["properties"])
        return found


def query_parameters(model: type[QueryModel]) -> list[JsonObject]:
    """Return the query parameters that a model declares, as OpenAPI writes them."""
    schema = model.model_json_schema(schema_generator=_Generator)
    needed = schema.get("required", [])
    return [_query_parameter(name, field, required=name in needed) for name, field in schema["properties"].items()]


def _query_parameter(name: str, field: JsonObject, *, required: bool) -> JsonObject:
    """Return one of them; what need not be given has no null, and no default that says so."""
    description = field.pop("description")
    (kept,) = [each for each in field.pop("anyOf", [{}]) if each != {"type": "null"}]
    if field.get("default", 0) in (None, []):
        del field["default"]
    return {"name": name, "in": "query", "required": required, "description": description, "schema": kept | field}


def body_schemas(wanted: Iterable[Models]) -> tuple[dict[Models, tuple[JsonObject, bool]], JsonObject]:
    """Return for each choice of models the schema of a body and whether there must be one, and the components."""
    choices = list(dict.fromkeys(wanted))
    types = [Union[tuple(map(_owned, models))] for models in choices]  # noqa: UP007 - of types that are made here
    found, components = _schemas(types, "validation")
    for name, component in components.items():
        if "Change" in name:
            _forget_defaults(component)
        _tell_defaults(component)
        _allow_null(component)
        if "message_type" in component["properties"]:
            said = [ROLE_IS_GIVEN, ROLES_AGREE, CONTENT_IS_GIVEN]
            component.update({"anyOf": [NOTHING_IS_SAID, {"allOf": said}]} if "Turn" in name else {"allOf": said})
    return {
        models: (found[str(each)], _is_required(models)) for models, each in zip(choices, types, strict=True)
    }, components


@cache
def _owned(model: type[BaseModel]) -> type[BaseModel]:
    """Return a model as the body of a request, which may name the owner."""
    owner: Any = (Annotated[str | None, Field(pattern=OWNER), meanings.OWNER], None)
    name = f"{model.__name__.removesuffix('Input')}Body"
    return create_model(name, __base__=model, __doc__=model.__doc__, user_id=owner)


def _is_required(models: Models) -> bool:
    """Return whether an empty body is refused."""
    try:
        models[0].model_validate({})
    except ValidationError:
        return True
    return False


def answer_schemas(types: Iterable[Any]) -> tuple[dict[str, JsonObject], JsonObject]:
    """Return the schema of each type as it is answered, by how the type is written, and the components."""
    return _schemas(types, "serialization")


def _schemas(types: Iterable[Any], mode: JsonSchemaMode) -> tuple[dict[str, JsonObject], JsonObject]:
    adapters = [(str(each), mode, TypeAdapter[Any](each)) for each in dict.fromkeys(types)]
    found, rest = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE, schema_generator=_Generator)
    return {name: found[name, mode] for name, _, _ in adapters}, rest.get("$defs", {})


def _forget_defaults(component: JsonObject) -> None:
    """What is left out of a change stays as it is, whatever the model says."""
    for field in component["properties"].values():
        field.pop("default", None)


def _allow_null(component: JsonObject) -> None:
    """Write down that null means absent, for every field that may be absent."""
    for name, field in component["properties"].items():
        if name not in component.get("required", []) and {"type": "null"} not in field.get("anyOf", []):
            kept = {"description": field.pop("description")} if "description" in field else {}
            component["properties"][name] = {"anyOf": [field, {"type": "null"}], **kept}


def _tell_defaults(component: JsonObject) -> None:
    """Say what a field is when it is left out: generators take one with a `default` for one that is always there."""
    for field in component["properties"].values():
        default = field.pop("default", None)
        if default not in (None, {}, []):
            written = default if isinstance(default, str) else stored_json(default)
            field["description"] = f"{field['description']} Left out it is `{written}`."
