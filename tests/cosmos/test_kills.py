"""Every operation, killed before and after every one of its store requests: what readers see, and who makes up for it.

A failure is a group of errors, each with a note that says at which request the client had died.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from shared.errors import (
    ParleyError,
    SessionArchivedError,
    SessionExistsError,
    SessionNotFoundError,
    TurnInProgressError,
)
from shared.models import (
    KEEP,
    IdleSession,
    ImportedMessage,
    ImportedSession,
    Lease,
    Message,
    MessageQuery,
    NewMessage,
    Replied,
    ReplyUsage,
    SessionChanges,
)
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.errors import ItemRefusedError
from shared.store.cosmos.head import Head
from shared.store.cosmos.maintenance import BUILDING_SECONDS, _finish
from shared.store.cosmos.partition import Partition
from tests.builders import HOUR, a_lease, a_message, a_session, again, an_owner, messages
from tests.cosmos.kills import (
    Case,
    Killed,
    Moment,
    MortalItems,
    Seen,
    Sight,
    Template,
    Victim,
    Victims,
    World,
    check_lives,
    check_settled,
    check_swept,
)
from tests.cosmos_server.launch import CosmosServer
from tests.tiers import slow_but

TTL = 2 * HOUR
DUE = TTL // 2 + 60  # renewal of the pages is
LATER = HOUR // 2 + BUILDING_SECONDS  # over half the shortest ttl used here, and nobody can still be building
REPLIED = Replied(holder="holder", usage=ReplyUsage(replies=1, input_tokens=20, output_tokens=5))
BATCH, FIRST = messages(12), messages(12)
IMPORTED = [ImportedMessage(**message.model_dump()) for message in messages(40)]
FILLING = a_message("fills what is left of a generation " * 20)  # and is smaller than one
LONG_TEXT = "a text that fills a generation " * 40
Run = Callable[[World, CosmosStore, Case], Awaitable[object]]
Then = Callable[[Seen, Template], Seen | None]


@dataclass(frozen=True)
class Operation:
    """Something to be killed: how it begins, what it does, and what its owner sees of the session when it is done."""

    name: str
    start: str
    run: Run
    then: Then
    made: Seen | None = None  # what it makes of a session that does not exist
    age: int = 0  # seconds that pass before it
    refused: type[ParleyError] | None = None  # what a repeat of it may be told once it is done
    sweeps: bool = False  # a second call leaves no page that does not count

    def after(self, sight: Sight, template: Template) -> Sight:
        """Return what is to be seen when it is done."""
        seen = {name: self.then(seen, template) if seen else self.made for name, seen in sight.sessions.items()}
        return replace(sight, sessions=seen)


def change(**fields: Any) -> Run:
    return lambda _, store, case: store.update(case.user_id, case.session_id, SessionChanges(**fields))


def append(sent: list[NewMessage]) -> tuple[Run, Then]:
    ids = [message.id for message in sent]

    def then(seen: Seen, _template: Template) -> Seen:
        if any(message_id == ids[0] for _, message_id in seen.history):
            return seen
        return replace(seen, history=seen.plus(ids), next_seq=seen.next_seq + len(ids))

    return lambda _, store, case: store.append(case.user_id, case.session_id, again(sent)), then


def append_with(turn: Lease | Replied, sent: list[NewMessage]) -> tuple[Run, Then]:
    """Append under a lease that is taken, or held already, with it."""
    _, then = append(sent)

    async def run(_: World, store: CosmosStore, case: Case) -> None:
        if isinstance(turn, Replied):
            with suppress(TurnInProgressError):  # a repeat finds the reply, and needs no lease
                await store.hold_turn(case.user_id, case.session_id, a_lease(turn.holder))
        await store.append(case.user_id, case.session_id, again(sent), turn=turn)

    return run, then


async def take_and_give_back(_: World, store: CosmosStore, case: Case) -> None:
    await store.hold_turn(case.user_id, case.session_id, a_lease())
    await store.stop_turn(case.user_id, case.session_id, a_lease().reply_id)
    await store.end_turn(case.user_id, case.session_id, a_lease().holder)


def append_knowing(sent: list[NewMessage]) -> tuple[Run, Then]:
    """Append from a process that has just read the head, so that the append itself makes a page of what is there."""
    run, then = append(sent)

    async def read_first(world: World, store: CosmosStore, case: Case) -> None:
        await store.read(case.user_id, case.session_id, 1)
        await run(world, store, case)

    return read_first, then


def rewind(place: Callable[[Head], int]) -> tuple[Run, Then]:
    def then(seen: Seen, template: Template) -> Seen:
        seq = max(place(template.head), template.head.first_seq - 1)
        return replace(seen, history=tuple(kept for kept in seen.history if kept[0] <= seq), next_seq=seq + 1)

    return lambda _, store, case: store.rewind(case.user_id, case.session_id, place(case.template.head)), then


def replace_tail(place: Callable[[Head], int], sent: list[NewMessage]) -> tuple[Run, Then]:
    ids = [message.id for message in sent]

    def then(seen: Seen, template: Template) -> Seen:
        seq = max(place(template.head), template.head.first_seq - 1)
        kept = tuple(placed for placed in seen.history if placed[0] <= seq)
        return replace(seen, history=(*kept, *enumerate(ids, seq + 1)), next_seq=seq + 1 + len(ids))

    def run(_world: World, store: CosmosStore, case: Case) -> Awaitable[object]:
        return store.replace_tail(case.user_id, case.session_id, place(case.template.head), again(sent))

    return run, then


def edit_at(place: Callable[[Head], int]) -> Run:
    async def run(_world: World, store: CosmosStore, case: Case) -> None:
        seq = place(case.template.head)
        page = await store.read_messages(
            case.user_id, case.session_id, MessageQuery(limit=1, after=seq - 1, order="asc")
        )
        await store.edit_message(case.user_id, case.session_id, page.messages[0].id, Message.redacted)

    return run


async def archive_idle(world: World, store: CosmosStore, case: Case) -> None:
    """Archive the session as the timer's query finds it: if it is active."""
    found = Head(await world.items.of(case.user_id).read(case.session_id))
    terms = {name: found.document[name] for name in ("last_activity_at", "ttl_seconds")}
    if found.status == "active":
        idle = IdleSession(
            user_id=case.user_id, id=found.id, has_pages=found.counted_pages > 0, etag=found.version, **terms
        )
        await store.archive_idle(idle)


async def create(_world: World, store: CosmosStore, case: Case) -> None:
    await store.create(a_session(case.user_id, id=case.session_id, ttl_seconds=TTL), FIRST)


async def bring_in(_world: World, store: CosmosStore, case: Case) -> None:
    first, last = IMPORTED[0].created_at, IMPORTED[-1].created_at
    session = a_session(case.user_id, id=case.session_id, ttl_seconds=TTL, fingerprint="import", created_at=first)
    times = {"updated_at": last, "last_activity_at": last, "last_seq": len(IMPORTED)}
    await store.import_session(ImportedSession(**session.model_dump() | times), IMPORTED)


async def delete(_world: World, store: CosmosStore, case: Case) -> None:
    await store.delete(case.user_id, case.session_id)


async def clear(_world: World, store: CosmosStore, case: Case) -> None:
    await store.clear(case.user_id, case.session_id)


async def erase(_world: World, store: CosmosStore, case: Case) -> None:
    assert (await store.erase(case.user_id, 60)).done


async def finish(_world: World, store: CosmosStore, case: Case) -> None:
    await _finish(store._items.of(case.user_id), case.session_id)


def gone(_seen: Seen, _template: Template) -> None:
    return None


def same(seen: Seen, _template: Template) -> Seen:
    return seen


def changed(**fields: Any) -> Then:
    return lambda seen, _: replace(seen, **fields)


CREATED = Seen(tuple(enumerate((message.id for message in FIRST), 1)), 13, "active", pinned=False, ttl_seconds=TTL)
BROUGHT_IN = replace(CREATED, history=tuple(enumerate((message.id for message in IMPORTED), 1)), next_seq=41)
LONG = ("expiring", "kept")
ANY = (*LONG, "small")
REWINDS: dict[str, Callable[[Head], int]] = {
    "rewind inside the current generation": lambda head: head.last_seq - 1,
    "rewind to the end of the previous generation": lambda head: head.messages_first_seq - 1,
    "rewind into the previous generation": lambda head: head.previous_first_seq + 1,
    "rewind into a page": lambda head: head.previous_first_seq - 9,
    "rewind into the first page": lambda head: head.first_seq + 1,
    "rewind into nothing": lambda _: 0,
}
EDITS: dict[str, Callable[[Head], int]] = {
    "the newest message": lambda head: head.last_seq,
    "a message of the previous generation": lambda head: head.previous_first_seq,
    "a message in a page": lambda head: head.first_seq + 1,
}
OPERATIONS = [
    *(Operation("archive", start, change(is_active=False), changed(status="archived")) for start in ANY),
    *(Operation("archive when idle", start, archive_idle, changed(status="archived")) for start in ANY),
    Operation("archive when idle and renew", "expiring", archive_idle, changed(status="archived"), age=DUE),
    Operation("restore", "archived", change(is_active=True), changed(status="active")),
    Operation("restore", "archived and kept", change(is_active=True), changed(status="active")),
    Operation("lengthen the ttl", "expiring", change(ttl_seconds=2 * TTL), changed(ttl_seconds=2 * TTL)),
    Operation("keep", "expiring", change(ttl_seconds=KEEP), changed(ttl_seconds=KEEP)),
    *(Operation("shorten the ttl", start, change(ttl_seconds=HOUR), changed(ttl_seconds=HOUR)) for start in ANY),
    Operation("pin", "expiring", change(pinned=True), changed(pinned=True)),
    Operation("unpin", "pinned", change(pinned=False), changed(pinned=False)),
    *(Operation("append a batch", start, *append(BATCH)) for start in ANY),
    *(Operation("append and rotate", start, *append([a_message(LONG_TEXT)])) for start in ANY),
    *(
        Operation("append and carry a page", start, *append_knowing([FILLING]))
        for start in (*ANY, "in two generations")
    ),
    *(Operation("append what fills a head", start, *append_knowing([a_message(LONG_TEXT)])) for start in ANY),
    *(Operation("append a batch", start, *append_knowing(BATCH)) for start in ("in two generations",)),
    Operation("append and rotate", "in two generations", *append([a_message(LONG_TEXT)])),
    *(Operation("append and take a lease", start, *append_with(a_lease(), messages(2))) for start in ANY),
    Operation("append a batch and take a lease", "expiring", *append_with(a_lease(), BATCH)),
    *(Operation("append a reply", start, *append_with(REPLIED, [a_message("reply")])) for start in ANY),
    Operation("append a reply and renew", "expiring", *append_with(REPLIED, [a_message("reply")]), age=DUE),
    Operation("take and give back a lease", "expiring", take_and_give_back, same, age=DUE),
    Operation("append and renew", "expiring", *append(messages(2)), age=DUE),
    Operation("append a batch and renew", "expiring", *append(BATCH), age=DUE),
    Operation("rename and renew", "expiring", change(session_name="new"), same, age=DUE),
    Operation("rewind and renew", "expiring", *rewind(lambda head: head.last_seq - 1), age=DUE, sweeps=True),
    *(Operation(name, "expiring", *rewind(place), sweeps=True) for name, place in REWINDS.items()),
    *(Operation(name, "kept", *rewind(place), sweeps=True) for name, place in REWINDS.items() if "into" in name),
    *(
        Operation(f"replace what a {name} removes", "expiring", *replace_tail(place, BATCH), sweeps=True)
        for name, place in REWINDS.items()
    ),
    Operation("rewind into a page", "half rewound", *rewind(REWINDS["rewind into a page"]), sweeps=True),
    *(Operation(f"edit {place}", start, edit_at(seq), same) for start in LONG for place, seq in EDITS.items()),
    Operation("edit a message in a page and renew", "expiring", edit_at(EDITS["a message in a page"]), same, age=DUE),
    *(Operation("clear", start, clear, changed(history=()), sweeps=True) for start in (*ANY, "half rewound")),
    *(
        Operation("delete", start, delete, gone, refused=SessionNotFoundError, sweeps=True)
        for start in (*ANY, "half rewound")
    ),
    Operation("erase", "several", erase, gone, sweeps=True),
    *(
        Operation("create", start, create, same, made=CREATED, refused=SessionExistsError)
        for start in ("half deleted", "half imported")
    ),
    *(
        Operation("import", start, bring_in, same, made=BROUGHT_IN, sweeps=True)
        for start in ("half deleted", "half imported")
    ),
    Operation("erase", "half imported", erase, gone, sweeps=True),
    Operation("finish", "half imported", finish, same, age=LATER),
    *(
        Operation("finish", start, finish, same, age=LATER if start == "half rewound" else 0)
        for start in (
            "half deleted",
            "half rewound",
            "rewound unswept",
            "cleared unswept",
            "half shortened",
        )
    ),
]


@pytest_asyncio.fixture
async def world(server: CosmosServer) -> AsyncIterator[World]:
    """Empty the server, and begin with its time."""
    server.reset()
    made = World(server)
    await made.connection.container()
    yield made
    await made.connection.close()


@pytest.fixture(scope="module")
def built() -> dict[str, Template]:
    """Keep the templates for the whole module."""
    return {}


@pytest_asyncio.fixture
async def templates(world: World, built: dict[str, Template]) -> dict[str, Template]:
    """Return what operations begin with, by name."""
    if not built:
        elsewhere = World(world.server, "templates")
        built |= {name: await written(elsewhere, *lengths) for name, lengths in LENGTHS.items()}
        built["in two generations"] = await written_in_two_steps(elsewhere, 40)
        for name, (start, run, enough) in STATES.items():
            built[name] = await left(elsewhere, built[start], run, enough)
        await elsewhere.connection.close()
    return built


async def written(world: World, *lengths: int) -> Template:
    """Store sessions of so many messages whose numbers do not begin at 1."""
    store, owner = world.store(), an_owner()
    for length in lengths:
        session = await store.create(a_session(owner, ttl_seconds=TTL), messages(3))
        await store.clear(owner, session.id)
        for number in range(length):
            role = "assistant" if number % 3 else "user"
            await store.append(owner, session.id, [a_message(f"message {number}", role=role)])
    return await world.template(owner, session.id)


async def written_in_two_steps(world: World, length: int) -> Template:
    """Store a session as writers do that rotate in two steps: its head carries a whole generation in `previous`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Partition, "create_and_patch", refuse)
        made = await written(world, length)
    assert made.head.previous
    assert made.head.messages
    return made


async def refuse(*_arguments: object) -> None:
    raise ItemRefusedError


async def left(world: World, start: Template, run: Run, enough: Callable[[Template, Template], bool]) -> Template:
    """Return what is left by an operation that is killed as soon as that is enough."""
    for number in count(1):
        case = await world.begin(start)
        killed = await kill(world, case, run, "after", number)
        found = await world.template(case.user_id, case.session_id)
        if enough(start, found) or not killed:
            break
    assert killed != (enough is all_done), "it never came to that"
    return found


def all_done(_start: Template, _found: Template) -> bool:
    return False


def buried(_start: Template, found: Template) -> bool:
    return found.head.is_hidden


def another_epoch(start: Template, found: Template) -> bool:
    return found.head.epoch != start.head.epoch


def partly_built(_start: Template, found: Template) -> bool:
    building = found.head.building
    return building is not None and any(document.get("epoch") == building["epoch"] for document in found.documents)


def partly_imported(start: Template, found: Template) -> bool:
    return any(document["type"] == "session" for document in found.documents) and partly_built(start, found)


def some_pages_shortened(_start: Template, found: Template) -> bool:
    return len({document["ttl"] for document in found.documents if document["type"] == "page"}) > 1


LENGTHS = {"expiring": (40,), "small": (3,), "several": (20, 3, 16)}
STATES = {
    "kept": ("expiring", change(ttl_seconds=KEEP), all_done),
    "pinned": ("expiring", change(pinned=True), all_done),
    "archived": ("expiring", change(is_active=False), all_done),
    "archived and kept": ("kept", change(is_active=False), all_done),
    "half deleted": ("expiring", delete, buried),
    "half imported": ("half deleted", bring_in, partly_imported),
    "half rewound": ("expiring", rewind(REWINDS["rewind into a page"])[0], partly_built),
    "rewound unswept": ("kept", rewind(REWINDS["rewind into a page"])[0], another_epoch),
    "cleared unswept": ("kept", clear, another_epoch),
    "half shortened": ("kept", change(ttl_seconds=HOUR), some_pages_shortened),
}


async def kill(world: World, case: Case, run: Run, moment: Moment, number: int) -> bool:
    """Run an operation in a client that dies at that request; tell whether it came to that."""
    try:
        await run(world, world.store(MortalItems(world, moment, number)), case)
    except Killed:
        return True
    return False


async def rehearse(world: World, operation: Operation, template: Template) -> tuple[int, Sight]:
    """Run the operation to its end; return how many requests it sent and what was seen before it."""
    case = await world.begin(template)
    world.advance(operation.age)
    before = await world.look(case)
    items = MortalItems(world)
    await operation.run(world, world.store(items), case)
    assert await world.look(case) == operation.after(before, template), "it does not do what it should"
    return items.requests, before


async def kill_all(world: World, operation: Operation, template: Template, moment: Moment) -> Victims:
    """Kill the operation at each of its requests; asserts that every session is seen as before or as after it."""
    total, before = await rehearse(world, operation, template)
    after = operation.after(before, template)
    victims = [Victim(await world.begin(template), number, before) for number in range(1, total + 1)]
    world.advance(operation.age)

    async def die(victim: Victim) -> None:
        assert await kill(world, victim.case, operation.run, moment, victim.number), "it was not killed"
        victim.sight = await world.look(victim.case)
        for name, seen in victim.sight.sessions.items():
            assert seen in {before.sessions[name], after.sessions[name]}, "neither the old session is seen nor the new"

    killed = Victims(f"{operation.name}, {operation.start}: killed {moment}", victims)
    await killed.each(die)
    return killed


async def append_beside(world: World, victim: Victim, text: str = "from another client") -> None:
    """Append as another client does, twice; asserts that it lands once or is refused as it must be."""
    expected, store, user_id = dict(victim.sight.sessions), world.store(), victim.case.user_id
    for name, seen in victim.sight.sessions.items():
        sent = [a_message(text)]
        if seen is None or seen.status == "archived":
            with pytest.raises(SessionArchivedError if seen else SessionNotFoundError):
                await store.append(user_id, name, sent)
            continue
        appended = await store.append(user_id, name, sent)
        repeated = await store.append(user_id, name, again(sent))
        assert (appended.created, repeated.created) == (True, False)
        assert [message.seq for message in appended.messages] == [seen.next_seq]
        expected[name] = replace(seen, history=seen.plus([sent[0].id]), next_seq=seen.next_seq + 1)
    victim.sight = await world.look(victim.case)
    assert victim.sight.sessions == expected, "the session does not go on as it should"


async def repeat(world: World, operation: Operation, victim: Victim) -> None:
    """Run the operation again in a new process; asserts that it ends as it should whatever was done before."""
    before = victim.sight
    after = operation.after(before, victim.case.template)
    try:
        await operation.run(world, world.store(), victim.case)
    except ParleyError as error:
        assert before == after, "a repeat of what was not done is refused"
        assert type(error) is operation.refused  # noqa: PT017 - as above
    victim.sight = await world.look(victim.case)
    assert victim.sight == after, "a repeat ends otherwise than it should"
    if operation.sweeps:
        check_swept(victim.sight.documents)


def name_of(operation: Operation) -> str:
    """Name an operation in the id of a test."""
    return f"{operation.name}, {operation.start}".replace(" ", "-")


def new_to_a_fast_run() -> Iterator[str]:
    """Yield of the operations those that do, or begin with, what none before them did."""
    known: set[str] = set()
    for operation in OPERATIONS:
        if not {operation.name, operation.start} <= known:
            yield name_of(operation)
        known |= {operation.name, operation.start}


BY_NAME = {name_of(operation): operation for operation in OPERATIONS}
FAST = list(new_to_a_fast_run())  # each of these is killed once, and then either repeated or left to the timer
SWEPT = {name: operation for name, operation in BY_NAME.items() if operation.sweeps and operation.start == "kept"}
both_moments = pytest.mark.parametrize("moment", slow_but({"before": "before", "after": "after"}, "after"))


@both_moments
@pytest.mark.parametrize("operation", slow_but(BY_NAME, *FAST[::2]))
async def test_a_repeat_ends_what_a_kill_cut_short(
    world: World, templates: dict[str, Template], operation: Operation, moment: Moment
) -> None:
    killed = await kill_all(world, operation, templates[operation.start], moment)

    async def check(victim: Victim) -> None:
        if moment == "after":
            await append_beside(world, victim, LONG_TEXT)
        await repeat(world, operation, victim)

    await killed.each(check)


@pytest.mark.parametrize("operation", slow_but(BY_NAME, *FAST[1::2]))
async def test_the_timer_ends_what_a_kill_cut_short(
    world: World, templates: dict[str, Template], operation: Operation
) -> None:
    killed = await kill_all(world, operation, templates[operation.start], "after")
    unfinished = {victim.number for victim in killed.all if any(item.get("pending") for item in victim.sight.documents)}
    world.advance(LATER)
    await world.store().maintain(100)
    left_over = await world.store().maintain(100)

    async def check(victim: Victim) -> None:
        seen, victim.sight = victim.sight, await world.look(victim.case)
        assert victim.sight == seen, "the timer changes what is seen"
        check_settled(victim.sight.documents)
        check_swept(victim.sight.documents, rotators=True)
        if victim.number in unfinished:
            check_lives(victim.sight.documents)
        await append_beside(world, victim)

    await killed.each(check)
    assert not left_over


@pytest.mark.parametrize("operation", slow_but(SWEPT, *list(SWEPT)[:1]))
async def test_a_change_of_the_ttl_hides_nothing_that_a_kill_left_from_the_timer(
    world: World, templates: dict[str, Template], operation: Operation
) -> None:
    killed = await kill_all(world, operation, templates[operation.start], "after")
    for victim in killed.all:
        with suppress(SessionNotFoundError):
            await change(ttl_seconds=HOUR)(world, world.store(), victim.case)
    world.advance(LATER)
    await world.store().maintain(100)

    async def check(victim: Victim) -> None:
        documents = await world.documents(victim.case.user_id)
        check_settled(documents)
        check_swept(documents)
        check_lives(documents)

    await killed.each(check)
