"""Moving out of a Cosmos container: read whole, backed up, and emptied only of what was stored and compared."""

import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient

from shared.migrate.cosmos import _value_at
from shared.migrate.record import MigrationError, UsageError
from shared.migrate.report import ImportReport
from shared.migrate.run import StoppedError
from shared.models import ImportedMessage, ImportedSession, MessageQuery, Session, SessionChanges
from shared.settings import Settings, load_settings
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.builders import a_message
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import answers, running_proxy

from .importing import everything, histories, import_from, import_text, outcome, source_by
from .systems import SYSTEMS

SESSIONS = 25


@dataclass
class OldContainer:
    """An earlier system's container, and how the command line names it."""

    address: str
    key_file: Path
    container: ContainerProxy

    async def fill(self, documents: list[dict[str, Any]]) -> None:
        for document in documents:
            await self.container.upsert_item(document)

    async def left(self) -> list[dict[str, Any]]:
        return [document async for document in self.container.query_items("SELECT * FROM c")]

    async def move(self, store: SessionStore, **options: Any) -> ImportReport:
        source = source_by("chat-messages", source_key_file=self.key_file)
        return await import_from(store, source, source.origin(self.address), **options)


@pytest_asyncio.fixture
async def old(cosmos_place: CosmosPlace, tmp_path: Path) -> AsyncIterator[OldContainer]:
    place, name = cosmos_place, f"old-{uuid4().hex}"
    key_file = tmp_path / "key"
    key_file.write_text(f"{place.key}\n")
    async with CosmosClient(place.endpoint, place.key or "", enable_endpoint_discovery=False) as client:
        database = await client.create_database_if_not_exists(place.database)
        container = await database.create_container(name, PartitionKey("/user_id"))
        yield OldContainer(f"{place.endpoint}/{place.database}/{name}", key_file, container)
        await database.delete_container(name)


def single_messages(owner: str, sessions: int = SESSIONS) -> list[dict[str, Any]]:
    """Return documents of the older shape, each with an id of its own."""
    lines = SYSTEMS["chat-messages"](owner, sessions * 3).lines
    read = [json.loads(line) for line in lines if line.startswith('{"id"')]
    said = [document for document in read if "messages" not in document]
    return [{**document, "id": f"{document['session_id'][:8]}.{n}".replace(" ", "")} for n, document in enumerate(said)]


async def test_the_container_gives_what_its_export_gives(
    old: OldContainer, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    await old.fill(single_messages(owner))
    documents = await old.left()
    exported = await import_text(None, "chat-messages", json.dumps(documents), tmp_path, dry_run=True)

    report = await old.move(store)

    assert outcome(report) == outcome(exported)
    assert report.sessions.stored > SESSIONS
    assert await old.left() == documents


async def test_the_backup_is_whole_and_never_overwritten(
    old: OldContainer, store: SessionStore, owner: str, tmp_path: Path
) -> None:
    await old.fill(single_messages(owner, 3))
    documents, backup = await old.left(), tmp_path / "backup.ndjson"

    await old.move(store, backup=backup)

    assert [json.loads(line) for line in backup.read_text().splitlines()] == documents
    with pytest.raises(UsageError):
        await old.move(store, backup=backup)


async def test_old_documents_go_once_the_new_session_was_compared(
    old: OldContainer, store: SessionStore, owner: str
) -> None:
    await old.fill(single_messages(owner, 8))
    count = len(await old.left())

    report = await old.move(store, delete_old=True)

    assert (await old.left(), report.old_records.removed, report.old_records.kept) == ([], count, 0)
    assert report.messages.stored == count


async def test_a_dry_run_removes_nothing(old: OldContainer, store: SessionStore, owner: str) -> None:
    await old.fill(single_messages(owner, 3))
    before = await old.left()

    report = await old.move(store, delete_old=True, dry_run=True)

    assert await old.left() == before
    assert report.old_records.removed == len(before)


class Forgetful(SqliteStore):
    """A store that changes the last message of what it imports."""

    async def import_session(self, session: ImportedSession, messages: Any) -> Session | None:  # type: ignore[override]
        kept = [*messages[:-1], self.spoil(messages[-1])]
        return await super().import_session(session, kept)

    @staticmethod
    def spoil(message: ImportedMessage) -> ImportedMessage:
        return message.model_copy(update={"content": f"{message.content}!"})


async def test_what_does_not_read_back_the_same_stays_in_the_source(
    old: OldContainer, owner: str, tmp_path: Path
) -> None:
    await old.fill(single_messages(owner, 3))
    before, store = await old.left(), Forgetful(tmp_path / "parley.db")

    report = await old.move(store, delete_old=True)

    assert await old.left() == before
    assert (report.old_records.removed, report.old_records.kept, report.is_clean) == (0, len(before), False)
    await store.close()


async def test_what_is_set_aside_stays_in_the_source(old: OldContainer, store: SessionStore, owner: str) -> None:
    good = {"id": "1", "session_id": "s", "user_id": owner, "message_type": "user", "content": "x"}
    large = {**good, "id": "2", "content": "x" * 1_400_000}
    await old.fill([good, large])

    report = await old.move(store, delete_old=True)

    assert [document["id"] for document in await old.left()] == ["2"]
    assert (report.records.set_aside, report.old_records.removed) == (1, 1)


async def test_a_document_that_changed_meanwhile_stays(
    old: OldContainer, store: SessionStore, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"id": "1", "session_id": "s", "user_id": owner, "message_type": "user", "content": "x"}
    await old.fill([document])
    really = store.import_session

    async def change_then_import(session: ImportedSession, messages: list[ImportedMessage]) -> bool:
        await old.fill([{**document, "content": "y"}])
        return await really(session, messages)

    monkeypatch.setattr(store, "import_session", change_then_import)
    report = await old.move(store, delete_old=True)

    assert [document["content"] for document in await old.left()] == ["y"]
    assert report.old_records.kept == 1


async def test_a_removal_that_was_stopped_half_way_goes_on(old: OldContainer, store: SessionStore, owner: str) -> None:
    documents = single_messages(owner, 10)
    await old.fill(documents)
    await old.move(store)
    wanted = await histories(store, [f"{owner}.{number}" for number in range(5)])
    for document in documents[::2]:
        await old.container.delete_item(document["id"], document["user_id"])

    report = await old.move(store, delete_old=True)

    assert (await old.left(), report.is_clean, report.messages.stored) == ([], True, 0)
    assert await histories(store, [f"{owner}.{number}" for number in range(5)]) == wanted


async def test_a_session_that_has_gone_on_is_still_compared(old: OldContainer, store: SessionStore, owner: str) -> None:
    await old.fill(single_messages(owner, 3))
    await old.move(store)
    for session, _ in await everything(store, [f"{owner}.{number}" for number in range(5)]):
        await store.append(session.user_id, session.id, [a_message("later")])
        await store.update(session.user_id, session.id, SessionChanges(session_name="mine"))

    report = await old.move(store, delete_old=True)

    assert (await old.left(), report.is_clean) == ([], True)


async def test_files_are_never_emptied(store: SessionStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await import_text(store, "chat-messages", "{}", tmp_path, delete_old=True)


async def test_documents_of_another_partition_key_are_removed_too(
    cosmos_place: CosmosPlace, old: OldContainer, store: SessionStore, owner: str
) -> None:
    place, name = cosmos_place, f"old-{uuid4().hex}"
    async with CosmosClient(place.endpoint, place.key or "", enable_endpoint_discovery=False) as client:
        database = client.get_database_client(place.database)
        container = await database.create_container(name, PartitionKey("/session_id"))
        other = replace(old, address=f"{place.endpoint}/{place.database}/{name}", container=container)
        await other.fill(single_messages(owner, 3))

        report = await other.move(store, delete_old=True)

        assert (await other.left(), report.is_clean) == ([], True)
        await database.delete_container(name)


async def imported_once(store: SessionStore, old: OldContainer, owner: str, *contents: str) -> list[dict[str, Any]]:
    """Import one session of single messages and return its documents."""
    common = {"session_id": "s", "user_id": owner, "message_type": "user", "created_at": "2024-01-01T10:00:00Z"}
    await old.fill([{**common, "id": str(number), "content": text} for number, text in enumerate(contents)])
    await old.move(store)
    return await old.left()


class Lagging:
    """A store whose reads show the past: what it held before, until somebody writes."""

    def __init__(self, store: SessionStore, past: dict[str, Any]) -> None:
        self._store, self._past = store, past

    def __getattr__(self, verb: str) -> Any:
        async def answer(*_: Any) -> Any:
            return self._past[verb]

        return answer if verb in self._past else getattr(self._store, verb)


async def test_what_only_a_lagging_replica_still_shows_keeps_the_old_documents(
    old: OldContainer, store: SessionStore, owner: str
) -> None:
    documents = await imported_once(store, old, owner, "a", "b")
    query = MessageQuery(limit=200, order="asc")
    past = {"get": await store.get(owner, "s"), "read_messages": await store.read_messages(owner, "s", query)}
    await store.delete(owner, "s")
    lagging: Any = Lagging(store, {**past, "import_session": None})

    report = await old.move(lagging, delete_old=True)

    assert await old.left() == documents
    assert (report.old_records.removed, report.old_records.kept, report.is_clean) == (0, 2, False)


async def test_a_name_that_was_never_stored_stays_in_the_source(
    old: OldContainer, store: SessionStore, owner: str
) -> None:
    said = {"id": "m", "message_type": "user", "content": "x", "created_at": "2024-01-01T10:00:00Z"}
    document = {"id": "s", "user_id": owner, "session_name": "first", "messages": [said]}
    await old.fill([document])
    await old.move(store)
    await old.fill([{**document, "session_name": "second"}])

    report = await old.move(store, delete_old=True)

    assert [left["session_name"] for left in await old.left()] == ["second"]
    assert report.old_records.kept == 1


@pytest.mark.parametrize(("sub_status", "times", "left"), [("1002", 1, 0), ("1002", None, 1), ("1003", None, 1)])
async def test_a_document_is_gone_only_when_its_404_says_nothing_else(
    old: OldContainer, store: SessionStore, owner: str, sub_status: str, times: int | None, left: int
) -> None:
    await imported_once(store, old, owner, "a")
    async with running_proxy(old.address.rpartition("/")[0].rpartition("/")[0]) as proxy:
        through = replace(old, address=proxy.endpoint + urlsplit(old.address).path)
        proxy.on("delete", answers(404, x_ms_substatus=sub_status), times=times)

        with nullcontext() if not left else pytest.raises(StoppedError) as stop:
            await through.move(store, delete_old=True)

    assert len(await old.left()) == left
    assert not left or ("behind" if sub_status == "1002" else "no such") in str(stop.value)


async def test_a_replica_that_is_behind_is_no_missing_container(
    old: OldContainer, store: SessionStore, owner: str
) -> None:
    await imported_once(store, old, owner, "a")
    async with running_proxy(old.address.rpartition("/")[0].rpartition("/")[0]) as proxy:
        through = replace(old, address=proxy.endpoint + urlsplit(old.address).path)
        proxy.on("query", answers(404, x_ms_substatus="1002"), times=None)

        with pytest.raises(StoppedError, match="behind"):
            await through.move(store)


async def test_a_password_file_does_not_matter(
    old: OldContainer, store: SessionStore, owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old.fill(single_messages(owner, 3))
    secrets = tmp_path / "netrc"
    secrets.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(secrets))

    report = await old.move(store)

    assert report.records.stored == report.records.read > 0


@pytest.mark.parametrize("path", ['/"who/what"', '/where/"who/what"', "/who"])
def test_a_partition_keys_path_may_quote_its_names(path: str) -> None:
    document = {"who/what": 1, "where": {"who/what": 1}, "who": 1}

    assert _value_at(document, path) == 1


# What INPUT may name


def cosmos_settings(**more: str) -> Settings:
    named = {"COSMOS_ENDPOINT": "https://mine.documents.azure.com", "COSMOS_KEY": "a2V5"}
    return load_settings(named | more, root=Path("/nowhere"))


@pytest.mark.parametrize(
    "place",
    [
        "https://a.documents.azure.com",
        "https://a.documents.azure.com/database",
        "https://a/d/c/e",
        "cosmos:only",
        "cosmos:/",
    ],
)
def test_a_container_needs_a_database_and_a_name(place: str) -> None:
    with pytest.raises(UsageError):
        source_by("conversations", settings=cosmos_settings()).origin(place)


@pytest.mark.parametrize("place", ["cosmos:parley/sessions", "https://MINE.documents.azure.com/parley/sessions/"])
def test_the_container_imported_into_is_no_source(place: str) -> None:
    with pytest.raises(UsageError):
        source_by("conversations", settings=cosmos_settings()).origin(place)


def test_without_an_account_in_the_settings_the_source_must_name_one() -> None:
    with pytest.raises(UsageError):
        source_by("conversations").origin("cosmos:database/container")


@pytest.mark.parametrize("source", ["conversation-logs", "parley"])
def test_a_source_that_is_no_container_refuses_addresses(source: str) -> None:
    with pytest.raises(UsageError):
        source_by(source).origin("https://a.documents.azure.com/d/c")


@pytest.mark.parametrize("missing", ["nowhere/at-all", "parley-tests/nothing"])
async def test_a_container_that_is_not_there_is_told(
    cosmos_place: CosmosPlace, store: SessionStore, missing: str, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(cosmos_place.key or "")
    source = source_by("conversations", source_key_file=tmp_path / "key")

    with pytest.raises(StoppedError) as stop:
        await import_from(store, source, source.origin(f"{cosmos_place.endpoint}/{missing}"))

    assert isinstance(stop.value, MigrationError)
    assert "no such database or container" in str(stop.value)
