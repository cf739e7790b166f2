"""What a live account would charge for what crosses the wire, by the curve and by the terms its index keeps.

The meter remembers every item it has seen written: a query is charged for the items it loads and not for the few
fields it returns, and a change for the terms that it takes out and puts in.
A batch is charged for each of its operations, as the SDK's team says (azure-cosmos-dotnet-v3#925), and a Patch by its
item's size afterwards. What is refused costs REFUSED, a batch too, whatever it had done before. Nobody has published
the sum of a batch, nor of a refused one: `make measure-live` asks the account.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from benchmarks import curve, units
from benchmarks.wire import Message

Key = tuple[str, str, str]  # container, partition, id
Terms = frozenset[tuple[str, str]]  # path, value
EVERYTHING = "/*"
REFUSALS = 400
MULTI_STATUS = 207


@dataclass(frozen=True, slots=True)
class _Item:
    document: Mapping[str, Any]
    size: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class _Done:
    """What an operation came to: the item afterwards, where it is known, and the test server's charge."""

    document: Mapping[str, Any] | None
    line_charge: float
    operations: Sequence[Mapping[str, Any]] = ()  # of a Patch


class Meter:
    """Reckons request by request; every request for the items has to pass it."""

    def __init__(self) -> None:
        """Begin with no items and no containers."""
        self._policies: dict[str, Mapping[str, Any]] = {}
        self._items: dict[Key, _Item] = {}

    def charges(self, request: Message, answer: Message) -> tuple[float, float]:
        """Return the units by the measured curve, and what index terms add to them."""
        container, is_items, item_id = unquote(request.target).partition("/docs")
        if not is_items:
            self._learn(request, answer)
            return answer.charge, 0.0
        if answer.status >= REFUSALS or answer.status == MULTI_STATUS:
            return curve.REFUSED, 0.0
        if _says(request, "x-ms-cosmos-is-query-plan-request"):
            return answer.charge, 0.0
        place = (container, request.headers.get("x-ms-documentdb-partitionkey", ""))
        if _says(request, "x-ms-documentdb-isquery") or "query+json" in request.headers.get("content-type", ""):
            return self._query(place, json.loads(answer.body)["Documents"]), 0.0
        if _says(request, "x-ms-cosmos-is-batch-request"):
            return self._batch(place, request, answer)
        kind = _kind(request, answer)
        asked = json.loads(request.body) if request.body else {}
        document = json.loads(answer.body) if answer.body else asked if kind == "create" else None
        done = _Done(document, answer.charge, asked.get("operations", ()))
        return self._one(place, kind, item_id.strip("/"), done)

    def _learn(self, request: Message, answer: Message) -> None:
        """Remember how a container indexes, when it is made or looked at."""
        before, named, _ = unquote(request.target).partition("/colls")
        found = json.loads(answer.body) if named and answer.body and answer.status < REFUSALS else {}
        if "indexingPolicy" in found:
            self._policies[f"{before}/colls/{found['id']}"] = found["indexingPolicy"]

    def _query(self, place: tuple[str, str], rows: list[Any]) -> float:
        loaded = 0
        for row in rows:
            item = self._items.get((*place, row.get("id", ""))) if isinstance(row, dict) else None
            loaded += item.size if item else size_of(row)
        return curve.query_units(len(rows), loaded)

    def _batch(self, place: tuple[str, str], request: Message, answer: Message) -> tuple[float, float]:
        sums = [0.0, 0.0]
        for asked, answered in zip(json.loads(request.body), json.loads(answer.body), strict=True):
            kind = asked["operationType"].lower()
            sent = asked.get("resourceBody") or {}
            document = answered.get("resourceBody") or (sent if kind in WHOLE else None)
            done = _Done(document, answered["requestCharge"], sent.get("operations", ()))
            charges = self._one(place, kind, asked.get("id", ""), done)
            sums = [total + charge for total, charge in zip(sums, charges, strict=True)]
        return sums[0], sums[1]

    def _one(self, place: tuple[str, str], kind: str, item_id: str, done: _Done) -> tuple[float, float]:
        """Charge what was done with one item, and remember how it is now."""
        document = done.document
        if kind == "read":
            return curve.read_units(size_of(document)), 0.0
        key = (*place, document["id"] if document else item_id)
        before = self._items.pop(key, None)
        if kind == "delete":
            size = before.size if before else _size_by_line(done.line_charge)
            return curve.create_units(size), len(before.terms if before else ()) * curve.INDEX_TERM
        known = before.terms if before else frozenset()
        if document is None:
            size = _size_by_line(done.line_charge / 2)
            document = _with_fields_set(before.document if before else {}, done.operations)
        else:
            size = size_of(document)
        terms = terms_of(document, self._policies.get(place[0], {}))
        self._items[key] = _Item(document, size, terms)
        curve_units = curve.create_units if kind == "create" or before is None else curve.replace_units
        return curve_units(size), len(terms ^ known) * curve.INDEX_TERM


WHOLE = {"create", "upsert", "replace"}


def _with_fields_set(document: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a document after a Patch that was asked for no answer, as far as its own fields tell an index."""
    own = [one for one in operations if one["op"] == "set" and one["path"].count("/") == 1]
    return {**document, **{one["path"].strip("/"): one["value"] for one in own}}


def terms_of(document: Mapping[str, Any], policy: Mapping[str, Any]) -> Terms:
    """Return what an index keeps of a document: a term for each included path, even where nothing is there."""
    paths = [entry["path"] for entry in policy.get("includedPaths") or []]
    if EVERYTHING in paths or not policy:
        return frozenset((path, repr(value)) for path, value in _leaves(document, "") if _is_own(path))
    terms: set[tuple[str, str]] = set()
    for path in paths:
        steps = path.removesuffix("/?").strip("/").split("/")
        if steps != ["id"]:  # kept anyway, and charged with the item
            terms |= {(path, repr(value)) for value in list(_values(document, steps)) or [None]}
    for composite in policy.get("compositeIndexes") or []:
        steps = [part["path"].strip("/") for part in composite]
        terms.add((",".join(steps), repr([document.get(step) for step in steps])))
    return frozenset(terms)


def _is_own(path: str) -> bool:
    return path != "/id" and not path.startswith("/_")


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{path}/[]")
    else:
        yield path, value


def _values(value: object, steps: list[str]) -> Iterator[object]:
    if not steps:
        yield value
    elif steps[0] == "[]" and isinstance(value, list):
        for inner in value:
            yield from _values(inner, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _values(value[steps[0]], steps[1:])


def _kind(request: Message, answer: Message) -> str:
    if request.method == "POST":
        replaced = _says(request, "x-ms-documentdb-is-upsert") and answer.status == 200  # noqa: PLR2004 - OK, not Created
        return "replace" if replaced else "create"
    return {"GET": "read", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}[request.method]


def _says(request: Message, header: str) -> bool:
    return request.headers.get(header, "").lower() == "true"


def size_of(document: object) -> int:
    """Return the bytes of a document as JSON without spaces."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _size_by_line(insert_charge: float) -> int:
    """Return the size that the test server charged an insert or a delete for; the least one below 1 KB."""
    low, high = units.INSERT_UNITS
    return round((1 + max(0.0, insert_charge - low) * (units.LARGE_KB - 1) / (high - low)) * units.KILOBYTE)
