"""A LangChain chat history that is a Parley session.

    history = ParleyChatMessageHistory("conversation 42", user="alice")
    history.add_messages([HumanMessage("Hello!"), AIMessage("Hello, Alice.")])

Refusals raise ParleyError. `RunnableWithMessageHistory` turns any error of any history into a logged warning and goes
on without memory: call `add_messages` yourself, or use the checkpointer in `parley_client.langgraph`.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage
from typing_extensions import override

from parley_client.frameworks.clients import Clients
from parley_client.frameworks.history import History
from parley_client.frameworks.langchain_mapping import loaded, stored


class ParleyChatMessageHistory(BaseChatMessageHistory):
    """Keeps one conversation; its id may be any text."""

    def __init__(self, session_id: str, *, user: str | None = None, channel: str = "langchain", **client: Any) -> None:  # noqa: ANN401 - see Clients
        """Speak for `user`, else for PARLEY_USER.

        `url` and `function_key` (else PARLEY_URL and PARLEY_FUNCTION_KEY), or `client` and `async_client` may be given.
        """
        super().__init__()
        self._clients = Clients(user, **client)
        self._history = History(session_id, channel)

    @property
    def session_id(self) -> str:
        """Return the id of the session in Parley."""
        return self._history.session_id

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # LangChain's own histories do so
        """Return all messages, oldest first."""
        return [loaded(message) for message in self._clients.run(self._history.read())]

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        return [loaded(message) for message in await self._clients.arun(self._history.read())]

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self._clients.run(self._history.add([stored(message) for message in messages]))

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        await self._clients.arun(self._history.add([stored(message) for message in messages]))

    @override
    def clear(self) -> None:
        self._clients.run(self._history.clear())

    @override
    async def aclear(self) -> None:
        await self._clients.arun(self._history.clear())
