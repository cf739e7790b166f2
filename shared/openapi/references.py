"""What several operations have in common, moved to one place of the document and referred to."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shared.models import JsonObject


def share(paths: Mapping[str, JsonObject], section: str, naming: Callable[[JsonObject], str]) -> JsonObject:
    """Replace what stands in this section of more than one operation by references; return it by its new name.

    Several that would have one name are numbered, in the order in which they are first met.
    """
    places = [place for place in _places(paths, section) if "$ref" not in place[0][place[1]]]
    uses = Counter(json.dumps(holder[key]) for holder, key in places)
    names: dict[str, str] = {}
    shared: JsonObject = {}
    for holder, key in places:
        written = json.dumps(holder[key])
        if uses[written] == 1:
            continue
        if written not in names:
            names[written] = _free(naming(holder[key]), shared)
            shared[names[written]] = holder[key]
        holder[key] = {"$ref": f"#/components/{section}/{names[written]}"}
    return shared


def _places(paths: Mapping[str, JsonObject], section: str) -> Iterator[tuple[Any, Any]]:
    """Yield each list or object that holds such a part, and where in it."""
    for methods in paths.values():
        for operation in methods.values():
            held = operation[section]
            yield from ((held, key) for key in (held if isinstance(held, dict) else range(len(held))))


def _free(name: str, taken: JsonObject) -> str:
    """Return a name that a component may have, and that none has yet."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")
    number = sum(each == plain or re.fullmatch(rf"{re.escape(plain)}-[0-9]+", each) is not None for each in taken)
    return f"{plain}-{number + 1}" if number else plain
