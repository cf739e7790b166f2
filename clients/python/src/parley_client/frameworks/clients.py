"""Both clients of an adapter whose framework has synchronous and asynchronous methods; each is made when it is used."""

from dataclasses import dataclass
from functools import cached_property

from parley_client.aio import AsyncParley
from parley_client.client import Parley
from parley_client.exchange import Result, Steps
from parley_client.frameworks.connecting import async_client_for, client_for


@dataclass(frozen=True)
class Clients:
    """Speaks for one user; what is not given here is taken from the environment."""

    user: str | None = None
    client: Parley | None = None
    async_client: AsyncParley | None = None
    url: str | None = None
    function_key: str | None = None

    @cached_property
    def _client(self) -> Parley:
        return client_for(self.user, self.client, url=self.url, function_key=self.function_key)

    @cached_property
    def _async_client(self) -> AsyncParley:
        return async_client_for(self.user, self.async_client, url=self.url, function_key=self.function_key)

    def run(self, steps: Steps[Result]) -> Result:
        """Carry out steps."""
        return self._client.carry_out(steps)

    async def arun(self, steps: Steps[Result]) -> Result:
        """Carry out steps without blocking the loop."""
        return await self._async_client.carry_out(steps)
