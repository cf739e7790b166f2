"""A LangGraph checkpointer whose conversation is a Parley session.

    saver = ParleySaver(user="alice")
    graph = builder.compile(checkpointer=saver)

A step costs one request, a resume two and one for each 200 further messages of the conversation, however long the
thread is. Refusals raise ParleyError.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from typing_extensions import override

from parley_client.exchange import Steps
from parley_client.frameworks.clients import Clients
from parley_client.frameworks.langgraph_reading import Reader
from parley_client.frameworks.langgraph_records import Thread
from parley_client.frameworks.langgraph_threads import Listing, Threads
from parley_client.frameworks.langgraph_writing import Checkpoint as Given
from parley_client.frameworks.langgraph_writing import Writer


class ParleySaver(BaseCheckpointSaver[str]):
    """Keeps the checkpoints of a graph in Parley, for the user whom its clients speak for.

    The messages of the channel `messages` are messages of a session that bears the thread's name, in the channel
    `langgraph`: every one that was ever said, those of branches that were left too.
    """

    def __init__(
        self,
        *,
        user: str | None = None,
        serde: SerializerProtocol | None = None,
        messages_channel: str = "messages",
        is_readable: bool | None = None,
        **client: Any,  # noqa: ANN401 - see Clients
    ) -> None:
        """Speak for `user`, else for PARLEY_USER.

        `url` and `function_key` (else PARLEY_URL and PARLEY_FUNCTION_KEY), or `client` and `async_client` may be given.
        `is_readable`: whether people, search and exports see the conversation; not where `serde` encrypts.
        """
        super().__init__(serde=serde)
        if is_readable is None:
            is_readable = not isinstance(serde, EncryptedSerializer)
        self._clients = Clients(user, **client)
        self._reader = Reader(self.serde, messages_channel)
        self._writer = Writer(self.serde, messages_channel, self._reader, is_readable=is_readable)
        self._threads = Threads(self._reader, self._writer)

    @override
    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._clients.run(self._get(config))

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._clients.arun(self._get(config))

    @override
    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        yield from self._clients.run(self._threads.checkpoints(_listing(config, filter, before, limit=limit)))

    @override
    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for found in await self._clients.arun(self._threads.checkpoints(_listing(config, filter, before, limit=limit))):
            yield found

    @override
    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        self._clients.run(self._put(config, checkpoint, metadata))
        return _thread(config).config(checkpoint["id"])

    @override
    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        await self._clients.arun(self._put(config, checkpoint, metadata))
        return _thread(config).config(checkpoint["id"])

    @override
    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._clients.run(self._put_writes(config, writes, (task_id, task_path)))

    @override
    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._clients.arun(self._put_writes(config, writes, (task_id, task_path)))

    @override
    def delete_thread(self, thread_id: str) -> None:
        self._clients.run(self._threads.delete(thread_id))

    @override
    async def adelete_thread(self, thread_id: str) -> None:
        await self._clients.arun(self._threads.delete(thread_id))

    @override
    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._clients.run(self._threads.copy(source_thread_id, target_thread_id))

    @override
    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._clients.arun(self._threads.copy(source_thread_id, target_thread_id))

    def _get(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        thread = _thread(config)
        loaded = yield from self._reader.get(thread, get_checkpoint_id(config))
        if loaded is None:
            return None
        self._writer.remember(thread, loaded.found.checkpoint["id"], loaded.known)
        return loaded.found

    def _put(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> Steps[None]:
        said = get_checkpoint_metadata(config, metadata)
        return self._writer.put(_thread(config), Given(get_checkpoint_id(config), checkpoint, said))

    def _put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task: tuple[str, str]
    ) -> Steps[None]:
        return self._writer.put_writes(_thread(config), config["configurable"]["checkpoint_id"], task, writes)


def _thread(config: RunnableConfig) -> Thread:
    names = config["configurable"]
    return Thread(str(names["thread_id"]), names.get("checkpoint_ns", ""))


def _listing(
    config: RunnableConfig | None,
    metadata: Mapping[str, Any] | None,
    before: RunnableConfig | None,
    *,
    limit: int | None,
) -> Listing:
    names = config["configurable"] if config else {}
    return Listing(
        names.get("thread_id"),
        names.get("checkpoint_ns"),
        names.get("checkpoint_id"),
        before_id=get_checkpoint_id(before) if before else None,
        metadata=metadata,
        limit=limit,
    )
