"""What Azure's resources may say, from the type data that Bicep itself uses: Azure/bicep-types-az."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.deployment.bicep import BicepFile, Declaration, Fault, content, inner, properties, source

REQUIRED, READ_ONLY = 1, 2  # bits of a property's flags
OF_BICEP = {"parent", "scope", "dependsOn"}  # said beside the resource's own properties
LITERALS = {
    "string": {"StringType", "StringLiteralType"},
    "number": {"IntegerType"},
    "boolean": {"BooleanType"},
    "object": {"ObjectType", "DiscriminatedObjectType"},
    "array": {"ArrayType"},
}
WORDS = {"StringType": "a string", "IntegerType": "a number", "BooleanType": "true or false", "ArrayType": "an array"}
Type = Mapping[str, Any]


class TypeFile:
    """One provider's types of one version, which refer to each other by number."""

    def __init__(self, path: Path) -> None:
        """Read the file."""
        self.types: list[Type] = json.loads(path.read_text(encoding="utf-8"))

    def at(self, reference: Mapping[str, str]) -> Type:
        """Return the type that a reference leads to."""
        return self.types[int(reference["$ref"].removeprefix("#/"))]

    def bodies(self) -> Iterator[tuple[str, Type]]:
        """Yield the resources' names, in small letters, with what they may say."""
        for entry in self.types:
            if entry["$type"] == "ResourceType":
                yield entry["name"].lower(), self.at(entry["body"])


class TypeData:
    """The types of a checkout, or of a part of one, read as they are asked for.

    A checkout has a folder `generated` with one for each provider and version; without it these are some of the files.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self.is_whole = (folder / "generated").is_dir()
        self._paths = [path for path in folder.rglob("*.json") if "microsoft." in str(path)]
        self._bodies: dict[str, tuple[TypeFile, Type]] = {}
        self._read: set[Path] = set()

    def find(self, name: str) -> tuple[TypeFile, Type] | None:
        """Return what `Provider/type@version` may say; None when there is no such type."""
        for path in self._files_of(name):
            if path not in self._read:
                self._read.add(path)
                types = TypeFile(path)
                self._bodies |= {found: (types, body) for found, body in types.bodies()}
        return self._bodies.get(name.lower())

    def can_tell(self, name: str) -> bool:
        """Return whether a type that is not found does not exist: a part may know nothing of those around it."""
        kind, _, version = name.lower().partition("@")
        around = "/".join(kind.split("/")[:2])
        self.find(name)
        known = (each.partition("@") for each in self._bodies)
        return self.is_whole or any(f"{each}/".startswith(f"{around}/") and of == version for each, _, of in known)

    def _files_of(self, name: str) -> list[Path]:
        provider, version = name.lower().split("/")[0], name.lower().split("@")[-1]
        return [path for path in self._paths if provider in (where := str(path).lower()) and version in where]


def full_type(declared: Declaration) -> str:
    """Return the type with its version; a nested resource's begins with its parent's."""
    if declared.inside is None:
        return declared.text
    outer, version = full_type(declared.inside).split("@")
    return f"{outer}/{declared.text}@{version}"


def type_faults(file: BicepFile, data: TypeData) -> list[Fault]:
    """Return where resources say what their types do not have, or leave out what is required."""
    faults: list[Fault] = []
    for declared in file.of_kind("resource"):
        found = data.find(full_type(declared))
        if found is None and data.can_tell(full_type(declared)):
            faults.append(file.fault(declared.node, f"there is no type {full_type(declared)}"))
        if found and not declared.is_existing:
            faults += _Check(file, found[0]).body(declared.body, found[1])
    return faults + _reading_faults(file, data)


def _reading_faults(file: BicepFile, data: TypeData) -> list[Fault]:
    """Return where a property of a resource is read that its type does not have."""
    faults = []
    for declared in file.of_kind("resource"):
        if (found := data.find(full_type(declared))) is None:
            continue
        types, body = found
        for path, node in _reads(file.root, declared.name):
            at: Type | None = body
            for name in path:
                if at is None or at["$type"] != "ObjectType":
                    break
                if name not in at["properties"] and "additionalProperties" not in at:
                    faults.append(file.fault(node, f"{declared.name} has no {'.'.join(path)}"))
                    break
                at = types.at(at["properties"][name]["type"]) if name in at["properties"] else None
    return faults


def _reads(node: Node, name: str) -> Iterator[tuple[list[str], Node]]:
    if node.type == "member_expression":
        path, at = [], node
        while at.type == "member_expression":
            path.insert(0, source(at.named_children[1]))
            at = at.named_children[0]
        if at.type == "identifier" and source(at) == name:
            yield path, node
            return
    for child in node.named_children:
        yield from _reads(child, name)


class _Check:
    """Compares what a file says with what a type has."""

    def __init__(self, file: BicepFile, types: TypeFile) -> None:
        self._file, self._types = file, types

    def body(self, node: Node, body: Type) -> list[Fault]:
        """Return what is wrong with a resource."""
        return self._object(node, body, extra=OF_BICEP)

    def _value(self, node: Node, wanted: Type) -> list[Fault]:
        if node.type == "for_statement":
            item = self._types.at(wanted["itemType"]) if wanted["$type"] == "ArrayType" else wanted
            return self._value(inner(node), item)
        if node.type == "ternary_expression":
            return [fault for branch in node.named_children[1:] for fault in self._value(branch, wanted)]
        if node.type == "identifier":
            return self._name(node, wanted)
        if node.type not in LITERALS:
            return []
        return self._literal(node, wanted)

    def _name(self, node: Node, wanted: Type) -> list[Fault]:
        """Check what a parameter is declared to be, or what a variable was given."""
        declared = self._file.declarations.get(source(node))
        if declared is None or declared.kind not in {"param", "var"}:
            return []
        if declared.kind == "var":
            return self._value(declared.node.named_children[-1], wanted)
        kind = {"string": "string", "int": "number", "bool": "boolean", "array": "array"}.get(declared.declared_type)
        right = kind is None or _takes(self._types, wanted, kind)
        return (
            []
            if right
            else [self._file.fault(node, f"{declared.name} is {declared.declared_type}, not {_word(wanted)}")]
        )

    def _literal(self, node: Node, wanted: Type) -> list[Fault]:
        if wanted["$type"] == "AnyType":
            return []
        if not _takes(self._types, wanted, node.type):
            return [self._file.fault(node, f"{source(node)[:40]} is not {_word(wanted)}")]
        if node.type == "object":
            return self._object(node, wanted)
        if node.type == "array":
            item = self._types.at(wanted["itemType"])
            return [fault for entry in node.named_children for fault in self._value(entry, item)]
        allowed = list(_choices(self._types, wanted))
        if node.type == "string" and allowed and "${" not in source(node) and content(node) not in allowed:
            return [self._file.fault(node, f"{source(node)} is none of {', '.join(allowed)}")]
        return []

    def _object(self, node: Node, wanted: Type, extra: set[str] = frozenset()) -> list[Fault]:  # type: ignore[assignment]
        if node.type != "object":
            return []
        said = properties(node)
        known = dict(wanted.get("properties") or wanted.get("baseProperties") or {})
        if wanted["$type"] == "DiscriminatedObjectType":
            chosen = said.get(wanted["discriminator"])
            elements = wanted["elements"]
            if chosen is None or content(chosen[1]) not in elements:
                return [self._file.fault(node, f"{wanted['discriminator']} must be one of {', '.join(elements)}")]
            known |= self._types.at(elements[content(chosen[1])])["properties"]
        faults = [
            self._file.fault(node, f"{name} is missing")
            for name, entry in known.items()
            if entry["flags"] & REQUIRED and name not in said
        ]
        for name, (key, value) in said.items():
            faults += self._property(name, key, value, known, wanted, extra)
        return faults

    def _property(
        self, name: str, key: Node, value: Node, known: Mapping[str, Any], wanted: Type, extra: set[str]
    ) -> list[Fault]:
        if name in extra or "${" in name:
            return []
        if name in known and not known[name]["flags"] & READ_ONLY:
            return self._value(value, self._types.at(known[name]["type"]))
        if name not in known and "additionalProperties" in wanted:
            return self._value(value, self._types.at(wanted["additionalProperties"]))
        return [self._file.fault(key, f"{name} is {'read-only' if name in known else 'no property here'}")]


def _takes(types: TypeFile, wanted: Type, kind: str) -> bool:
    """Return whether a type takes a value of this kind."""
    if wanted["$type"] == "UnionType":
        return any(_takes(types, types.at(element), kind) for element in wanted["elements"])
    return wanted["$type"] == "AnyType" or wanted["$type"] in LITERALS[kind]


def _choices(types: TypeFile, wanted: Type) -> Iterator[str]:
    """Yield the strings that are named; a list that is open to others is taken as whole, as misspelt ones pass it."""
    elements = [types.at(element) for element in wanted["elements"]] if wanted["$type"] == "UnionType" else [wanted]
    yield from (element["value"] for element in elements if element["$type"] == "StringLiteralType")


def _word(wanted: Type) -> str:
    return WORDS.get(wanted["$type"], "an object" if "Object" in wanted["$type"] else "one of its values")
