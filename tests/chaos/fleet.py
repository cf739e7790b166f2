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
        self._instances, self._seed = list(instances), seed
        self._asked: dict[int, tuple[web.Request, ChatService]] = {}
        self.cut_off = 0  # requests whose instance died while they waited for its answer

    @web.middleware
    async def balance(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have a request arrive at any of the instances."""
        chosen = self._seed.choice(self._instances)
        _chosen.set(chosen)
        self._asked[id(request)] = request, chosen
        try:
            return await handler(request)
        finally:
            del self._asked[id(request)]

    def is_asked(self, instance: ChatService) -> bool:
        """Return whether an instance is at work on a request."""
        return any(chosen is instance for _, chosen in self._asked.values())

    def replace(self, instance: ChatService, following: ChatService) -> None:
        """Have another take an instance's place, and cut off whoever waits for it."""
        self._instances[self._instances.index(instance)] = following
        for request in [request for request, chosen in self._asked.values() if chosen is instance]:
            if request.transport and not request.transport.is_closing():
                request.transport.abort()
                self.cut_off += 1

    def __getattr__(self, name: str) -> Any:
        """Return what the instance in hand has; what no request asks for is the first one's."""
        return getattr(_chosen.get(self._instances[0]), name)
