"""What the engine takes for granted and no test server can prove: decisions 3, 11 and 12, one question each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import time
from typing import Any

from azure.cosmos.aio import ContainerProxy

from benchmarks.live.charges import Item
from benchmarks.live.place import OURS, Answer
from benchmarks.live.samples import Sampler
from shared.store.cosmos.guards import ACTIVE, NEVER, all_of, appendable, duplicates_detectable, not_in_recent_ids
from shared.store.cosmos.head import fresh_log, short_hash
from shared.store.cosmos.lifetimes import FAR_FUTURE
from shared.store.cosmos.limits import Limits

SESSION = "x-ms-session-token"
LARGEST_APPEND = 512 * 1024
BATCH = 20
ANY = "any number"  # of what is only to be known
LARGE_KB = 40  # so that a rotation as option f has it is seen to carry what a head holds


@dataclass(frozen=True, slots=True)
class Proof:
    """A question, what the engine expects, and what the account answered."""

    question: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """Whether the engine may go on taking it for granted."""
        return self.expected in {ANY, self.found}


@dataclass(frozen=True, slots=True)
class _Asker:
    """Requests about one owner's items."""

    sampler: Sampler
    container: ContainerProxy
    item: Item

    async def made(self, item: Item | None = None, **fields: Any) -> str:
        """Store an item with more fields and return its id."""
        item = item or replace(Item(1), owner=self.item.owner)
        await self.sampler.ask(lambda: self.container.create_item(item.document | fields))
        return item.item_id

    async def patch(
        self, item_id: str, where: str | None, operations: Sequence[Mapping[str, Any]] = (), **options: Any
    ) -> Answer:
        """Patch an item, by a predicate if there is one."""
        predicate = {} if where is None else {"filter_predicate": f"FROM c WHERE {where}"}
        sent = [dict(one) for one in operations] or [{"op": "set", "path": "/pending", "value": True}]
        return await self.sampler.ask(
            lambda: self.container.patch_item(item_id, self.item.owner, sent, **predicate, **options)
        )

    async def stored(self, item_id: str) -> dict[str, Any] | None:
        """Return an item as it is now, None when it is not there."""
        found = self.container.query_items(
            "SELECT * FROM c WHERE c.id = @id",
            parameters=[{"name": "@id", "value": item_id}],
            partition_key=self.item.owner,
        )
        return next(iter([row async for row in found]), None)


Question = Callable[[_Asker], Awaitable[list[Proof]]]


async def prove(sampler: Sampler) -> list[Proof]:
    """Ask every question."""
    container = sampler.place.containers[OURS]
    proofs: list[Proof] = []
    for question in QUESTIONS:
        proofs += await question(_Asker(sampler, container, Item(1)))
    return proofs


async def _predicates(asker: _Asker) -> list[Proof]:
    """Try the functions that predicates are made of, and as many terms as an append of twenty has."""
    now = time()
    log = fresh_log(int(now * 1000)) | {"messages": [{"id": "m-1"}]}
    item_id = await asker.made(log=log, renew_at=FAR_FUTURE)
    ids = [f"new-{number}" for number in range(BATCH)]
    hashes = (short_hash(item_id, name) for name in ids)
    cap = Limits().head_cap_bytes - LARGEST_APPEND
    whole = all_of(appendable(ids, cap, int(now)), not_in_recent_ids(hashes), duplicates_detectable(int(now * 1000)))
    wheres = {
        "ARRAY_CONTAINS of a part of an object": 'ARRAY_CONTAINS(c.log.messages, {"id": "m-1"}, true)',
        "arithmetic on properties": "c.ttl_seconds - ARRAY_LENGTH(c.log.messages) = 3599",
        "IS_NULL, and a length that is counted": "IS_NULL(c.session_name) AND ARRAY_LENGTH(c.log.messages) = 1",
        f"the engine's own, of an append of {BATCH}": whole,
    }
    accepted = [
        Proof(f"Patch predicate: {what}", "200", str((await asker.patch(item_id, where)).status))
        for what, where in wheres.items()
    ]
    known = 'NOT ARRAY_CONTAINS(c.log.messages, {"id": "m-1"}, true)'
    refused = await asker.patch(item_id, known)
    return [*accepted, Proof("Patch predicate: an id that is there is found", "412", str(refused.status))]


async def _refusals(asker: _Asker) -> list[Proof]:
    """Look at what refusals carry: the token by which the next read is no older, and which comes first."""
    item_id = await asker.made()
    found = {
        "412 of a Patch": await asker.patch(item_id, NEVER),
        "404 of a Patch": await asker.patch("absent", None),
        "409 of a create": await asker.sampler.ask(
            lambda: asker.container.create_item({"id": item_id, "user_id": asker.item.owner})
        ),
    }
    tokens = [
        Proof(
            f"the {what} carries a session token",
            f"{what[:3]}, yes",
            f"{answer.status}, {_yes(SESSION in answer.headers)}",
        )
        for what, answer in found.items()
    ]
    wheres = {"one that never holds": NEVER, "one that asks for fields": f"{ACTIVE} AND c.renew_at > 5"}
    missing = [
        Proof(f"a Patch of a missing item, predicate: {what}", "404", str((await asker.patch("absent", where)).status))
        for what, where in wheres.items()
    ]
    return [*tokens, *missing]


async def _operations(asker: _Asker) -> list[Proof]:
    """Move onto what is there, carry as much as an append may, and use as many operations as a Patch may have."""
    item_id = await asker.made(now=[1], before=[2])
    moved = await asker.patch(item_id, None, [{"op": "move", "from": "/now", "path": "/before"}])
    after = await asker.stored(item_id) or {}
    large = [{"op": "set", "path": "/text", "value": "x" * LARGEST_APPEND}]
    counters = [{"op": "incr", "path": f"/counter{number}", "value": 1} for number in range(9)]
    ten = await asker.patch(item_id, None, [*large, *counters])
    return [
        Proof(
            "move replaces what is at its target",
            "200: [1], source gone",
            f"{moved.status}: {after.get('before')}, source {'there' if 'now' in after else 'gone'}",
        ),
        Proof("ten operations, one of 512 KiB", "200", str(ten.status)),
    ]


async def _batches(asker: _Asker) -> list[Proof]:
    """Make a page and empty the head at once, as option f would, and be refused; nothing of it may be left then."""
    owner, container = asker.item.owner, asker.container
    head = await asker.made()
    empty = [{"op": "set", "path": "/log/messages", "value": []}]

    async def rotated(count: int) -> tuple[Answer, str]:
        page = replace(Item(LARGE_KB), owner=owner)
        guard = {"filter_predicate": f"FROM c WHERE {ACTIVE} AND ARRAY_LENGTH(c.log.messages) = {count}"}
        operations = [("create", (page.document,)), ("patch", (head, empty), guard)]
        answer = await asker.sampler.ask(lambda: container.execute_item_batch(operations, owner))
        return answer, page.item_id

    refused, unmade = await rotated(7)
    left = await asker.stored(unmade)
    done, made = await rotated(1)
    kept, emptied = await asker.stored(made), await asker.stored(head) or {}
    absent = replace(Item(1), owner=owner)
    read = [("read", ("absent",)), ("create", (absent.document,))]
    unread = await asker.sampler.ask(lambda: container.execute_item_batch(read, owner))
    return [
        Proof("a batch whose guard does not hold leaves no page", "207, none", f"{refused.status}, {_some(left)}"),
        Proof(
            "a batch whose guard holds makes the page and empties the head",
            "200, a page, 0 messages",
            f"{done.status}, {_some(kept)}, {len(emptied.get('log', {}).get('messages', '?'))} messages",
        ),
        Proof("a refused batch carries a session token", "yes", _yes(SESSION in refused.headers)),
        Proof(
            "a batch that reads what is absent creates nothing",
            "207, none",
            f"{unread.status}, {_some(await asker.stored(absent.item_id))}",
        ),
    ]


def _yes(found: bool) -> str:  # noqa: FBT001 - the answer to a question
    return "yes" if found else "no"


def _some(found: object) -> str:
    return "none" if found is None else "a page"


QUESTIONS: tuple[Question, ...] = (_predicates, _refusals, _operations, _batches)
