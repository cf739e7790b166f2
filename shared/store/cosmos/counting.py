"""Counting everything an owner has, from what heads and pages say of themselves."""

from collections import Counter
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from shared.models import ROLES, DayCount, FeedbackCounts, OwnerStats, ReplyUsage, SessionCounts
from shared.store.cosmos.documents import PageSummary
from shared.store.cosmos.partition import Partition
from shared.store.cosmos.retry import Retries
from shared.store.rules import MessageCounts

TRIES = 5
_HEADS = (
    "SELECT c.id, c.status, c.channel, c.message_count, c.log.epoch, c.log.generation, c.log.sealed, c.log.bytes,"
    " c.replies, c.input_tokens, c.output_tokens,"
    " c.log.previous_bytes,"
    " ARRAY(SELECT m.role, m.created_at, m.feedback.rating FROM m IN c.log.messages) AS messages,"
    " ARRAY(SELECT m.role, m.created_at, m.feedback.rating FROM m IN c.log.previous) AS previous"
    " FROM c WHERE c.type = 'session' AND c.status != 'deleted'"
)
_PAGES = "SELECT c.session_id, c.epoch, c.generation, c.counts FROM c WHERE c.type = 'page'"


async def owner_stats(partition: Partition, days: Sequence[str]) -> OwnerStats:
    """Return the counts; see SessionStore.owner_stats.

    Heads are read first: pages made after that do not count, and if one is gone that did, a session has
    started over meanwhile and everything is counted anew.
    """
    retries = Retries(partition.limits, TRIES, seconds=0)
    while True:
        heads = await partition.query(_HEADS, {})
        expected = sum(max(0, head["generation"] - 1) for head in heads)
        pages = await partition.query(_PAGES, {}) if expected else []
        counted = _counted(heads, pages)
        if len(counted) == expected:
            return _stats(heads, [page["counts"] for page in counted], days)
        await retries.again()


class _HeldMessage(TypedDict):
    role: str
    created_at: str
    rating: NotRequired[str]


class _HeadRow(TypedDict):
    id: str
    status: str
    channel: str
    message_count: int
    epoch: str
    generation: int
    sealed: PageSummary
    bytes: int
    previous_bytes: int
    replies: NotRequired[int]
    input_tokens: NotRequired[int]
    output_tokens: NotRequired[int]
    messages: list[_HeldMessage]
    previous: list[_HeldMessage]


class _PageRow(TypedDict):
    session_id: str
    epoch: str
    generation: int
    counts: MessageCounts


def _counted(heads: Sequence[_HeadRow], pages: Sequence[_PageRow]) -> list[_PageRow]:
    """Return the pages that count."""
    limits = {(head["id"], head["epoch"]): head["generation"] - 1 for head in heads}
    return [page for page in pages if page["generation"] < limits.get((page["session_id"], page["epoch"]), 0)]


def _stats(heads: Sequence[_HeadRow], pages: Sequence[MessageCounts], days: Sequence[str]) -> OwnerStats:
    held = [message for head in heads for message in (*head["previous"], *head["messages"])]
    roles = Counter(message["role"] for message in held)
    ratings = Counter(message.get("rating") for message in held)
    per_day = Counter(message["created_at"][:10] for message in held)
    for head in heads:
        roles.update(head["sealed"].get("roles", {}))
    for page in pages:
        per_day.update(page["days"])
        ratings.update({"up": page["up"], "down": page["down"]})
    head_bytes = sum(head["bytes"] + head["previous_bytes"] for head in heads) - len(held)  # less the commas
    usage = {name: sum(int(str(head.get(name, 0))) for head in heads) for name in ReplyUsage.model_fields}
    return OwnerStats(
        usage=ReplyUsage.model_validate(usage),
        sessions=SessionCounts.model_validate(Counter(head["status"] for head in heads)),
        by_channel=dict(Counter(head["channel"] for head in heads)),
        messages=sum(head["message_count"] for head in heads),
        by_role={role: roles[role] for role in ROLES},
        feedback=FeedbackCounts(up=ratings["up"], down=ratings["down"]),
        stored_bytes=head_bytes + sum(page["bytes"] for page in pages),
        per_day=[DayCount(date=day, messages=per_day[day]) for day in days],
    )
