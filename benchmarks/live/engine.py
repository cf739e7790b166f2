"""The engine itself on the account: chats, lists, the timer's query, and a second instance that reads at once."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from benchmarks.live.charges import Item
from benchmarks.live.place import OURS
from benchmarks.live.proofs import ANY, Proof
from benchmarks.live.samples import Sampler
from benchmarks.profiles import REAL, TYPICAL
from benchmarks.stage import default_settings
from shared.errors import StoreError
from shared.models import MessageInput, SessionFilter, SessionInput, SessionTarget
from shared.service import ChatService
from shared.store.cosmos import CosmosStore
from shared.usage import Usage, measured

NEWEST = 20
LISTED = 20
SCANNED_TIMES = 1.5  # a query that costs so many times more beside archived sessions has read them


@dataclass(frozen=True, slots=True)
class Scale:
    """How many turns of a chat, reads of a second instance, and archived sessions beside idle ones."""

    turns: int = 60
    reads: int = 100
    archived: int = 300


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of the engine's work, by what the account charged for it, per call."""

    what: str
    calls: int
    requests: float
    request_units: float


@asynccontextmanager
async def _service(sampler: Sampler) -> AsyncIterator[ChatService]:
    account = sampler.place.account
    store = CosmosStore(account.endpoint, account.key, sampler.place.database, OURS, emulator=account.emulator)
    try:
        yield ChatService(store, default_settings())
    finally:
        await store.close()


async def work(sampler: Sampler, scale: Scale) -> list[Work]:
    """Let sessions grow turn by turn as `make bench` does, and list sessions that are short and long."""
    found: list[Work] = []
    async with _service(sampler) as chat:
        await chat.store.ping()
        for profile in (REAL, TYPICAL):
            session_id = ""
            owner = f"owner-{secrets.token_hex(4)}"
            with measured() as usage:
                for turn in range(scale.turns):
                    pair = [profile.message(2 * turn + 1), profile.message(2 * turn + 2)]
                    session_id = await _turn(chat, owner, session_id, pair)
            found.append(_per_call(f"chat turn, {profile.name}, from the first on", scale.turns, usage))
        for messages in (1, NEWEST):
            owner = f"owner-{secrets.token_hex(4)}"
            for _ in range(LISTED):
                await _turn(chat, owner, "", [TYPICAL.message(number) for number in range(messages)])
            with measured() as usage:
                await chat.store.list_sessions(owner, SessionFilter(), LISTED)
            what = f"list of {LISTED} sessions of {messages} messages of 400 characters"
            found.append(_per_call(what, 1, usage))
    return found


async def _turn(chat: ChatService, owner: str, session_id: str, messages: list[MessageInput]) -> str:
    if not session_id:
        return (await chat.append_anywhere(owner, SessionTarget(), messages))[0]
    await chat.store.read(owner, session_id, NEWEST)
    await chat.append(owner, session_id, messages)
    return session_id


def _per_call(what: str, calls: int, usage: Usage) -> Work:
    return Work(what, calls, usage.all_requests / calls, usage.all_units / calls)


async def prove(sampler: Sampler, scale: Scale) -> list[Proof]:
    """Ask what only the engine's own calls can tell."""
    async with _service(sampler) as chat, _service(sampler) as other:
        return [await _idle(sampler, chat, scale.archived), *await _second_instance(chat, other, scale.reads)]


async def _idle(sampler: Sampler, chat: ChatService, archived: int) -> Proof:
    """Compare the query for idle sessions with itself, once many archived ones are there."""

    async def charge() -> float:
        with measured() as usage:
            await chat.store.idle_sessions(datetime(2026, 1, 1, tzinfo=UTC), 100)
        return usage.request_units

    before = await charge()
    owner = f"owner-{secrets.token_hex(4)}"
    container = sampler.place.containers[OURS]
    for start in range(0, archived, 100):
        count = min(100, archived - start)
        items = [replace(Item(1, status="archived", at=0), owner=owner) for _ in range(count)]
        creates = [("create", (item.document | {"last_activity_at": "2025-01-01T00:00:00.000000Z"},)) for item in items]
        await sampler.ask(lambda sent=creates: container.execute_item_batch(sent, owner))
    after = await charge()
    return Proof(
        "the query for idle sessions reads no archived ones",
        "no",
        "no" if after <= before * SCANNED_TIMES else f"yes: {before:.2f} units, {after:.2f} beside {archived} archived",
    )


async def _second_instance(chat: ChatService, other: ChatService, reads: int) -> list[Proof]:
    """Write by one instance and go on by another without a token: late is allowed, refused is not."""
    owner, refused, late = f"owner-{secrets.token_hex(4)}", 0, 0
    for number in range(reads):
        session, _ = await chat.create_session(owner, SessionInput())
        try:
            await other.append(owner, session.id, [TYPICAL.message(number)])
            late += (await chat.store.read(owner, session.id, 1))[0].message_count == 0
        except StoreError:
            refused += 1
    return [
        Proof("appends of another instance right after a create that are refused", "0", str(refused)),
        Proof("reads that do not show yet what another instance has appended", ANY, str(late)),
    ]
