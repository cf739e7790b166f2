"""The requests whose charges the models only guess: writes by size and index, refusals, batches, queries."""

import itertools
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.live.place import OURS, POLICIES
from benchmarks.live.samples import REFUSED, Model, Sampler, created, queried, read, replaced
from benchmarks.metering import size_of
from shared.store.cosmos.guards import NEVER

SIZES_KB = (0.5, 1, 2, 4, 8, 14, 32)
PAGE_KB, HEAD_KB = 8, 1.5
QUERIED = (2, 5, 10, 30)
KB = 1024
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Scale:
    """How often each request is sent, and of which sizes."""

    repeats: int = 100
    sizes_kb: tuple[float, ...] = SIZES_KB
    queried: tuple[int, ...] = QUERIED

    def writes(self) -> list[tuple[str, float]]:
        """Return the pairs of policy and size."""
        return [(policy, size_kb) for policy in POLICIES for size_kb in self.sizes_kb]


@dataclass(frozen=True, slots=True)
class Item:
    """A document like a session's head, filled up to a size."""

    size_kb: float
    owner: str = field(default_factory=lambda: f"owner-{secrets.token_hex(4)}")
    item_id: str = field(default_factory=lambda: f"item-{next(_numbers):09d}")
    at: int = 1
    status: str = "active"

    @property
    def document(self) -> dict[str, Any]:
        """Return it as it is stored."""
        fields = {
            "id": self.item_id,
            "user_id": self.owner,
            "type": "session",
            "status": self.status,
            "channel": "web",
            "tags": [],
            "pinned": False,
            "session_name": None,
            "pending": False,
            "last_activity_at": f"2026-01-01T00:00:00.{self.at:06d}Z",
            "ttl_seconds": 3600,
            "shares": [],
            "log": {"generation": 0, "epoch": "e", "messages": [{"id": "m-1"}], "previous": [], "recent_ids": []},
        }
        system_bytes = 190  # _rid, _self, _etag, _attachments and _ts, as the service adds them
        return fields | {"text": "x" * max(0, round(self.size_kb * KB) - size_of(fields | {"text": ""}) - system_bytes)}

    @property
    def size(self) -> int:
        """Return its bytes as stored."""
        return round(self.size_kb * KB)


def estimate(scale: Scale) -> Model:
    """Return what all of it will be charged, by the models."""
    sums = Model(0, 0)
    for policy, size_kb in scale.writes():
        item = Item(size_kb)
        later = replace(item, at=2)
        once = created(item.size, item.document, policy)
        changed = replaced(item.size, item.document, later.document, policy)
        sums += once + once + changed + changed + changed + read(item.size)
    page, head = Item(PAGE_KB), Item(HEAD_KB)
    both = created(page.size, page.document, OURS) + replaced(head.size, head.document, head.document, OURS)
    for _ in range(BATCHES):
        sums += both
    for count in scale.queried:
        sums += queried(count, count * page.size)
    return Model(*(scale.repeats * getattr(sums, name) for name in ("line", "measured", "index")))


BATCHES = 6  # with what is made for them and removed again


async def writes(sampler: Sampler, scale: Scale) -> None:
    """Create, read, patch, replace and delete items of every size in every container."""
    for container in sampler.place.containers.values():  # a client asks for its ranges once, at the first read
        await sampler.ask(lambda looked_at=container: looked_at.read_item("absent", "nobody"))
    for policy, size_kb in scale.writes():
        for _ in range(scale.repeats):
            await _one_life(sampler, policy, Item(size_kb))


async def _one_life(sampler: Sampler, policy: str, item: Item) -> None:
    container = sampler.place.containers[policy]
    where, owner = (policy, item.size_kb), item.owner
    later, last = replace(item, at=2), replace(item, at=3)
    move = [{"op": "set", "path": "/last_activity_at", "value": later.document["last_activity_at"]}]
    stay = [{"op": "set", "path": "/ttl_seconds", "value": 3601}]
    once = created(item.size, item.document, policy)
    moved = replaced(item.size, item.document, later.document, policy)
    await sampler.take(("create", *where), lambda: container.create_item(item.document), once)
    await sampler.take(("point read", *where), lambda: container.read_item(item.item_id, owner), read(item.size))
    await sampler.take(("Patch, terms changed", *where), lambda: container.patch_item(item.item_id, owner, move), moved)
    await sampler.take(
        ("Patch, no term changed", *where),
        lambda: container.patch_item(item.item_id, owner, stay),
        replaced(item.size, later.document, later.document, policy),
    )
    await sampler.take(
        ("replace, terms changed", *where), lambda: container.replace_item(item.item_id, last.document), moved
    )
    await sampler.take(("delete", *where), lambda: container.delete_item(item.item_id, owner), once)


async def refusals(sampler: Sampler, scale: Scale) -> None:
    """Send what is refused: nothing there, there already, a predicate or an etag that does not hold."""
    container, item = sampler.place.containers[OURS], Item(14)
    await sampler.ask(lambda: container.create_item(item.document))
    touch = [{"op": "set", "path": "/pending", "value": True}]
    sends = {
        "404 of a read": lambda: container.read_item("absent", item.owner),
        "404 of a delete": lambda: container.delete_item("absent", item.owner),
        "404 of a Patch": lambda: container.patch_item("absent", item.owner, touch),
        "409 of a create": lambda: container.create_item(item.document),
        "412 of a Patch": lambda: container.patch_item(
            item.item_id, item.owner, touch, filter_predicate=f"FROM c WHERE {NEVER}"
        ),
    }
    for _ in range(scale.repeats):
        for what, send in sends.items():
            await sampler.take((what, OURS, item.size_kb), send, REFUSED)


async def batches(sampler: Sampler, scale: Scale) -> None:
    """Send the batches that a rotation would be made of, and those that are refused, beside the sum of their parts."""
    for _ in range(scale.repeats):
        head = Item(HEAD_KB)
        await sampler.ask(lambda made=head: sampler.place.containers[OURS].create_item(made.document))
        await _batches_of(sampler, head)


async def _batches_of(sampler: Sampler, head: Item) -> None:
    container = sampler.place.containers[OURS]
    page = replace(Item(PAGE_KB), owner=head.owner)
    second, third, fourth = (replace(Item(PAGE_KB), owner=head.owner) for _ in range(3))
    touch = [{"op": "set", "path": "/ttl_seconds", "value": 3601}]
    never = {"filter_predicate": f"FROM c WHERE {NEVER}"}
    one = created(page.size, page.document, OURS)
    patched = replaced(head.size, head.document, head.document, OURS)
    sends: dict[str, tuple[list[Any], Model]] = {
        "batch: create, Patch": (
            [("create", (page.document,)), ("patch", (head.item_id, touch))],
            one + patched,
        ),
        "batch: read, create": ([("read", (head.item_id,)), ("create", (second.document,))], read(head.size) + one),
        "batch: read of what is absent, create": ([("read", ("absent",)), ("create", (third.document,))], REFUSED),
        "batch: create of what is there, Patch": (
            [("create", (page.document,)), ("patch", (head.item_id, touch))],
            REFUSED,
        ),
        "batch: create, Patch that is refused": (
            [("create", (fourth.document,)), ("patch", (head.item_id, touch), never)],
            REFUSED,
        ),
    }
    for what, (operations, model) in sends.items():
        await sampler.take(
            (what, OURS, PAGE_KB), lambda sent=operations: container.execute_item_batch(sent, head.owner), model
        )


async def queries(sampler: Sampler, scale: Scale) -> None:
    """Query pages by their ids, and by a range of ids that the head is the first of, beside as many point reads."""
    container = sampler.place.containers[OURS]
    head = Item(HEAD_KB, item_id="s")
    pages = [replace(Item(PAGE_KB), owner=head.owner, item_id=f"s~e~{n:03d}") for n in range(max(scale.queried))]
    for item in (head, *pages):
        await sampler.ask(lambda made=item: container.create_item(made.document))
    for count in scale.queried:
        ids = ", ".join(f'"{page.item_id}"' for page in pages[:count])
        sqls = {
            f"query: {count} pages by id IN": (f"SELECT * FROM c WHERE c.id IN ({ids})", count * pages[0].size),  # noqa: S608 - our own ids
            f"query: the head and {count} pages by a range of ids": (
                f"SELECT TOP {count + 1} * FROM c WHERE c.id = 's' OR (c.id > 's~' AND c.id < 's~~') ORDER BY c.id",  # noqa: S608
                head.size + count * pages[0].size,
            ),
        }
        for what, (sql, size) in sqls.items():
            for _ in range(scale.repeats):
                await sampler.take(
                    (what, OURS, PAGE_KB), lambda sent=sql: _rows(container, sent, head.owner), queried(count, size)
                )


async def _rows(container: Any, sql: str, owner: str) -> list[Any]:
    return [row async for row in container.query_items(sql, partition_key=owner)]
