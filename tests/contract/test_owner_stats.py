"""owner_stats: every number equals what reading everything would count."""

import random
from collections import Counter
from datetime import timedelta
from typing import get_args

import pytest

from shared.models import (
    ROLES,
    Feedback,
    ImportedMessage,
    ImportedSession,
    Message,
    MessageChanges,
    OwnerStats,
    Session,
    SessionChanges,
    Status,
    stored_bytes,
    utc_now,
)
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, all_messages, an_owner, listed, messages

LONG = "a rather long description of the one who speaks here " * 4
CHANNELS = ("web", "mail", "default")
DAYS = [(utc_now() - timedelta(days=ago)).date().isoformat() for ago in reversed(range(40))]


async def recounted(store: SessionStore, owner: str) -> OwnerStats:
    """Count by reading everything."""
    sessions = await listed(store, owner, status=None)
    said = [message for session in sessions for message in await all_messages(store, session)]
    roles, per_day = (
        Counter(message.role for message in said),
        Counter(str(message.created_at.date()) for message in said),
    )
    ratings = Counter(message.feedback["rating"] for message in said if message.feedback)
    statuses = Counter(session.status for session in sessions)
    return OwnerStats.model_validate(
        {
            "sessions": {status: statuses[status] for status in get_args(Status)},
            "by_channel": Counter(session.channel for session in sessions),
            "messages": len(said),
            "by_role": {role: roles[role] for role in ROLES},
            "feedback": {rating: ratings[rating] for rating in ("up", "down")},
            "stored_bytes": sum(stored_bytes(message.document()) for message in said),
            "per_day": [{"date": day, "messages": per_day[day]} for day in DAYS],
        }
    )


class Life:
    """Random things that happen to an owner's sessions, as a seed decides."""

    def __init__(self, store: SessionStore, owner: str, seed: int) -> None:
        self._store, self._owner, self._seed = store, owner, random.Random(seed)  # noqa: S311 - repeatable, not secret

    async def go_on(self, steps: int) -> None:
        for _ in range(steps):
            await self._seed.choice(
                [self._create, self._append, self._append, self._rate, self._redact, self._change]
            )()

    async def _create(self) -> None:
        began = utc_now() - timedelta(days=self._seed.randint(0, 30))
        count = self._seed.choice([0, 3, 60])
        sent = [
            ImportedMessage(**message.model_dump() | {"created_at": began + timedelta(hours=number)})
            for number, message in enumerate(messages(count, persona=LONG, role=self._seed.choice(ROLES)))
        ]
        session = a_session(self._owner, channel=self._seed.choice(CHANNELS), created_at=began).model_dump()
        times = {"updated_at": began, "last_activity_at": began, "last_seq": count}
        await self._store.import_session(ImportedSession(**session | times), sent)

    async def _session(self) -> Session:
        found = await listed(self._store, self._owner)
        return self._seed.choice(found) if found else await self._store.create(a_session(self._owner))

    async def _append(self) -> None:
        session = await self._session()
        sent = [a_message("é" * self._seed.randint(0, 99), role=self._seed.choice(ROLES)) for _ in range(15)]
        await self._store.append(self._owner, session.id, sent)

    async def _message(self) -> tuple[str, str] | None:
        session = await self._session()
        said = await all_messages(self._store, session)
        return (session.id, self._seed.choice(said).id) if said else None

    async def _rate(self) -> None:
        if place := await self._message():
            changes = MessageChanges(feedback=Feedback(rating=self._seed.choice(["up", "down"]), comment="é"))
            await self._store.edit_message(self._owner, *place, changes.apply)

    async def _redact(self) -> None:
        if place := await self._message():
            await self._store.edit_message(self._owner, *place, Message.redacted)

    async def _change(self) -> None:
        session = await self._session()
        what = self._seed.choice(["archive", "clear", "rewind", "delete"])
        if what == "archive":
            await self._store.update(self._owner, session.id, SessionChanges(is_active=False))
        elif what == "rewind":
            await self._store.rewind(self._owner, session.id, self._seed.randint(0, 70))
        else:
            await getattr(self._store, what)(self._owner, session.id)


@pytest.mark.parametrize("seed", range(4))
async def test_every_number_is_what_reading_everything_counts(store: SessionStore, owner: str, seed: int) -> None:
    life = Life(store, owner, seed)
    for _ in range(3):
        await life.go_on(8)

        assert await store.owner_stats(owner, DAYS) == await recounted(store, owner)


async def test_somebody_without_anything_has_zeros(store: SessionStore, owner: str) -> None:
    stats = await store.owner_stats(owner, DAYS[-2:])

    assert stats == await _nothing(DAYS[-2:])


async def _nothing(days: list[str]) -> OwnerStats:
    zeros = {"messages": 0, "by_role": dict.fromkeys(ROLES, 0), "stored_bytes": 0, "by_channel": {}}
    per_day = [{"date": day, "messages": 0} for day in days]
    return OwnerStats.model_validate(zeros | {"sessions": {}, "feedback": {}, "per_day": per_day})


async def test_only_the_days_asked_for_are_told(store: SessionStore, owner: str) -> None:
    await store.create(a_session(owner), messages(3))

    stats = await store.owner_stats(owner, DAYS[-3:-1])

    assert [(day.date, day.messages) for day in stats.per_day] == [(day, 0) for day in DAYS[-3:-1]]
    assert stats.messages == 3


async def test_what_others_have_is_not_counted(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(an_owner()), messages(3))
    await store.create(a_session(owner, id=session.id), messages(2))

    assert (await store.owner_stats(owner, DAYS)).messages == 2
