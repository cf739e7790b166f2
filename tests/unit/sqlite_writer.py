"""A process that appends to a SQLite file: `python -m tests.unit.sqlite_writer PATH USER SESSION COUNT`.

It makes the session unless another has, and prints the seq of each message that was acknowledged.
"""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from shared.errors import SessionExistsError
from shared.store.sqlite import SqliteStore
from tests.builders import a_message, a_session


async def write(path: str, user_id: str, session_id: str, count: int) -> None:
    """Append messages one after another."""
    store = SqliteStore(Path(path))
    with suppress(SessionExistsError):
        await store.create(a_session(user_id, id=session_id))
    for _ in range(count):
        appended = await store.append(user_id, session_id, [a_message()])
        print(appended.messages[0].seq, flush=True)  # noqa: T201 - its parent reads along
    await store.close()


if __name__ == "__main__":
    asyncio.run(write(*sys.argv[1:4], int(sys.argv[4])))
