"""What an adapter and a framework's own store have in common: a conversation that is read and grows by turns.

This module and those of the frameworks run in the frameworks' environments and import nothing else of the project.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Self

OWNER = "somebody"
DATABASE = "frameworks"
COSMOS: dict[str, Any] = {"enable_endpoint_discovery": False}  # of a client for the test server
PICTURE = "data:image/png;base64," + "iVBORw0K" * 50_000  # 300 kB of picture
BEYOND_DOUBLE = 2**60 + 1  # an integer that a double does not hold
TEXT = (
    "message {}: a few sentences of the kind that people write to an assistant, so long that they come to about two "
    "hundred characters, which is what messages of people in real chats have on the average, more or less."
)


class Side(ABC):
    """One conversation through one client, as a process of its own would hold it."""

    turn_reads: ClassVar[bool] = False  # adding a turn reads the conversation by itself
    grows_by: ClassVar[int] = 100_000  # messages at once until a length is reached

    @classmethod
    @abstractmethod
    def opened(cls, conversation: str) -> AbstractAsyncContextManager[Self]:
        """Open it, new or not."""

    @abstractmethod
    async def read(self) -> list[Any]:
        """Return all messages, oldest first, as the framework has them."""

    @abstractmethod
    async def add(self, messages: Sequence[Any]) -> None:
        """Store messages at once, by the call that the framework would make after a turn."""

    async def take_turn(self, messages: Sequence[Any]) -> None:
        """Store a turn."""
        await self.add(messages)

    async def everything(self) -> list[Any]:
        """Return whatever can be found of the conversation, each message once."""
        return await self.read()

    @abstractmethod
    def user(self, content: Any) -> Any:
        """Return what somebody says."""

    @abstractmethod
    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return a model's call of a tool."""

    @abstractmethod
    def result(self, name: str, text: str) -> Any:
        """Return what the tool answers to the call of this name."""

    @abstractmethod
    def answer(self, text: str) -> Any:
        """Return what a model says, with the usage where messages have it."""

    @abstractmethod
    def picture(self) -> Any:
        """Return PICTURE, said by somebody."""

    @abstractmethod
    def real_turn(self) -> list[Any]:
        """Return a picture's address, a thought, two calls and their results and an answer, with metadata."""

    @abstractmethod
    def dump(self, message: Any) -> Any:
        """Return all that a message holds, as data."""

    def turn(self, number: int) -> list[Any]:
        """Return a question, a tool's call, its result and an answer; the texts hold the number."""
        return [
            self.user(TEXT.format(f"question {number}")),
            self.call(f"call-{number}", {"query": TEXT.format(number)}),
            self.result(f"call-{number}", TEXT.format(f"result {number}")),
            self.answer(TEXT.format(f"answer {number}")),
        ]

    def cases(self) -> dict[str, list[Any]]:
        """Return what has to come back equal, by what it is."""
        return {
            "a turn with two tools": self.real_turn(),
            "a picture of 300 kB": [self.picture()],
            "2^60 + 1 in a call": [self.call("weather", {"n": BEYOND_DOUBLE})],
            '"yes" three times': [self.user("yes") for _ in range(3)],
            "40 messages in one save": [self.user(str(number)) for number in range(40)],
            "30 messages of 80 kB": [self.user(f"{number} " + "x" * 80_000) for number in range(30)],
        }


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Return where two pieces of data differ, by their paths; types and signs count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        names = [*wanted, *(name for name in found if name not in wanted)]
        return [at for name in names for at in differences(wanted.get(name), found.get(name), f"{path}.{name}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [at for place, pair in pairs for at in differences(*pair, f"{path}[{place}]")]
    return [] if _text(wanted) == _text(found) else [path.lstrip(".")]


def _text(value: Any) -> str:
    return json.dumps(value, default=repr)
