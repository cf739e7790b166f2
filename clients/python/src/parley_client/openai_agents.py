"""A conversation of the OpenAI Agents SDK as a session of Parley.

    session = ParleySession("conversation 42", user="alice")
    Runner.run_sync(agent, "Hello!", session=session)

Every item comes back equal, and people, search and other clients read it as a message. Refusals raise ParleyError.
"""

from typing import TYPE_CHECKING, Any, Final

from agents.memory.session_settings import SessionSettings, coerce_session_settings, resolve_session_limit

from parley_client.aio import AsyncParley
from parley_client.frameworks.connecting import async_client_for
from parley_client.frameworks.history import History
from parley_client.frameworks.openai_items import items_of, message_of

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

CHANNEL: Final = "openai-agents"


class ParleySession:
    """Keeps the items of one conversation, under any id; it may be used in one event loop after another."""

    session_settings: SessionSettings | None

    def __init__(  # noqa: PLR0913 - options
        self,
        session_id: str,
        *,
        user: str | None = None,
        client: AsyncParley | None = None,
        url: str | None = None,
        function_key: str | None = None,
        channel: str = CHANNEL,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        """Speak for `user`, else for PARLEY_USER, through `client` or to `url`, else to PARLEY_URL.

        `session_settings` holds the `limit` that counts where `get_items` is given none.
        """
        self.session_id = session_id
        self.session_settings = coerce_session_settings(session_settings or {})
        self._parley = async_client_for(user, client, url=url, function_key=function_key)
        self._history = History(session_id, channel)

    async def get_items(self, limit: int | None = None, *, wrapper: object = None) -> list["TResponseInputItem"]:  # noqa: ARG002 - the framework offers it
        """Return the latest so many items, or all, oldest first; 0 is none, and a negative number all."""
        newest = resolve_session_limit(limit, self.session_settings)
        newest = None if newest is None or newest < 0 else newest
        messages = await self._parley.carry_out(self._history.read(newest))
        items = [item for message in messages for item in items_of(message)]
        return items if newest is None else items[len(items) - newest if len(items) > newest else 0 :]

    async def add_items(self, items: list["TResponseInputItem"], *, wrapper: object = None) -> None:  # noqa: ARG002 - as above
        """Append items, all or none: in one request, up to 200 of them and 1.2 MB."""
        await self._parley.carry_out(self._history.add([message_of(item) for item in items]))

    async def pop_item(self, *, wrapper: object = None) -> "TResponseInputItem | None":  # noqa: ARG002 - as above
        """Remove the newest item and return it; None where there is none. What others add meanwhile stays."""
        message = await self._parley.carry_out(self._history.pop())
        return items_of(message)[-1] if message else None

    async def clear_session(self, *, wrapper: object = None) -> None:  # noqa: ARG002 - as above
        """Remove all items."""
        await self._parley.carry_out(self._history.clear())
