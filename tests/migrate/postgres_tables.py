"""Databases with the tables of seed 002, filled and dumped as its users would."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

SESSIONS, MESSAGES = "chat_sessions", "chat_messages"
AS_IT_IS = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"  # nothing quoted: neither is in any JSON


@dataclass(frozen=True)
class Schema:
    """How 002's tables may have been made; the first of each is what SQLAlchemy makes of plain types."""

    time: str = "timestamp without time zone"
    json: str = "json"
    named_by: str = "session_id"

    def statements(self) -> str:
        """Return what makes the tables."""
        key_type = {"session_id": "varchar", "id": "integer"}[self.named_by]
        return f"""
        CREATE TABLE chat_sessions (id serial PRIMARY KEY, session_id varchar UNIQUE NOT NULL,
          created_at {self.time}, updated_at {self.time}, is_active boolean DEFAULT true);
        CREATE TABLE chat_messages (id serial PRIMARY KEY, message_id varchar UNIQUE,
          session_id {key_type} REFERENCES chat_sessions ({self.named_by}),
          role varchar, content text, "timestamp" {self.time},
          audio_files {self.json}, function_calls {self.json}, metadata {self.json});
        """


@dataclass(frozen=True)
class Database:
    """One database on the tests' server."""

    host: str
    name: str

    def url(self, scheme: str = "postgresql") -> str:
        """Return its address."""
        return f"{scheme}://postgres@/{self.name}?host={self.host}"

    def run(self, statements: str, *values: object) -> None:
        """Run statements and commit."""
        with psycopg.connect(self.url()) as connection:
            connection.execute(statements, values or None)  # type: ignore[call-overload]

    def fill(self, rows: Sequence[dict]) -> None:
        """Insert rows of both tables, in their order; each takes the columns that its dict has."""
        with psycopg.connect(self.url()) as connection, connection.pipeline():
            for row in rows:
                table = MESSAGES if "message_id" in row else SESSIONS
                values = [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()]
                insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(sql.Identifier(name) for name in row),
                    sql.SQL(", ").join(sql.Placeholder() * len(row)),
                )
                connection.execute(insert, values)

    def dump(self, folder: Path, form: str = "csv") -> Path:
        """Let the server write a file of each table: CSV with a header, or a JSON object a line."""
        folder.mkdir()
        for table in (SESSIONS, MESSAGES):
            copy = {
                "csv": f"COPY {table} TO STDOUT (FORMAT csv, HEADER)",
                "ndjson": f"COPY (SELECT row_to_json(t) FROM {table} t) TO STDOUT {AS_IT_IS}",
            }[form]
            with (
                psycopg.connect(self.url()) as connection,
                connection.cursor().copy(copy) as rows,
                (folder / f"{table}.{form}").open("wb") as file,
            ):
                for data in rows:
                    file.write(data)
        return folder


@contextmanager
def new_database(host: str, schema: Schema | None, *, encoding: str = "UTF8") -> Iterator[Database]:
    """Make a database with these tables, or without any, for as long as a test needs it."""
    database = Database(host, f"test_{uuid4().hex}")
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as server:
        name = sql.Identifier(database.name)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(name, encoding))
        if schema:
            database.run(schema.statements())
        yield database
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
