"""Handlers for all that an owner has, and for whoever operates Parley."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.http.call import Answer, Call
from shared.http.endpoint import Endpoint, Reply
from shared.http.query import WHOLE_NUMBER, QueryModel
from shared.logs import event
from shared.models import OwnerStats, meanings, utc_now
from shared.version import VERSION

ERASE_SECONDS = 12.0  # of work in one answer; what was begun by then has as long again before it is broken off


class DaysQuery(QueryModel):
    """How far back to count."""

    days: Annotated[int, Field(ge=1, le=366), WHOLE_NUMBER] = Field(
        default=30, description="How many days, today included, UTC."
    )


class Counts(TypedDict):
    """How many were removed."""

    sessions: Annotated[int, meanings.HOW_MANY_SESSIONS]
    messages: Annotated[int, meanings.HOW_MANY_MESSAGES]


class ErasedData(TypedDict):
    """What this request erased; repeat it while `done` is false."""

    deleted: Annotated[Counts, Field(description="What was removed.")]
    done: Annotated[bool, Field(description="Whether nothing is left; repeat the request while it is false.")]


class Health(TypedDict):
    """The store answers."""

    status: Annotated[
        Literal["ok"],
        Field(description="Always ok; a store that does not answer is a problem document with status 503."),
    ]
    store: Annotated[
        str,
        WithJsonSchema({"type": "string", "enum": ["sqlite", "cosmos"]}),
        Field(description="The store behind the service."),
    ]
    latency_ms: Annotated[float, Field(description="How long the store took to answer, in milliseconds.")]
    version: Annotated[str, Field(description="The version of Parley that answers.")]


@Endpoint(tag="Owner", answers={200: Reply("What was erased.")})
async def erase(call: Call) -> Answer[ErasedData]:
    """Erase everything the owner has.

    Erase every session and message that the owner has. Repeat it while `done` is false.
    """
    erased = await call.store.erase(call.owner, ERASE_SECONDS)
    event("erasure", {"sessions": erased.sessions, "messages": erased.messages, "done": erased.done})
    return Answer({"deleted": {"sessions": erased.sessions, "messages": erased.messages}, "done": erased.done})


@Endpoint(tag="Owner", answers={200: Reply("The counts.")})
async def stats(call: Call, query: DaysQuery) -> Answer[OwnerStats]:
    """Count everything the owner has.

    Counts of everything the owner has, and of the messages of the last days, oldest day first. A fork is a session with
    messages of its own, without the feedback of those it was made from.
    """
    today = utc_now().date()
    dates = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(query.days))]
    return Answer(await call.store.owner_stats(call.owner, dates))


@Endpoint(tag="Service", answers={200: Reply("It does.")}, owner=None)
async def health(call: Call) -> Answer[Health]:
    """Tell whether the store answers.

    Whether the store answers, how fast, and which version of Parley says so; the answer is good for two seconds. Needs
    no owner.
    """
    latency_ms = await call.chat.health()
    return Answer({"status": "ok", "store": call.store.name, "latency_ms": latency_ms, "version": VERSION})
