"""Many writers on one session at once, each message sent once or twice: what is lost or doubled, and the cost."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from benchmarks.profiles import TYPICAL
from benchmarks.stage import Stage, is_append
from shared.models import MessageInput, MessageQuery

WRITERS = 32
MESSAGES_EACH = 50
LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of all messages."""

    writers: int
    sends: int  # of each message
    sent: int
    stored: int
    lost: int
    doubled: int
    gaps: int
    requests: int  # with what went on behind the answers
    refused: int  # Patches the guard refused, every second send among them
    batches: int  # that made a page and emptied the head
    batches_refused: int
    pages_found_there: int  # pages that another rotator had made already, the two-step way
    largest_head_bytes: int
    units_per_append: float  # of the requests that carried a message and were accepted, with the page some made


async def compete(stage: Stage, *, writers: int = WRITERS, each: int = MESSAGES_EACH, sends: int = 1) -> Outcome:
    """Let the writers append to one new session; the sends of one message run side by side."""
    user_id = TYPICAL.user_id()
    session, _ = await stage.chat.create_session(user_id, TYPICAL.session())
    messages = [[_message(number) for number in range(each)] for _ in range(writers)]

    async def write(mine: Sequence[MessageInput]) -> None:
        for message in mine:
            await asyncio.gather(*(stage.chat.append(user_id, session.id, [message]) for _ in range(sends)))

    with stage.proxy.phase(f"{writers} writers, {sends} sends") as phase:
        start = len(phase)
        await asyncio.gather(*(write(mine) for mine in messages))
        await stage.store.settle()
        recorded = phase[start:]
    seqs, ids = await _stored(stage, user_id, session.id)
    sent = {message.id for mine in messages for message in mine}
    accepted = [one for one in recorded if is_append(one) and one.status == HTTPStatus.OK]
    batches = [one.status for one in recorded if one.is_batch]
    return Outcome(
        writers=writers,
        sends=sends,
        sent=len(sent),
        stored=len(ids),
        lost=len(sent - set(ids)),
        doubled=len(ids) - len(set(ids)),
        gaps=sum(seq != place for place, seq in enumerate(seqs, 1)),
        requests=len(recorded),
        refused=sum(one.status == HTTPStatus.PRECONDITION_FAILED for one in recorded),
        batches=batches.count(HTTPStatus.OK),
        batches_refused=batches.count(HTTPStatus.MULTI_STATUS),
        pages_found_there=sum(one.status == HTTPStatus.CONFLICT for one in recorded),
        largest_head_bytes=max(one.response_body_bytes for one in accepted if not one.is_batch),
        units_per_append=sum(one.charge for one in accepted) / len(accepted),
    )


def _message(number: int) -> MessageInput:
    return TYPICAL.message(number).model_copy(update={"id": secrets.token_hex(10)})


async def _stored(stage: Stage, user_id: str, session_id: str) -> tuple[list[int], list[str]]:
    seqs: list[int] = []
    ids: list[str] = []
    query = MessageQuery(limit=LARGEST_PAGE, order="asc")
    while True:
        page = await stage.store.read_messages(user_id, session_id, query)
        seqs += [message.seq for message in page.messages]
        ids += [message.id for message in page.messages]
        if not page.has_more:
            return seqs, ids
        query = query.model_copy(update={"after": page.next_seq, "page_hint": page.page_hint})
