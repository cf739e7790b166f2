"""Counting everything an owner has."""

from collections.abc import Sequence

from shared.models import ROLES, DayCount, FeedbackCounts, OwnerStats, ReplyUsage, SessionCounts, format_time
from shared.store.sqlite.database import Transaction

ALIVE = "FROM sessions WHERE user_id = :user_id AND (expires_at IS NULL OR expires_at > :now)"
SAID = f"FROM messages WHERE user_id = :user_id AND session_id IN (SELECT id {ALIVE})"


def owner_stats(transaction: Transaction, user_id: str, days: Sequence[str]) -> OwnerStats:
    """Return the counts; see SessionStore.owner_stats."""

    def counted(key: str, what: str) -> dict[str, int]:
        statement = f"SELECT {key} AS key, count(*) AS count {what} GROUP BY 1"
        rows = transaction.rows(statement, user_id=user_id, now=format_time(transaction.now))
        return {row["key"]: row["count"] for row in rows if row["key"] is not None}

    roles = counted("role", SAID)
    size = transaction.row(
        f"SELECT coalesce(sum(length(CAST(document AS BLOB))), 0) AS bytes {SAID}",
        user_id=user_id,
        now=format_time(transaction.now),
    )
    usage = transaction.row(
        "SELECT sum(replies) AS replies, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens "
        f"{ALIVE}",
        user_id=user_id,
        now=format_time(transaction.now),
    )
    per_day = counted("substr(json_extract(document, '$.created_at'), 1, 10)", SAID)
    return OwnerStats(
        sessions=SessionCounts.model_validate(counted("status", ALIVE)),
        by_channel=counted("channel", ALIVE),
        messages=sum(roles.values()),
        by_role={role: roles.get(role, 0) for role in ROLES},
        feedback=FeedbackCounts.model_validate(counted("json_extract(document, '$.feedback.rating')", SAID)),
        stored_bytes=size["bytes"] if size else 0,
        per_day=[DayCount(date=day, messages=per_day.get(day, 0)) for day in days],
        usage=ReplyUsage.model_validate({name: value or 0 for name, value in dict(usage or {}).items()}),
    )
