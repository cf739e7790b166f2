"""What is said of one operation, beside what its route and its models say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.models import JsonObject


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header; `schema` is JSON Schema, an array may be given by repeating the name."""

    name: str
    schema: JsonObject
    description: str
    location: Literal["query", "header"] = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer that is no error: `model` is the type of its JSON body, `texts` are media types of other bodies."""

    description: str
    model: object = None
    headers: tuple[str, ...] = ()
    example: object = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one function does; `body` is the type of its JSON body, `examples` are bodies by what they show.

    `errors` are those that do not follow already from the path, the body, the owner or the store; `path` holds what
    is said of a path's parameters where it is not the same as everywhere.
    """

    tag: str
    description: str
    replies: Mapping[int, Reply]
    parameters: tuple[Parameter, ...] = ()
    path: Mapping[str, JsonObject] = field(default_factory=dict)
    body: object = None
    body_required: bool = False
    examples: Mapping[str, JsonObject] = field(default_factory=dict)
    errors: tuple[type[Exception], ...] = ()
    public: bool = False
    owner_optional: bool = False
    asks_store: bool = True
    deprecated: bool = False
