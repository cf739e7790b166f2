"""A stretch of the past for one test alone: verbs that see the sessions of all owners find its own there."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.models import IdleSession, Session
from shared.store.port import SessionStore
from tests.builders import a_session, an_owner

CENTURY_SECONDS = 100 * 365 * 86_400


def _a_moment_long_ago() -> datetime:
    chosen = random.Random()  # noqa: S311 - no secret, only unlike any other test's
    return datetime(1700, 1, 1, tzinfo=UTC) + timedelta(seconds=chosen.uniform(0, 2 * CENTURY_SECONDS))


@dataclass(frozen=True)
class Era:
    """The moments behind `began`, of which a test uses a few seconds."""

    store: SessionStore
    began: datetime = field(default_factory=_a_moment_long_ago)

    def at(self, seconds: float) -> datetime:
        """Return a moment of this era."""
        return self.began + timedelta(seconds=seconds)

    @property
    def threshold(self) -> IdleSession:
        """Return the place in the order of idle sessions before everything of this era."""
        return IdleSession(last_activity_at=self.at(-0.5), user_id="", id="", ttl_seconds=1, etag="")

    async def session(self, seconds: float, **fields: Any) -> Session:
        """Create a session whose last activity was then, of a new owner unless told otherwise."""
        fields = {"user_id": an_owner(), "created_at": self.at(seconds), **fields}
        return await self.store.create(a_session(**fields))

    async def idle(self, until: float, limit: int = 100, after: IdleSession | None = None) -> list[IdleSession]:
        """Return the sessions of this era without activity after that second of it."""
        return await self.store.idle_sessions(self.at(until), limit, after or self.threshold)

    async def seen(self, session: Session) -> IdleSession:
        """Return a session as the sweep sees it."""
        found = await self.idle(10)
        return next(idle for idle in found if (idle.user_id, idle.id) == (session.user_id, session.id))
