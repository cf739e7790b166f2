"""Seed 002: the tables `chat_sessions` and `chat_messages` in PostgreSQL, in the database itself or as dumped."""

import json
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import NoReturn

from typing_extensions import override

from shared.migrate.record import Conversation, Fields, Key, Record, RecordError, Turn, UsageError, as_list, first_of
from shared.migrate.source import Origin, Source
from shared.migrate.tables import Folder, is_row_number, rows_of
from shared.models import JsonObject

MESSAGE_COLUMNS = {"message_id", "role", "content", "timestamp"}
SESSION_COLUMNS = {"is_active", "created_at", "updated_at"}


class Postgres(Source):
    """Owners are not known here; `is_active` false means archived; rows are numbered by `id`, which settles ties."""

    name = "postgres"
    summary = "PostgreSQL chat_sessions and chat_messages: the database, or a folder or a file of CSV or JSON rows"

    @override
    def origin(self, place: str) -> Origin:
        if place.startswith(("postgresql://", "postgres://")):
            return _database(place)
        if Path(place).is_dir():
            return Folder(Path(place))
        return super().origin(place) if "://" in place else rows_of(place)

    def key(self, record: Record) -> Key:
        """Return the session's id."""
        if not record.value.keys() & (MESSAGE_COLUMNS | SESSION_COLUMNS):
            raise RecordError("neither a row of chat_sessions nor one of chat_messages")
        return Key(None, record.value.get("session_id"))

    def conversation(self, key: Key, records: Sequence[Record]) -> Conversation:
        """Join the session's row, the first if there are several, with those of its messages."""
        messages = [record for record in records if _is_message(record.value)]
        sessions = [record for record in records if not _is_message(record.value)]
        turns = [_turn(record) for record in sorted(messages, key=_row_number)]
        if sessions:
            return _session(key, records, sessions, turns)
        if is_row_number(key.session_id):
            raise RecordError("a message that names its session by a number, and no such session")
        return Conversation(key=key, records=records, turns=turns)


def _database(place: str) -> Origin:
    try:
        from shared.migrate.postgresql import PostgresOrigin  # noqa: PLC0415 - dumps are read without a driver
    except ImportError as error:
        message = "a PostgreSQL database is read with psycopg: pip install -r requirements-commands.txt"
        raise UsageError(message) from error
    return PostgresOrigin(place)


def _is_message(row: JsonObject) -> bool:
    return bool(row.keys() & MESSAGE_COLUMNS)


def _row_number(record: Record) -> float:
    number = record.value.get("id")
    return int(str(number)) if is_row_number(number) else inf


def _session(key: Key, records: Sequence[Record], sessions: Sequence[Record], turns: list[Turn]) -> Conversation:
    own, about = first_of(sessions)
    fields = Fields(own.value).without("id", "session_id")
    return Conversation(
        key=key,
        records=records,
        session_records=about,
        turns=turns,
        is_active=fields.take("is_active"),
        created_at=fields.take("created_at"),
        updated_at=fields.take("updated_at"),
        context=fields.rest("context"),
    )


def _turn(record: Record) -> Turn:
    row = record.value
    plain = {name: _from_json(row[name]) for name in ("audio_files", "function_calls", "metadata") if name in row}
    fields = Fields(row | plain).without("id", "session_id")
    return Turn(
        record=record,
        id=fields.take("message_id"),
        role=fields.take("role"),
        content=fields.take_text("content"),
        time=fields.take("timestamp"),
        audio_files=as_list(fields.take("audio_files")),
        function_calls=as_list(fields.take("function_calls")),
        metadata=fields.rest(),
    )


def _from_json(value: object) -> object:
    """Return what a JSON column holds, also where it was written as text; None for what is empty."""
    read = value
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):  # the text of a column that is no JSON stays as it is
            written = json.loads(value, parse_constant=_no_constant)
            read = written if isinstance(written, dict | list | str | None) else value
    return None if read in ({}, [], "") else read


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
