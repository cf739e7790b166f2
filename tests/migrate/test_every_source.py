"""What holds for every earlier system: all of it arrives, once, in order, and is counted."""

import json
from pathlib import Path

import pytest

from shared.store.port import SessionStore

from .importing import adds_up, everything, histories, import_text, outcome
from .systems import SYSTEMS, Export

FEW, MANY = 30, 220  # sessions of each system
LONG = 5000  # messages of one session


@pytest.fixture(params=SYSTEMS)
def exported(request: pytest.FixtureRequest, store: SessionStore, owner: str) -> Export:
    return SYSTEMS[request.param](owner, FEW)


def owners_of(owner: str) -> list[str]:
    return [owner, *(f"{owner}.{number}" for number in range(5))]


@pytest.mark.parametrize("system", SYSTEMS)
async def test_every_history_arrives_in_order_and_is_counted(
    store: SessionStore, owner: str, system: str, tmp_path: Path
) -> None:
    exported = SYSTEMS[system](owner, FEW, LONG // 10)

    report = await import_text(store, exported.source, exported.text, tmp_path, **exported.options)

    assert await histories(store, owners_of(owner)) == exported.histories
    assert adds_up(report)
    assert (report.records.read, report.records.set_aside) == (len(exported.lines), exported.set_aside)
    assert report.records.repeated == exported.repeated
    assert report.sessions.stored == exported.histories.total()
    assert report.messages.stored == sum(len(said) * n for (_, said), n in exported.histories.items())
    assert report.messages.expired == exported.expired_messages


async def test_a_repeat_finds_everything_there(
    store: SessionStore, owner: str, exported: Export, tmp_path: Path
) -> None:
    first = await import_text(store, exported.source, exported.text, tmp_path, **exported.options)
    before = await everything(store, owners_of(owner))

    second = await import_text(store, exported.source, exported.text, tmp_path, **exported.options)

    assert await everything(store, owners_of(owner)) == before
    assert (second.sessions.stored, second.sessions.already_there) == (0, first.sessions.stored)
    assert (second.messages.stored, second.messages.already_there) == (0, first.messages.stored)
    assert adds_up(second)


async def test_a_dry_run_says_the_same_and_stores_nothing(
    store: SessionStore, owner: str, exported: Export, tmp_path: Path
) -> None:
    dry = await import_text(store, exported.source, exported.text, tmp_path, dry_run=True, **exported.options)
    before = await everything(store, owners_of(owner))

    real = await import_text(store, exported.source, exported.text, tmp_path, **exported.options)

    assert not before
    assert outcome(dry) == outcome(real)


async def test_a_dry_run_knows_what_is_there(store: SessionStore, owner: str, exported: Export, tmp_path: Path) -> None:
    await import_text(store, exported.source, exported.text, tmp_path, **exported.options)

    dry = await import_text(store, exported.source, exported.text, tmp_path, dry_run=True, **exported.options)

    assert outcome(dry) == outcome(
        await import_text(store, exported.source, exported.text, tmp_path, **exported.options)
    )


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
async def test_many_sessions_with_a_very_long_one_arrive_as_well(
    store: SessionStore, owner: str, system: str, tmp_path: Path
) -> None:
    exported = SYSTEMS[system](owner, MANY, LONG)

    report = await import_text(store, exported.source, exported.text, tmp_path, **exported.options)

    assert await histories(store, owners_of(owner)) == exported.histories
    assert report.sessions.stored == exported.histories.total()
    assert adds_up(report)


async def test_a_session_with_more_in_it_than_was_imported_is_told_and_left_alone(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    said = [{"role": "user", "content": text, "timestamp": f"2024-01-01T10:00:0{text}Z"} for text in "123"]
    document = {"id": "c", "customer_id": owner, "created_at": "2024-01-01T10:00:00Z", "messages": said[:2]}
    await import_text(store, "conversations", json.dumps(document), tmp_path)
    before = await everything(store, [owner])

    for dry_run in (True, False):
        grown = json.dumps({**document, "messages": said})
        report = await import_text(store, "conversations", grown, tmp_path, dry_run=dry_run)
        assert report.reasons == {"the owner has another session by that id": 1}

    assert await everything(store, [owner]) == before


async def test_a_session_with_less_in_it_than_was_imported_is_there_already(
    store: SessionStore, owner: str, tmp_path: Path
) -> None:
    said = [{"role": "user", "content": text, "timestamp": f"2024-01-01T10:00:0{text}Z"} for text in "123"]
    document = {"id": "c", "customer_id": owner, "created_at": "2024-01-01T10:00:00Z", "messages": said}
    await import_text(store, "conversations", json.dumps(document), tmp_path)

    report = await import_text(store, "conversations", json.dumps({**document, "messages": said[1:]}), tmp_path)

    assert (report.sessions.already_there, report.messages.already_there, report.is_clean) == (1, 2, True)
