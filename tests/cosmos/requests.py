"""How many requests a call sends to the store."""

from collections.abc import Awaitable
from typing import Any

from shared.usage import measured


async def requests(call: Awaitable[Any]) -> int:
    """Make the call, and count what it sent, and what was sent behind its answer."""
    with measured() as usage:
        await call
    return usage.all_requests
