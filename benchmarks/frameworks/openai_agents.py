"""The OpenAI Agents SDK's session in Parley; nobody offers one for Cosmos DB."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

from parley_client.openai_agents import ParleySession
from typing_extensions import override

from benchmarks.frameworks.side import OWNER, PICTURE, Side


class Adapter(Side):
    """`parley_client.openai_agents`."""

    grows_by: ClassVar[int] = 20

    def __init__(self, conversation: str) -> None:
        """Work on a session."""
        self._session = ParleySession(conversation, user=OWNER)

    @override
    @classmethod
    @asynccontextmanager
    async def opened(cls, conversation: str) -> AsyncIterator[Self]:
        yield cls(conversation)

    @override
    async def read(self) -> list[Any]:
        return await self._session.get_items()

    @override
    async def add(self, messages: Sequence[Any]) -> None:
        await self._session.add_items(list(messages))

    @override
    def user(self, content: Any) -> Any:
        return {"role": "user", "content": content}

    @override
    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        return {"type": "function_call", "call_id": name, "name": "search", "arguments": json.dumps(arguments)}

    @override
    def result(self, name: str, text: str) -> Any:
        return {"type": "function_call_output", "call_id": name, "output": text}

    @override
    def answer(self, text: str) -> Any:
        return {"role": "assistant", "content": text}

    @override
    def picture(self) -> Any:
        return self.user([{"type": "input_image", "image_url": PICTURE}])

    @override
    def real_turn(self) -> list[Any]:
        picture = {"type": "input_image", "image_url": "https://example.com/1.png"}
        return [
            self.user([{"type": "input_text", "text": "And?"}, picture]),
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "z"},
            *(self.call(name, {"f": 1.5}) for name in ("weather", "clock")),
            *(self.result(name, "sun") for name in ("weather", "clock")),
            self.answer("Sunny."),
        ]

    @override
    def dump(self, message: Any) -> Any:
        return message
