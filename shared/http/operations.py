"""Handlers for whoever operates Parley."""

from shared.http.boundary import Answer
from shared.http.call import Call


async def health(call: Call) -> Answer:
    """Tell whether the store answers, and how fast."""
    latency_ms = await call.chat.health()
    return Answer({"status": "ok", "store": call.chat.store.name, "latency_ms": latency_ms})
