"""Several instances of the app in one process: each request is answered through the store of one of them."""

import random
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from shared.store.cosmos import CosmosStore

_chosen: ContextVar[CosmosStore] = ContextVar("chosen")


class Fleet:
    """The stores of all instances, each with its own client; stands for the one that a request arrived at."""

    def __init__(self, stores: Sequence[CosmosStore], seed: random.Random) -> None:
        """Spread requests over these."""
        self._stores, self._seed = stores, seed

    @web.middleware
    async def balance(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have a request arrive at any of the instances."""
        _chosen.set(self._seed.choice(self._stores))
        return await handler(request)

    def __getattr__(self, name: str) -> Any:
        """Return the verb of the store of the instance in hand; what no request asks for is the first one's."""
        return getattr(_chosen.get(self._stores[0]), name)
