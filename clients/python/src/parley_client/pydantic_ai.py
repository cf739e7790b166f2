"""A pydantic-ai conversation store whose conversations are Parley sessions.

    store = ParleyConversationStore(user="alice")
    conversation = await store.load("conversation 42") or Conversation(conversation_id="conversation 42")
    result = await agent.run("Hello!", conversation=conversation)
    await store.save(result)

Refusals raise ParleyError.
"""

from collections.abc import Sequence
from typing import Any

from pydantic_ai.conversation_store import ConversationEntry, ConversationRecord, ConversationStore
from typing_extensions import override

from parley_client.frameworks.clients import Clients
from parley_client.frameworks.pydantic_ai_conversations import Conversations


class ParleyConversationStore(ConversationStore):
    """Keeps conversations under any id, each with all of its entries: a fork survives what it was forked from.

    `delete` deletes a conversation's entries too. An entry is found among the conversations whose record was read
    through this store before, as every method of `ConversationStore` does it.
    """

    def __init__(self, *, user: str | None = None, channel: str = "pydantic-ai", **client: Any) -> None:  # noqa: ANN401 - see Clients
        """Speak for `user`, else for PARLEY_USER.

        `url` and `function_key` (else PARLEY_URL and PARLEY_FUNCTION_KEY), or `async_client` may be given.
        """
        self._clients = Clients(user, **client)
        self._conversations = Conversations(channel)

    @override
    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        return await self._clients.arun(self._conversations.record(conversation_id))

    @override
    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        return await self._clients.arun(self._conversations.records(scope, limit))

    @override
    async def write_record(
        self,
        record: ConversationRecord,
        *,
        new_entries: Sequence[ConversationEntry] = (),
        expected_revision: str | None,
    ) -> None:
        await self._clients.arun(self._conversations.write(record, new_entries, expected_revision))

    @override
    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        await self._clients.arun(self._conversations.delete(conversation_id, expected_revision))

    @override
    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        return await self._clients.arun(self._conversations.history(head_id, limit))

    @override
    async def read_entry(self, entry_id: str) -> ConversationEntry:
        (entry,) = await self._clients.arun(self._conversations.history(entry_id, 1))
        return entry
