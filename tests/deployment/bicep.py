"""Reads Bicep: its declarations, its values, and what is wrong with its syntax and its names."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_bicep.language()))
FUNCTIONS = {
    *("array", "contains", "concat", "empty", "filter", "first", "flatten", "guid", "int", "items", "join", "json"),
    *("last", "length", "loadJsonContent", "loadTextContent", "map", "mapValues", "max", "min", "range", "replace"),
    *("resourceGroup", "resourceId", "split", "startsWith", "string", "subscription", "subscriptionResourceId"),
    *("substring", "take", "tenant", "toLower", "toObject", "trim", "union", "uniqueString", "utcNow", "environment"),
}
DECLARATIONS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file: what, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return it as compilers do."""
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Declaration:
    """Something that a file declares under a name."""

    kind: str
    name: str
    node: Node
    inside: "Declaration | None" = None

    @property
    def text(self) -> str:
        """The string after the name: a resource's type with its version, a module's file."""
        return content(next(child for child in self.node.named_children if child.type == "string"))

    @property
    def is_existing(self) -> bool:
        """Whether the resource is only referred to."""
        return any(child.type == "existing" for child in self.node.children)

    @property
    def body(self) -> Node:
        """The object of a resource or a module, inside its condition or its loop."""
        return inner(self.node.named_children[-1])

    @property
    def declared_type(self) -> str:
        """What a parameter or an output is declared to be."""
        found = next((child for child in self.node.named_children if child.type == "type"), None)
        return source(found) if found else ""

    @property
    def default(self) -> Node | None:
        """A parameter's default."""
        last = self.node.named_children[-1]
        return None if last.type == "type" else last


class BicepFile:
    """One file, parsed."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        """Parse the file, or the text that stands in its place."""
        self.path = path
        self.root = PARSER.parse((text or path.read_text(encoding="utf-8")).encode()).root_node

    @cached_property
    def declarations(self) -> dict[str, Declaration]:
        """What is declared, by name; outputs under `output NAME`, as they have names of their own."""
        found: dict[str, Declaration] = {}
        self._collect(self.root, None, found)
        return found

    def of_kind(self, kind: str) -> list[Declaration]:
        """Return the declarations of a kind."""
        return [declared for declared in self.declarations.values() if declared.kind == kind]

    def _collect(self, node: Node, inside: Declaration | None, found: dict[str, Declaration]) -> None:
        for child in node.named_children:
            kind = DECLARATIONS.get(child.type)
            if kind is None:
                self._collect(child, inside, found)
                continue
            name = source(child.named_children[0])
            declared = Declaration(kind, name, child, inside)
            found[f"output {name}" if kind == "output" else name] = declared
            self._collect(child, declared if kind == "resource" else inside, found)

    def fault(self, node: Node, message: str) -> Fault:
        """Return what is wrong at a node."""
        return Fault(self.path.name, node.start_point[0] + 1, message)

    def syntax_faults(self) -> list[Fault]:
        """Return where the file cannot be parsed."""
        broken = [node for node in walk(self.root) if node.is_error or node.is_missing]
        return [self.fault(node, f"cannot be parsed at {source(node)[:40]!r}") for node in broken[:1]]

    def name_faults(self) -> list[Fault]:
        """Return names that nothing declares, functions that Bicep does not have, and what is declared for nothing."""
        faults, used = [], set[str]()
        for node, local in _names(self.root, frozenset()):
            name = source(node)
            used.add(name)
            if name not in self.declarations and name not in local and not _is_function(node):
                faults.append(self.fault(node, f"{name} is declared nowhere"))
        private = self.of_kind("param") + self.of_kind("var")
        unused = [declared for declared in private if declared.name not in used]
        return faults + [self.fault(declared.node, f"{declared.name} is never used") for declared in unused]


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all that is in it."""
    yield node
    for child in node.children:
        yield from walk(child)


def source(node: Node) -> str:
    """Return a node as it is written."""
    return (node.text or b"").decode()


def content(node: Node) -> str:
    """Return what a string says, interpolations as they are written."""
    text = source(node)
    quotes = 3 if text.startswith("'''") else 1
    return text[quotes:-quotes].replace("\\'", "'")


def inner(node: Node) -> Node:
    """Return what is said inside a condition or a loop."""
    while node.type in {"if_statement", "for_statement"}:
        node = node.named_children[-1]
    return node


def properties(node: Node) -> dict[str, tuple[Node, Node]]:
    """Return an object's properties: each name with its own node and its value's; nested resources are none."""
    found = {}
    for entry in node.named_children:
        if entry.type == "object_property" and len(entry.named_children) == 2:
            key, value = entry.named_children
            found[content(key) if key.type == "string" else source(key)] = (key, value)
    return found


def literal(node: Node) -> Any:
    """Return what an expression says as far as it stands there: names and calls are their text in angle brackets."""
    if node.type == "object":
        return {name: literal(value) for name, (_, value) in properties(node).items()}
    if node.type == "array":
        return [literal(item) for item in node.named_children]
    if node.type == "string":
        return content(node)
    plain = {"boolean": source(node) == "true", "null": None}
    if node.type in plain:
        return plain[node.type]
    return int(source(node)) if node.type == "number" else f"<{source(node)}>"


def _names(node: Node, local: frozenset[str]) -> Iterator[tuple[Node, frozenset[str]]]:
    """Yield each name that is read, with the names of loops and lambdas that hold there."""
    kind = node.type
    if kind in {"decorator", "type", "type_declaration", "target_scope_assignment"}:
        return
    if kind == "identifier":
        yield node, local
        return
    children = node.named_children
    if kind in DECLARATIONS or (kind == "object_property" and children and children[0].type == "identifier"):
        children = children[1:]
    if kind == "member_expression":  # the grammar binds `.` tighter than `=>`, so `v => v.x` reads as `(v => v).x`
        children = children[:1]
    local |= _bound(node)
    for child in children:
        if not _binds(node, child):
            yield from _names(child, local)


def _binds(node: Node, child: Node) -> bool:
    """Return whether the child is where a loop or a lambda names its variables."""
    if node.type == "lambda_expression":
        return child == node.named_children[0]
    return node.type == "for_statement" and child == node.named_children[0]


def _bound(node: Node) -> frozenset[str]:
    """Return the names that a loop or a lambda binds."""
    if node.type not in {"lambda_expression", "for_statement"}:
        return frozenset()
    where = node.named_children[0]
    return frozenset(source(part) for part in walk(where) if not part.children and part.is_named)


def _is_function(node: Node) -> bool:
    parent = node.parent
    called = parent is not None and parent.type == "call_expression" and parent.named_children[0] == node
    return called and source(node) in FUNCTIONS
