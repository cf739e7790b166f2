"""A store that does at once what it would do behind an answer, so that a test can look at it next."""

from collections.abc import Awaitable, Callable

from typing_extensions import override

from shared.store.cosmos.background import Background, attempt


class Inline(Background):
    """Work that the answer waits for."""

    @override
    async def run(self, user_id: str, session_id: str, work: Callable[[], Awaitable[object]]) -> None:
        await attempt(work)
