"""Handlers for all that an owner has, and for whoever operates Parley."""

from shared.http.boundary import Answer
from shared.http.call import Call

ERASE_SECONDS = 60.0  # of work in one answer; the platform cuts answers at 230 seconds


async def erase(call: Call) -> Answer:
    """Erase everything the owner has, as far as the time of one answer reaches."""
    erased = await call.chat.store.erase(call.owner, ERASE_SECONDS)
    deleted = {"sessions": erased.sessions, "messages": erased.messages}
    return Answer({"deleted": deleted, "done": erased.done})


async def health(call: Call) -> Answer:
    """Tell whether the store answers, and how fast."""
    latency_ms = await call.chat.health()
    return Answer({"status": "ok", "store": call.chat.store.name, "latency_ms": latency_ms})
