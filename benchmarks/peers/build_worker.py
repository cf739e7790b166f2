"""Drives whatever build of Parley is on the path, call by call: `build_worker.py ENDPOINT KEY DATABASE CONTAINER`.

It imports nothing but `shared`, and of that only what builds have in common.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from shared.models import (
    MAX_MESSAGES_PER_REQUEST,
    MessageInput,
    MessageQuery,
    SessionFilter,
    SessionInput,
    SessionTarget,
)
from shared.service import ChatService
from shared.settings import load_settings
from shared.store.cosmos import CosmosStore

OWNER = "somebody"
SETTLE_SECONDS = 10.0


class Session:
    """One session of OWNER's, made by its first message."""

    def __init__(self, *place: str) -> None:
        """Work at the place: endpoint, key, database, container."""
        self._place = place
        self._chat = self._service()
        self._id = ""

    def _service(self) -> ChatService:
        return ChatService(CosmosStore(*self._place, emulator=True), load_settings({}, Path(__file__).parent))

    async def start_anew(self, connected: bool) -> int:  # noqa: FBT001 - it comes as JSON
        """Go on as a process that has kept nothing in memory; connected, it has served others."""
        await self.close()
        self._chat = self._service()
        if connected:  # the SDK asks for the partition's ranges with the first read after a write
            session, _ = await self._chat.create_session("nobody", SessionInput())
            await self._chat.store.get("nobody", session.id)
        return 0

    async def close(self) -> None:
        """Close the store."""
        await self._chat.store.close()

    async def begin(self) -> int:
        """Go on with another session."""
        self._id = ""
        return 0

    async def add(self, messages: list[tuple[str, str]]) -> int:
        """Append the messages, twenty at a time."""
        inputs = [MessageInput(role=role, content=text) for role, text in messages]
        for start in range(0, len(inputs), MAX_MESSAGES_PER_REQUEST):
            some = inputs[start : start + MAX_MESSAGES_PER_REQUEST]
            if self._id:
                await self._chat.append(OWNER, self._id, some)
            else:
                self._id, _ = await self._chat.append_anywhere(OWNER, SessionTarget(), some)
        return len(inputs)

    async def newest(self, limit: int) -> int:
        """Read the session and its newest messages."""
        _, page = await self._chat.store.read(OWNER, self._id, limit)
        return len(page.messages)

    async def back(self, pages: int, size: int) -> int:
        """Read pages, newest first."""
        read, query = 0, MessageQuery(limit=size)
        for _ in range(pages):
            page = await self._chat.store.read_messages(OWNER, self._id, query)
            read += len(page.messages)
            query = MessageQuery(limit=size, before=page.next_seq, page_hint=page.page_hint)
        return read

    async def delete(self) -> int:
        """Remove the session."""
        await self._chat.store.delete(OWNER, self._id)
        return 0

    async def listed(self, limit: int) -> int:
        """Read the first page of sessions."""
        return len((await self._chat.store.list_sessions(OWNER, SessionFilter(), limit)).sessions)


async def serve(endpoint: str, key: str, database: str, container: str) -> None:
    """Answer call by call until the input ends."""
    session = Session(endpoint, key, database, container)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, *arguments = json.loads(line)
            result = await getattr(session, verb)(*arguments)
            returned_at = time.monotonic()
            await settle()
            print(json.dumps({"result": result, "returned_at": returned_at}), flush=True)
    finally:
        await session.close()


async def settle() -> None:
    """Wait for work that the call has left running."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    if running:
        await asyncio.wait(running, timeout=SETTLE_SECONDS)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
