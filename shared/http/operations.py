"""Handlers for all that an owner has, and for whoever operates Parley."""

from datetime import timedelta

from shared.http.boundary import Answer
from shared.http.call import Call
from shared.models import utc_now

MAX_DAYS = 366
USUAL_DAYS = 30
ERASE_SECONDS = 12.0  # of work in one answer; what was begun by then has as long again before it is broken off


async def erase(call: Call) -> Answer:
    """Erase everything the owner has, as far as the time of one answer reaches."""
    erased = await call.chat.store.erase(call.owner, ERASE_SECONDS)
    deleted = {"sessions": erased.sessions, "messages": erased.messages}
    return Answer({"deleted": deleted, "done": erased.done})


async def stats(call: Call) -> Answer:
    """Return counts of everything the owner has."""
    owner = call.owner
    days = call.query.number("days", 1, MAX_DAYS) or USUAL_DAYS
    today = utc_now().date()
    dates = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(days))]
    return Answer(await call.chat.store.owner_stats(owner, dates))


async def health(call: Call) -> Answer:
    """Tell whether the store answers, and how fast."""
    latency_ms = await call.chat.health()
    return Answer({"status": "ok", "store": call.chat.store.name, "latency_ms": latency_ms})
