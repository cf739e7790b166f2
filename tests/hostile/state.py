"""Two users with something to lose, and everything a store holds, to be compared before and after."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from shared.store.cosmos import CosmosStore
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.http.client import Client, a_session, every_page, spoken

SESSIONS = "/api/chat/sessions"
MINE, ARCHIVED, EMPTY = "mine", "mine.archived", "mine.empty"
CHANNEL, IN_CHANNEL, IN_CHANNEL_ARCHIVED = "scriptwriter", "mine.script", "mine.script.archived"
MADE: dict[str, str] = {}  # what the service itself names in the scene that was set up last
MESSAGE, REPLY = "m-1", "m-2"


@dataclass(frozen=True)
class Scene:
    """A store with the sessions of two users; `attacker` wants what `owner` has."""

    store: SessionStore
    owner: Client
    attacker: Client
    _known: list[Any] = field(default_factory=list, repr=False)  # what was last found

    @property
    def nobody(self) -> Client:
        """Speak for no user at all."""
        return self.owner.speaking_for(None)

    async def everything(self) -> Any:
        """Return all that is stored, of anybody, and what both users see of it.

        What they see follows from what is stored, so it is looked at only where that is not as it was.
        """
        raw = await _raw(self.store)
        if not self._known or self._known[0] != raw:
            self._known[:] = [raw, await _seen(self.owner), await _seen(self.attacker)]
        return list(self._known)


async def set_up(store: SessionStore, owner: Client, attacker: Client) -> Scene:
    """Give the owner a few sessions with some of everything, and the attacker one."""
    fields = {"session_name": "Mine", "channel": "web", "context": {"plan": "secret"}, "tags": ["a", "b"]}
    for session_id in (MINE, ARCHIVED, EMPTY):
        await a_session(owner, id=session_id, **fields)
    for session_id in (IN_CHANNEL, IN_CHANNEL_ARCHIVED):
        await a_session(owner, id=session_id, **fields | {"channel": CHANNEL})
    for session_id in (IN_CHANNEL, IN_CHANNEL_ARCHIVED, ARCHIVED, MINE):
        messages = [spoken("secret", id=MESSAGE), {"role": "assistant", "content": "reply", "id": REPLY}]
        assert (await owner.post(f"{SESSIONS}/{session_id}/messages", {"messages": messages})).status == 201
    for session_id in (ARCHIVED, IN_CHANNEL_ARCHIVED):
        assert (await owner.post(f"{SESSIONS}/{session_id}/archive")).status == 200
    share = (await owner.post(f"{SESSIONS}/{MINE}/share", {})).json
    MADE.update(share_id=share["share_id"], token=share["url"].rpartition("/")[2])
    await a_session(attacker, id="theirs")
    assert (await attacker.post(f"{SESSIONS}/theirs/messages", spoken("theirs", id="theirs"))).status == 201
    return Scene(store, owner, attacker)


async def clean_up(scene: Scene) -> None:
    """Leave nothing behind, so that the whole store stays small enough to compare."""
    for client in (scene.owner, scene.attacker):
        assert (await client.delete("/api/chat/data")).json["done"]


async def _seen(client: Client) -> Any:
    sessions = [each for page in await every_page(client, f"{SESSIONS}?status=all&limit=100") for each in page]
    paths = [f"{SESSIONS}/{session['id']}" for session in sessions]
    return [
        (session, (await client.get(f"{path}/stats")).json, await every_page(client, f"{path}/messages?limit=200"))
        for session, path in zip(sessions, paths, strict=True)
    ]


async def _raw(store: SessionStore) -> Any:
    """Read the rows or documents behind the store's back, with every mark that a write leaves."""
    if isinstance(store, SqliteStore):
        return _rows(store)
    assert isinstance(store, CosmosStore)
    container = await store._connection.container()
    found = [item async for item in container.query_items("SELECT * FROM c")]
    return sorted(found, key=lambda item: (item["user_id"], item["id"]))


def _rows(store: SqliteStore) -> Any:
    with closing(sqlite3.connect(store._database._path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]
        return sorted(rows, key=repr)
