"""What both clients can do with turns."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing, suppress
from typing import Any

import httpx2

from parley_client import turns
from parley_client.answers import TurnEvent, TurnState
from parley_client.calls import Call, Fields, Found
from parley_client.exchange import LOST, Patience
from parley_client.turns import Asked, Following, IfClosed


class TurnVerbs(ABC):
    """The turns of the synchronous client."""

    _patience: Patience

    def take_turn(
        self,
        session_id: str | None,
        /,
        *messages: Fields,
        if_closed: IfClosed = "finish",
        **options: Any,  # noqa: ANN401 - the API's fields
    ) -> Generator[TurnEvent, None, None]:
        """Say something and yield the model's reply as it comes: `turn`, `delta`, `tool_calls`, and last `done`.

        Without messages the newest one is answered. Without a session (None) one is made, or that of `session_id` is
        taken; other `options` are what the model is asked for: `instructions`, `tools`, `max_output_tokens`, ….
        A stream that breaks off is joined where it was; where another text takes the place of what was told (another
        instance had to begin anew), `turn` comes again, with `offset` 0. Leaving the loop stops nothing, unless
        `if_closed` is "stop".
        Where the model fails that is a ParleyError, as everywhere; what was said is stored, and another turn with the
        same message ids asks again.
        """
        return self._events(turns.take_turn(session_id, messages, options, if_closed=if_closed))

    def join_turn(
        self, session_id: str, message_id: str, *, last_event_id: str | None = None
    ) -> Generator[TurnEvent, None, None]:
        """Yield the events of the turn of the last message said, those after the event of that id."""
        return self._events(turns.join_turn(session_id, message_id, last_event_id))

    def get_turn(self, session_id: str, message_id: str) -> TurnState:
        """Return how far the turn of the last message said is."""
        return self._found(turns.get_turn(session_id, message_id))

    def stop_turn(self, session_id: str, message_id: str) -> None:
        """Stop a turn: what came so far is stored as the reply; nothing happens where it is over."""
        self._found(turns.stop_turn(session_id, message_id))

    def regenerate(self, session_id: str, message_id: str, **options: Any) -> Generator[TurnEvent, None, None]:  # noqa: ANN401 - as above
        """Have the newest turn's reply made anew, and yield that as `take_turn` does; asked for once, as it costs."""
        return self._events(turns.regenerate(session_id, message_id, options))

    def _events(self, asked: Asked) -> Generator[TurnEvent, None, None]:
        following = Following(asked, self._patience)
        while True:
            time.sleep(following.pause())
            with closing(self._send(following.call())) as response, suppress(*LOST):
                following.begin(response)
                for piece in response.iter_bytes():
                    yield from following.events_in(piece)
                    if following.is_over:
                        return

    @abstractmethod
    def _found(self, call: Call[Found]) -> Found: ...

    @abstractmethod
    def _send(self, call: Call[Any]) -> httpx2.Response: ...


class AsyncTurnVerbs(ABC):
    """The turns of the asynchronous client."""

    _patience: Patience

    def take_turn(
        self,
        session_id: str | None,
        /,
        *messages: Fields,
        if_closed: IfClosed = "finish",
        **options: Any,  # noqa: ANN401 - the API's fields
    ) -> AsyncGenerator[TurnEvent, None]:
        """Say something and yield the model's reply as it comes; as `Parley.take_turn`."""
        return self._events(turns.take_turn(session_id, messages, options, if_closed=if_closed))

    def join_turn(
        self, session_id: str, message_id: str, *, last_event_id: str | None = None
    ) -> AsyncGenerator[TurnEvent, None]:
        """Yield the events of the turn of the last message said, those after the event of that id."""
        return self._events(turns.join_turn(session_id, message_id, last_event_id))

    async def get_turn(self, session_id: str, message_id: str) -> TurnState:
        """Return how far the turn of the last message said is."""
        return await self._found(turns.get_turn(session_id, message_id))

    async def stop_turn(self, session_id: str, message_id: str) -> None:
        """Stop a turn: what came so far is stored as the reply; nothing happens where it is over."""
        await self._found(turns.stop_turn(session_id, message_id))

    def regenerate(self, session_id: str, message_id: str, **options: Any) -> AsyncGenerator[TurnEvent, None]:  # noqa: ANN401 - as above
        """Have the newest turn's reply made anew, and yield that as `take_turn` does; asked for once, as it costs."""
        return self._events(turns.regenerate(session_id, message_id, options))

    async def _events(self, asked: Asked) -> AsyncGenerator[TurnEvent, None]:
        following = Following(asked, self._patience)
        while True:
            await asyncio.sleep(following.pause())
            async with aclosing(await self._send(following.call())) as response:
                with suppress(*LOST):
                    following.begin(response)
                    async for piece in response.aiter_bytes():
                        for event in following.events_in(piece):
                            yield event
                        if following.is_over:
                            return

    @abstractmethod
    async def _found(self, call: Call[Found]) -> Found: ...

    @abstractmethod
    async def _send(self, call: Call[Any]) -> httpx2.Response: ...
