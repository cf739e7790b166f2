"""Histories of Microsoft's agent-framework as sessions of Parley.

    agent = Agent(client, context_providers=[ParleyHistoryProvider(user="alice")])
    await agent.run("Hello!", session=AgentSession(session_id="conversation 42"))

What a run says is stored after it, in one request: all of it or nothing. Messages come back equal, and what is said
twice is there twice. Refusals raise ParleyError.
"""

from collections.abc import Sequence
from typing import Any, Final

from agent_framework import HistoryProvider, Message
from typing_extensions import override

from parley_client.aio import AsyncParley
from parley_client.frameworks.agent_framework_mapping import loaded, stored
from parley_client.frameworks.connecting import async_client_for
from parley_client.frameworks.history import History

CHANNEL: Final = "agent-framework"


class ParleyHistoryProvider(HistoryProvider):
    """Keeps the messages of sessions, whatever their ids; one provider serves any number of them, in any loop."""

    def __init__(  # noqa: PLR0913 - options
        self,
        source_id: str = "parley",
        *,
        user: str | None = None,
        client: AsyncParley | None = None,
        url: str | None = None,
        function_key: str | None = None,
        channel: str = CHANNEL,
        newest: int | None = None,
        **flags: Any,  # noqa: ANN401 - HistoryProvider's, such as store_outputs
    ) -> None:
        """Speak for `user`, else for PARLEY_USER, through `client` or to `url`, else to PARLEY_URL.

        `newest` is how many messages a run is given at most; all of them when it is left out.
        """
        super().__init__(source_id, **flags)
        self._parley = async_client_for(user, client, url=url, function_key=function_key)
        self._channel = channel
        self._newest = newest

    @override
    async def get_messages(
        self, session_id: str | None, *, state: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[Message]:
        messages = await self._parley.carry_out(self._history(session_id).read(self._newest))
        return [loaded(message) for message in messages]

    @override
    async def save_messages(
        self,
        session_id: str | None,
        messages: Sequence[Message],
        *,
        state: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        await self._parley.carry_out(self._history(session_id).add([stored(message) for message in messages]))

    def _history(self, session_id: str | None) -> History:
        if session_id is None:
            raise ValueError("Parley keeps the messages of a session: run the agent with session=AgentSession(…)")
        return History(session_id, self._channel)
