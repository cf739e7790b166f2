"""A process that takes a turn, and kills itself at one of its writes of the file: before it, within it or after it.

`python -m tests.turns.mortal_turn FILE USER SESSION ENDPOINT WRITE WHEN`
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.model_settings import ModelSettings
from shared.models import MessageInput
from shared.service import ChatService
from shared.settings import load_settings
from shared.store.sqlite import SqliteStore
from shared.store.sqlite.database import Database, Transaction
from shared.turns.saying import Said
from shared.turns.turns import turns_of

SAID = Said([MessageInput(role="user", content="Hi", id="m1")])


async def take(path: str, user_id: str, session_id: str, endpoint: str) -> None:
    """Say something, and wait for the reply."""
    settings = replace(load_settings({}, Path(path).parent), model=ModelSettings(endpoint=endpoint, name="small"))
    chat = ChatService(SqliteStore(Path(path)), settings)
    await (await turns_of(chat).say(user_id, session_id, SAID)).pending.answered()
    await chat.close()


def die_at(number: int, when: str) -> None:
    """Let this process end at that write of those that follow."""
    write = Database.write
    left = number

    async def writing(self: Database, work: Callable[[Transaction], Any]) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            die()
        written = await write(self, dying(work) if left == 0 and when == "within" else work)
        if left == 0:
            die()
        return written

    Database.write = writing  # type: ignore[method-assign]


def dying(work: Callable[[Transaction], Any]) -> Callable[[Transaction], Any]:
    """Do all the work of a transaction, and die before that is kept."""

    def work_and_die(transaction: Transaction) -> None:
        work(transaction)
        die()

    return work_and_die


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    die_at(int(sys.argv[5]), sys.argv[6])
    asyncio.run(take(*sys.argv[1:5]))
