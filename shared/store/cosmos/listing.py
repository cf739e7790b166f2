"""Listing an owner's sessions from their heads, without their messages."""

from unicodedata import normalize

from shared.models import JsonObject, Session, SessionFilter, SessionKey, SessionPage, format_time
from shared.store.cosmos.documents import HeadRow
from shared.store.cosmos.head import SESSION_FIELDS, session_from
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.versions import Version
from shared.text import fold

_COLUMNS = ", ".join(f"c.{name}" for name in (*SESSION_FIELDS, "updated_at", "last_seq", "quiet", "ttl", "_ts"))
_COLUMNS += ", c.log.epoch, c.log.edits"  # which make the version, with what is there already

# Of a head that is older than its folded name: as near to it as the service's own comparison comes.
_UNFOLDED = "(CONTAINS(c.session_name, @NFC, true) OR CONTAINS(c.session_name, @NFD, true))"


async def list_sessions(
    partition: Partition, wanted: SessionFilter, limit: int, after: SessionKey | None
) -> SessionPage:
    """Return a page of the owner's sessions; see SessionStore.list_sessions."""
    conditions, parameters = conditions_for(wanted, after)
    sql = (
        f"SELECT {_COLUMNS} FROM c WHERE {' AND '.join(conditions)}"  # noqa: S608 - values are parameters
        f" ORDER BY c.last_activity_at DESC, c.id DESC OFFSET 0 LIMIT {limit + 1:d}"
    )
    rows = await partition.query(sql, parameters, at_most=limit + 1)
    sessions = [_listed(row) for row in rows[:limit]]
    more = len(rows) > limit
    last = SessionKey(last_activity_at=sessions[-1].last_activity_at, id=sessions[-1].id) if more else None
    return SessionPage(sessions=sessions, next_key=last)


async def walk_sessions(partition: Partition, limit: int, after_id: str) -> list[Session]:
    """Return the owner's sessions by id; see SessionStore.walk_sessions."""
    sql = (
        f"SELECT {_COLUMNS} FROM c WHERE c.type = 'session' AND c.status != 'deleted' AND c.id > @after_id"  # noqa: S608
        f" ORDER BY c.id OFFSET 0 LIMIT {limit:d}"
    )
    return [_listed(row) for row in await partition.query(sql, {"after_id": after_id}, at_most=limit)]


def conditions_for(wanted: SessionFilter, after: SessionKey | None) -> tuple[list[str], JsonObject]:
    """Return what a session must be to match, and the parameters named in there."""
    parameters: JsonObject = {"type": "session", "status": wanted.status or "deleted"}
    conditions = ["c.type = @type", "c.status = @status" if wanted.status else "c.status != @status"]
    if wanted.channel is not None:
        parameters["channel"] = wanted.channel
        conditions.append("c.channel = @channel")
    for number, tag in enumerate(wanted.tags):
        parameters[f"tag{number}"] = tag
        conditions.append(f"ARRAY_CONTAINS(c.tags, @tag{number})")
    if wanted.pinned is not None:
        parameters["pinned"] = wanted.pinned
        conditions.append("c.pinned = @pinned")
    if wanted.name is not None:
        parameters |= {"name": fold(wanted.name)} | {form: normalize(form, wanted.name) for form in ("NFC", "NFD")}
        conditions.append(f"(CONTAINS(c.folded_name, @name) OR (NOT IS_DEFINED(c.folded_name) AND {_UNFOLDED}))")
    if after is not None:
        parameters |= {"at": format_time(after.last_activity_at), "id": after.id}
        conditions.append("(c.last_activity_at < @at OR (c.last_activity_at = @at AND c.id < @id))")
    return conditions, parameters


def _listed(row: HeadRow) -> Session:
    return session_from(row, Version.of_row(row), _last_message_at(row))


def _last_message_at(row: HeadRow) -> str | None:
    if not row["message_count"]:
        return None
    activity = row["last_activity_at"]
    return row["quiet"]["last_message_at"] or activity if row["quiet"]["since"] == activity else activity
