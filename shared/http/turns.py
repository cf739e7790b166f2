"""Handlers for turns: something is said, and the model's reply comes back, whole or as it is made."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from shared.errors import (
    CallerMayNotSetError,
    ContentFilteredError,
    IdempotencyConflictError,
    MessageConflictError,
    MessageNotFoundError,
    ModelFailedError,
    ModelThrottledError,
    ModelTimeoutError,
    NoResponderError,
    NothingToAnswerError,
    PreconditionFailedError,
    SessionArchivedError,
    SessionNotFoundError,
    TurnInProgressError,
    TurnNotNewestError,
)
from shared.http.call import Answer, Call
from shared.http.endpoint import Endpoint, Reply
from shared.http.parameters import IDEMPOTENCY_KEY, IF_MATCH, RequestHeader
from shared.http.query import QueryModel
from shared.http.turn_events import BEGIN, HEADERS, MEDIA_TYPE, Place, TurnAnswer, TurnEvents, turn_answer
from shared.models import Message, MessageInput, SessionTarget, TurnBatch, TurnInput, TurnOptions
from shared.turns.leases import reply_id_for
from shared.turns.options import CallerOptions
from shared.turns.pending import PendingReply, Taken
from shared.turns.saying import Said
from shared.turns.turns import turns_of

TAG = "Turns"
WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
ACCEPT = RequestHeader("Accept", "`text/event-stream`: the events of the turn, as they come.")
LAST_EVENT_ID = RequestHeader("Last-Event-ID", "The `id` of the last event that arrived: go on after it.")
MODEL_ERRORS = (
    NoResponderError,
    CallerMayNotSetError,
    TurnInProgressError,
    TurnNotNewestError,
    ModelFailedError,
    ModelTimeoutError,
    ModelThrottledError,
    ContentFilteredError,
)
GONE_ERRORS = (SessionNotFoundError, MessageNotFoundError)  # what is answered was there, and is deleted meanwhile
ASKING_ERRORS = (
    *MODEL_ERRORS,
    NothingToAnswerError,
    SessionArchivedError,
    MessageConflictError,
    IdempotencyConflictError,
    PreconditionFailedError,
    *GONE_ERRORS,
)
TAKEN = {
    200: Reply("All of it was there before: the reply that is stored.", ("ETag",), (MEDIA_TYPE,)),
    201: Reply("What was said, and its reply.", ("ETag",)),
}
EVENTS = (
    "With `Accept: text/event-stream` the answer is a 200 of events, each with an `id`: `turn` {messages, reply_id, "
    "how: started, joined or found, offset: how many characters of the reply were told before and hold still}, `delta` "
    "{text}, `tool_calls` {function_calls}, and last `done`, which is the JSON answer, or `error`, a problem document; "
    "a comment every 15 s. Where another text takes the place of what was told, `turn` comes again, with offset 0. A "
    "client that goes away stops nothing. Where the host cannot stream, the events arrive together."
)
ORDER = (
    "What is said is stored first, then the model is asked, then its reply is stored under an id that follows from "
    "the last message said. So a repeat, with the same ids or `Idempotency-Key`, finds the reply, joins whoever makes "
    "it, or asks again if that failed: a question has one reply. Another turn meanwhile is a 409 with `Retry-After`; a "
    "model that fails has stored nothing but what was said."
)
TAKING = Endpoint(
    tag=TAG,
    headers=(IDEMPOTENCY_KEY, IF_MATCH, ACCEPT),
    answers=TAKEN,
    errors=ASKING_ERRORS,
    notes=f"{ORDER} {EVENTS}",
    waits_for_model=True,
)


class TurnQuery(QueryModel):
    """What goes with a turn."""

    if_closed: Literal["finish", "stop"] = Field(
        default="finish", description="`stop`: end the reply with what there is when the stream's client goes away."
    )


class TurnAnywhere(TurnInput, SessionTarget):
    """One message to say, and the session it goes to."""


class TurnsAnywhere(TurnBatch, SessionTarget):
    """Up to 200 messages to say, and the session they go to."""


class TurnState(TypedDict):
    """How far a turn is."""

    state: Annotated[
        Literal["running", "done", "none"],
        Field(description="`running`: the reply is being made; `done`: it is there; `none`: nobody makes one."),
    ]
    reply: Annotated[Message | None, Field(description="The reply, once it is stored.")]


@TAKING
async def take(call: Call, query: TurnQuery, body: TurnInput | TurnBatch) -> Answer[TurnAnswer]:
    """Say something and get the model's reply.

    The body is the message, or `messages`, or neither: then the newest message is answered, and if that is a reply
    already, it is the answer.
    """
    if_match = await call.if_match(call.session_id)
    said = Said(_messages_in(body), call.idempotency_key("turn"), if_match=if_match)
    taken = await turns_of(call.chat).say(call.owner, call.session_id, said, _options(body))
    return await _answer(call, taken, stop_if_closed=query.if_closed == "stop")


@TAKING
async def take_anywhere(call: Call, query: TurnQuery, body: TurnAnywhere | TurnsAnywhere) -> Answer[TurnAnswer]:
    """Say something, in a session that is made if need be, and get the model's reply.

    The same without a session: one is made unless `session_id` names one the owner has; for that one `channel` and
    `session_name` are ignored.
    """
    if_match = await call.if_match_of_any(body.session_id)
    said = Said(_messages_in(body), call.idempotency_key("POST /turns"), if_match=if_match)
    taken = await turns_of(call.chat).say(call.owner, body, said, _options(body))
    return await _answer(call, taken, stop_if_closed=query.if_closed == "stop")


@Endpoint(
    tag=TAG,
    headers=(ACCEPT, LAST_EVENT_ID),
    answers={200: Reply("How far it is; with `Accept: text/event-stream` its events.", (), (MEDIA_TYPE,))},
    errors=(NoResponderError, ModelThrottledError),
    waits_for_model=True,
)
async def look(call: Call) -> Answer[TurnState]:
    """See how far a turn is.

    The turn of the last message that was said in it. As a stream it is joined where `Last-Event-ID` left off, on
    whatever instance of the service: one that does not make the reply itself sends it once it is stored.
    """
    turns = turns_of(call.chat)
    turns.require_model()
    streams = _wants_events(call)
    taken = await turns.look(call.owner, call.session_id, call.message_id, follow=streams)
    if streams:
        return _stream(call, taken or await _without_reply(call), after=Place.named(call.header("last-event-id") or ""))
    if taken is None:
        return Answer({"state": "none", "reply": None})
    if taken.pending.outcome is None or isinstance(taken.pending.outcome, Exception):
        return Answer({"state": "running", "reply": None})
    return Answer({"state": "done", "reply": taken.pending.outcome.reply})


@Endpoint(tag=TAG, answers={204: Reply("It is over, or will be within some seconds.")}, errors=(NoResponderError,))
async def stop(call: Call) -> Answer[None]:
    """Stop a turn.

    What came of the reply so far is stored as the reply, with `finish_reason` `stopped`. Where it is over, or nothing
    is being made, nothing happens. A reply that another instance makes ends when that instance next looks, within
    some five seconds.
    """
    turns = turns_of(call.chat)
    turns.require_model()
    await turns.stop(call.owner, call.session_id, call.message_id)
    return Answer(None, 204)


@Endpoint(
    tag=TAG,
    headers=(ACCEPT,),
    answers={200: Reply("The new reply, or the first where there was none yet.", ("ETag",), (MEDIA_TYPE,))},
    errors=(*MODEL_ERRORS, SessionArchivedError),
    notes=EVENTS,
    waits_for_model=True,
)
async def regenerate(call: Call, query: TurnQuery, body: TurnOptions) -> Answer[TurnAnswer]:
    """Make another reply.

    Another reply in the place of the first, which stays until the new one is whole: where the model fails, breaks off
    or is stopped, the first is kept. Feedback is cleared. Only the newest turn has another: rewind or fork first.
    """
    taken = await turns_of(call.chat).regenerate(call.owner, call.session_id, call.message_id, _options(body))
    return await _answer(call, taken, stop_if_closed=query.if_closed == "stop", made=200)


async def _answer(call: Call, taken: Taken, *, stop_if_closed: bool, made: int = 201) -> Answer[Any]:
    if _wants_events(call):
        return _stream(call, taken, stop_if_closed=stop_if_closed)
    answered = await taken.pending.answered()
    status = 200 if taken.how == "found" else made
    return Answer(turn_answer(taken, answered), status, {"ETag": answered.etag} if answered.etag else {})


async def _without_reply(call: Call) -> Taken:
    """Return the turn of a message that nobody answers, as one whose reply did not come."""
    said = [await call.store.get_message(call.owner, call.session_id, call.message_id)]
    pending = PendingReply(reply_id_for(call.owner, call.session_id, call.message_id), said)
    pending.finish(ModelFailedError())
    return Taken(call.session_id, said, "joined", pending)


def _stream(call: Call, taken: Taken, *, after: Place = BEGIN, stop_if_closed: bool = False) -> Answer[Any]:
    events = TurnEvents(taken, call.request_id, after=after, stop_if_closed=stop_if_closed)
    return Answer(events, 200, dict(HEADERS), MEDIA_TYPE)


def _wants_events(call: Call) -> bool:
    """Return whether the caller takes events, and nothing else rather (RFC 9110, section 12.5.1)."""
    weights = dict(_ranges_in(call.header("accept") or ""))
    return weights.get(MEDIA_TYPE, 0.0) > 0 and weights[MEDIA_TYPE] >= weights.get("application/json", 0.0)


def _ranges_in(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media type and its weight; one that is no number counts as 1."""
    for each in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in each.split(";"))
        weight = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
        yield media_type, float(weight) if WEIGHT.fullmatch(weight) else 1.0


def _messages_in(body: TurnInput | TurnBatch) -> list[MessageInput]:
    if isinstance(body, TurnBatch):
        return body.messages
    return [] if body.is_silent else [body]


def _options(options: TurnOptions) -> CallerOptions:
    return CallerOptions(**{name: getattr(options, name) for name in TurnOptions.model_fields})
