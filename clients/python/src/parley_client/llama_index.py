"""LlamaIndex chat stores whose conversations are Parley sessions.

    memory = Memory.from_defaults(session_id="conversation 42", chat_store=ParleyChatStore(user="alice"))

Refusals raise ParleyError.
"""

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import PrivateAttr
from typing_extensions import override

from parley_client.frameworks.clients import Clients
from parley_client.frameworks.llama_index_mapping import loaded, stored
from parley_client.frameworks.llama_index_queue import Entry, Queue, State, keys

CHANNEL = "llama-index"


class ParleyChatStore(AsyncDBChatStore):
    """For `Memory`: keeps conversations under any key, their messages active or archived.

    Archiving and every other change is one write that happens whole or not at all, up to 200 messages; where more come
    after messages that are deleted, those are redacted one by one instead. `limit` and `offset` count from the oldest.
    """

    channel: str = CHANNEL
    _clients: Clients = PrivateAttr()

    def __init__(self, *, user: str | None = None, channel: str = CHANNEL, **client: Any) -> None:  # noqa: ANN401 - see Clients
        """Speak for `user`, else for PARLEY_USER.

        `url` and `function_key` (else PARLEY_URL and PARLEY_FUNCTION_KEY), or `async_client` may be given.
        """
        super().__init__()
        self.channel = channel
        self._clients = Clients(user, **client)

    @override
    async def get_messages(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        found = await self._of(key, status)
        begin = offset or 0
        return found[begin:] if limit is None else found[begin : begin + limit]

    @override
    async def count_messages(self, key: str, status: MessageStatus | None = MessageStatus.ACTIVE) -> int:
        return len(await self._of(key, status))

    async def _of(self, key: str, status: MessageStatus | None) -> list[ChatMessage]:
        state = await self._clients.arun(self._queue(key).read(_name(status)))
        return [loaded(entry.message) for entry in state.of(_name(status))]

    @override
    async def add_message(self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE) -> None:
        await self.add_messages(key, [message], status)

    @override
    async def add_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        await self._clients.arun(self._queue(key).add([stored(message) for message in messages], status.value))

    @override
    async def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        await self._clients.arun(self._queue(key).put([stored(message) for message in messages], status.value))

    @override
    async def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Delete the message with this `seq` of its session, and return it."""

        def chosen(state: State) -> list[Entry]:
            return [entry for entry in state.entries if entry.message["seq"] == idx]

        found = await self._clients.arun(self._queue(key).remove(chosen))
        return loaded(found[0]) if found else None

    @override
    async def delete_messages(self, key: str, status: MessageStatus | None = None) -> None:
        queue = self._queue(key)
        if status is None:
            await self._clients.arun(queue.history.delete())
        else:
            await self._clients.arun(queue.remove(lambda state: state.of(status.value)))

    @override
    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        oldest = self._queue(key).remove(lambda state: state.of("active")[: max(n, 0)], "active")
        found = await self._clients.arun(oldest)
        return [loaded(message) for message in found]

    @override
    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        return [loaded(message) for message in await self._clients.arun(self._queue(key).archive_oldest(n))]

    @override
    async def get_keys(self) -> list[str]:
        return await self._clients.arun(keys(self.channel))

    def _queue(self, key: str) -> Queue:
        return Queue(key, self.channel)

    @classmethod
    @override
    def class_name(cls) -> str:
        return "ParleyChatStore"


class ParleyKeyedChatStore(BaseChatStore):
    """For `ChatMemoryBuffer` and whatever else takes the older interface; its async methods are asynchronous."""

    channel: str = CHANNEL
    _clients: Clients = PrivateAttr()

    def __init__(self, *, user: str | None = None, channel: str = CHANNEL, **client: Any) -> None:  # noqa: ANN401 - see Clients
        """Speak for `user`, else for PARLEY_USER.

        `url` and `function_key` (else PARLEY_URL and PARLEY_FUNCTION_KEY), or `client` and `async_client` may be given.
        """
        super().__init__()
        self.channel = channel
        self._clients = Clients(user, **client)

    @override
    def set_messages(self, key: str, messages: list[ChatMessage]) -> None:
        self._clients.run(self._queue(key).put([stored(message) for message in messages], "active"))

    @override
    async def aset_messages(self, key: str, messages: list[ChatMessage]) -> None:
        await self._clients.arun(self._queue(key).put([stored(message) for message in messages], "active"))

    @override
    def get_messages(self, key: str) -> list[ChatMessage]:
        return _messages(self._clients.run(self._queue(key).read()))

    @override
    async def aget_messages(self, key: str) -> list[ChatMessage]:
        return _messages(await self._clients.arun(self._queue(key).read()))

    @override
    def add_message(self, key: str, message: ChatMessage) -> None:
        self._clients.run(self._queue(key).add([stored(message)], "active"))

    @override
    async def async_add_message(self, key: str, message: ChatMessage) -> None:
        await self._clients.arun(self._queue(key).add([stored(message)], "active"))

    @override
    def delete_messages(self, key: str) -> list[ChatMessage] | None:
        found = self._clients.run(self._queue(key).delete())
        return None if found is None else [loaded(message) for message in found]

    @override
    async def adelete_messages(self, key: str) -> list[ChatMessage] | None:
        found = await self._clients.arun(self._queue(key).delete())
        return None if found is None else [loaded(message) for message in found]

    @override
    def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        found = self._clients.run(self._queue(key).remove(lambda state: _at(state, idx)))
        return loaded(found[0]) if found else None

    @override
    async def adelete_message(self, key: str, idx: int) -> ChatMessage | None:
        found = await self._clients.arun(self._queue(key).remove(lambda state: _at(state, idx)))
        return loaded(found[0]) if found else None

    @override
    def delete_last_message(self, key: str) -> ChatMessage | None:
        found = self._clients.run(self._queue(key).history.pop())
        return loaded(found) if found else None

    @override
    async def adelete_last_message(self, key: str) -> ChatMessage | None:
        found = await self._clients.arun(self._queue(key).history.pop())
        return loaded(found) if found else None

    @override
    def get_keys(self) -> list[str]:
        return self._clients.run(keys(self.channel))

    @override
    async def aget_keys(self) -> list[str]:
        return await self._clients.arun(keys(self.channel))

    def _queue(self, key: str) -> Queue:
        return Queue(key, self.channel)

    @classmethod
    @override
    def class_name(cls) -> str:
        return "ParleyKeyedChatStore"


def _name(status: MessageStatus | None) -> str | None:
    return status.value if status else None


def _messages(state: State) -> list[ChatMessage]:
    return [loaded(entry.message) for entry in state.entries]


def _at(state: State, index: int) -> list[Entry]:
    """Return the message at an index, from the end where it is negative; none beyond the end."""
    return list(state.entries[index : index + 1 or None])
