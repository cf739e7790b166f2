"""A month of somebody's chats: searched, counted, exported, and read back into an empty store."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from shared.models import Message, Session, utc_now
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.builders import all_messages, an_owner, listed
from tests.http.client import Client, every_page
from tests.migrate.importing import import_text
from tests.month import Month

Chats = list[tuple[Session, list[Message]]]


@pytest.fixture(scope="module")
def somebody() -> str:
    """Name whose month it is."""
    return an_owner()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chats(store: SessionStore, somebody: str) -> Chats:
    """Store a month, somebody else's beside it, and return what the first of them has."""
    for owner_of_month, seed in ((somebody, 1), (an_owner(), 2)):
        for session, messages in Month(owner_of_month, seed, utc_now()).chats():
            assert await store.import_session(session, messages)
    return await everything(store, somebody)


@pytest.fixture
def api(served: Client, somebody: str) -> Client:
    """Speak for them."""
    return served.speaking_for(somebody)


async def everything(store: SessionStore, owner: str) -> Chats:
    sessions = await listed(store, owner, status=None)
    return [(session, await all_messages(store, session)) for session in sessions]


def told(chats: Chats) -> list[dict[str, Any]]:
    """Return all that a move has to keep: everything but when what was written now expires."""
    return [
        session.model_dump(mode="json", exclude={"expires_at"}) | {"said": [message.model_dump() for message in said]}
        for session, said in chats
    ]


async def test_everything_that_was_said_is_found(api: Client, chats: Chats, subtests: pytest.Subtests) -> None:
    for sought in ("ZUG", "łódź", "天気", "```python", "frost", "🌿", "is"):
        pages = await every_page(api, f"/api/chat/search?limit=100&q={quote(sought)}")
        expected = [
            (session.id, message.seq)
            for session, said in chats
            for message in reversed(said)
            if sought.casefold() in str(message.content).casefold()
        ]
        with subtests.test(sought):
            assert [(hit["session_id"], hit["message"]["seq"]) for page in pages for hit in page] == expected
            assert len(expected) > 20


async def test_a_month_is_counted_exported_and_read_back(api: Client, chats: Chats, tmp_path: Path) -> None:
    lines = await _exported(api)
    stats = (await api.get("/api/chat/stats?days=31")).json

    elsewhere = SqliteStore(tmp_path / "elsewhere.db")
    report = await import_text(elsewhere, "parley", "\n".join(lines), tmp_path)
    found = await everything(elsewhere, str(api.user))
    await elsewhere.close()

    assert report.is_clean
    assert told(found) == told(chats)
    said = [message for _, messages in chats for message in messages]
    assert stats["messages"] == len(said) == sum(day["messages"] for day in stats["per_day"])
    assert sum(stats["sessions"].values()) == len(chats)
    assert sum(stats["feedback"].values()) == sum(message.feedback is not None for message in said)


async def _exported(api: Client) -> list[str]:
    """Return every line of everything the owner has."""
    lines: list[str] = []
    cursor = ""
    while True:
        answer = await api.get(f"/api/chat/export{cursor}")
        lines += answer.body.decode().split("\n")[:-1]
        assert all(json.loads(line)["user_id"] == api.user for line in lines)
        if "x-next-cursor" not in answer.headers:
            return lines
        cursor = f"?cursor={answer.headers['x-next-cursor']}"
