"""A process that is killed in a turn, on SQLite; tests/cosmos/test_kills.py has the store's verbs on Cosmos DB."""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.models import MessageQuery
from shared.service import ChatService
from shared.settings import PROJECT_ROOT, load_settings
from shared.store.sqlite import SqliteStore
from shared.turns.turns import turns_of
from tests.builders import a_session
from tests.tiers import slow_but
from tests.turns.model_server import FakeModel
from tests.turns.mortal_turn import SAID
from tests.turns.talking import HELLO, SOON

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

WORDS, BOTH = ["Hi"], ["Hi", HELLO]
WORDS_WRITE, REPLY_WRITE = "1", "2"  # which write of the file each is


class Death(NamedTuple):
    """Where a process dies; what it leaves, how often it had asked the model, and how often that is asked in all."""

    where: tuple[str, str]
    left: list[str]
    asked: int
    asked_in_all: int


DEATHS = {
    "before the words are stored": Death((WORDS_WRITE, "before"), [], 0, 1),
    "while the words are stored": Death((WORDS_WRITE, "within"), [], 0, 1),
    "when the words are stored": Death((WORDS_WRITE, "after"), WORDS, 0, 1),
    "before the reply is stored": Death((REPLY_WRITE, "before"), WORDS, 1, 2),
    "while the reply is stored": Death((REPLY_WRITE, "within"), WORDS, 1, 2),
    "when the reply is stored": Death((REPLY_WRITE, "after"), BOTH, 1, 1),
}


@pytest.mark.parametrize("death", slow_but(DEATHS, "while the words are stored", "while the reply is stored"))
async def test_a_killed_process_leaves_each_step_done_or_not_and_a_repeat_does_the_rest_at_once(
    tmp_path: Path, owner: str, model: FakeModel, death: Death
) -> None:
    path = tmp_path / "parley.db"
    store = SqliteStore(path)
    session = await store.create(a_session(owner))
    await store.close()
    command = (sys.executable, "-m", "tests.turns.mortal_turn", path, owner, session.id, model.settings.endpoint or "")
    process = await asyncio.create_subprocess_exec(*command, *death.where, cwd=PROJECT_ROOT)
    assert await process.wait() == -signal.SIGKILL

    store = SqliteStore(path)
    found, asked_then = await contents(store, owner, session.id), len(model.asked)
    chat = ChatService(store, replace(load_settings({}, tmp_path), model=model.settings))
    async with asyncio.timeout(SOON):
        taken = await turns_of(chat).say(owner, session.id, SAID)
        reply = (await taken.pending.answered()).reply

    assert (found, asked_then) == (death.left, death.asked)
    assert (taken.how, reply.content) == ("found" if death.left == BOTH else "started", HELLO)
    assert (await contents(store, owner, session.id), len(model.asked)) == (BOTH, death.asked_in_all)
    await chat.close()


async def contents(store: SqliteStore, user_id: str, session_id: str) -> list[object]:
    page = await store.read_messages(user_id, session_id, MessageQuery(limit=10, order="asc"))
    return [message.content for message in page.messages]
