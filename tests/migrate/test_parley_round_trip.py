"""Parley's own export comes back byte for byte, numbers, times and all."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.models import Message, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import a_message, a_session, all_messages, fill, messages

from .importing import adds_up, everything, import_text

pytestmark = pytest.mark.on_both_stores

RICH: list[dict[str, Any]] = [
    {"content": "", "metadata": {"z": 1, "a": {"$oid": "507f1f77bcf86cd799439011"}, "f": 1e15, "i": 2**53, "n": None}},
    {"content": [{"type": "text", "text": "👩‍👩‍👧 \u202e \x00"}], "name": "n", "persona": "p", "tool_call_id": "t"},
    {"content": "ai", "role": "assistant", "function_calls": ["f", {"name": "g", "arguments": "{}"}]},
    {"content": "x", "role": "tool", "audio_files": ["a.mp3", {"url": "b"}], "transcription_confidence": 0.1},
    {"content": "y", "role": "developer", "metadata": {"original_role": "narrator", "original_time": "yesterday"}},
]


async def a_rich_session(store: SessionStore, owner: str) -> Session:
    session = await store.create(
        a_session(owner, session_name="Über 🙂", tags=["b", "a"], context={"k": [1.5, None]}, channel="web")
    )
    await store.append(owner, session.id, [a_message(**fields) for fields in RICH])
    await fill(store, session, 60)
    return await store.get(owner, session.id)


async def export_lines(store: SessionStore, session: Session) -> list[str]:
    """Return the lines of Parley's NDJSON: every field as an answer gives it."""
    said = await all_messages(store, session)
    lines = [{"type": "session", **session.model_dump(mode="json")}]
    lines += [{"type": "message", "session_id": session.id, **message.model_dump(mode="json")} for message in said]
    return [json.dumps(line, ensure_ascii=False) for line in lines]


async def moved(store: SessionStore, session: Session, tmp_path: Path) -> tuple[Session, list[Message], list[Message]]:
    """Export a session, delete it, import it; return it, and its messages before and after."""
    before, lines = await all_messages(store, session), await export_lines(store, session)
    await store.delete(session.user_id, session.id)
    report = await import_text(store, "parley", "\n".join(lines), tmp_path)
    assert report.is_clean
    [(found, after)] = await everything(store, [session.user_id])
    return found, before, after


def known(session: Session) -> dict[str, Any]:
    return session.model_dump(exclude={"expires_at"})


async def test_a_session_comes_back_as_it_was(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await a_rich_session(store, owner)

    found, before, after = await moved(store, session, tmp_path)

    assert [message.model_dump_json() for message in after] == [message.model_dump_json() for message in before]
    assert known(found) == known(session)


async def test_it_ends_when_it_would_have(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await store.create(a_session(owner, ttl_seconds=1000), messages(2))

    found, _, _ = await moved(store, session, tmp_path)

    assert found.expires_at is not None
    assert session.expires_at is not None
    assert abs((found.expires_at - session.expires_at).total_seconds()) < 5


async def test_numbers_that_begin_late_stay(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await a_rich_session(store, owner)
    await store.clear(owner, session.id)
    await store.append(owner, session.id, messages(3))

    _, before, after = await moved(store, await store.get(owner, session.id), tmp_path)

    assert [message.seq for message in after] == [message.seq for message in before] == [66, 67, 68]


@pytest.mark.parametrize("changes", [{"is_active": False}, {"pinned": True}, {"ttl_seconds": -1}])
async def test_archived_pinned_and_kept_ones_stay_so(
    store: SessionStore, owner: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    session = await store.create(a_session(owner), messages(2))
    session = await store.update(owner, session.id, SessionChanges(**changes))

    found, _, _ = await moved(store, session, tmp_path)

    assert known(found) == known(session)


async def test_one_id_used_twice_long_ago_stays_so(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await store.create(a_session(owner), messages(2))
    lines = [json.loads(line) for line in await export_lines(store, session)]
    lines[2]["id"] = lines[1]["id"]
    await store.delete(owner, session.id)

    await import_text(store, "parley", "\n".join(json.dumps(line) for line in lines), tmp_path)

    [(_, found)] = await everything(store, [owner])
    assert [message.id for message in found] == [lines[1]["id"]] * 2


async def test_overlapping_parts_of_an_export_make_one_session(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await store.create(a_session(owner), messages(6))
    lines = await export_lines(store, session)
    await store.delete(owner, session.id)

    report = await import_text(store, "parley", "\n".join([*lines[:5], lines[0], *lines[3:]]), tmp_path)

    [(_, found)] = await everything(store, [owner])
    assert [message.seq for message in found] == [1, 2, 3, 4, 5, 6]
    assert (report.records.repeated, report.is_clean, adds_up(report)) == (3, True, True)


@pytest.mark.parametrize("lost", [0, 1, 3, -1])
async def test_an_export_that_was_cut_is_set_aside_whole(
    store: SessionStore, owner: str, tmp_path: Path, lost: int
) -> None:
    session = await store.create(a_session(owner), messages(6))
    lines = await export_lines(store, session)
    await store.delete(owner, session.id)
    del lines[lost]

    report = await import_text(store, "parley", "\n".join(lines), tmp_path)

    assert await everything(store, [owner]) == []
    assert (report.records.set_aside, adds_up(report)) == (6, True)


async def test_a_gap_in_an_export_that_went_on_growing_is_seen(store: SessionStore, owner: str, tmp_path: Path) -> None:
    session = await store.create(a_session(owner), messages(6))
    lines = await export_lines(store, session)
    await store.delete(owner, session.id)
    grown = [lines[0].replace('"message_count": 6', '"message_count": 3'), *lines[1:3], *lines[4:]]

    report = await import_text(store, "parley", "\n".join(grown), tmp_path)

    assert (report.records.set_aside, report.reasons) == (6, {"messages are missing": 6})
