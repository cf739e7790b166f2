"""Several instances of the app in one process: each request is answered by one of them."""

import random
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from shared.service import ChatService

_chosen: ContextVar[ChatService] = ContextVar("chosen")


class Fleet:
    """All instances, each with a store and its own client; stands for the one that a request arrived at."""

    def __init__(self, instances: Sequence[ChatService], seed: random.Random) -> None:
        """Spread requests over these."""
        self._instances, self._seed = instances, seed

    @web.middleware
    async def balance(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have a request arrive at any of the instances."""
        _chosen.set(self._seed.choice(self._instances))
        return await handler(request)

    def __getattr__(self, name: str) -> Any:
        """Return what the instance in hand has; what no request asks for is the first one's."""
        return getattr(_chosen.get(self._instances[0]), name)
