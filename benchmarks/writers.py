"""Many writers on one session at once, each message sent once or twice: what is lost or doubled, and the cost."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.appends import Append, costs, largest_head
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
    requests: int
    refused: int  # Patches the guard refused, every second send among them
    pages_found_there: int  # pages that another rotator had made already
    largest_head_bytes: int
    units_per_patch: float  # of the appends' own Patches that were accepted


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
        recorded = phase[start:]
    seqs, ids = await _stored(stage, user_id, session.id)
    sent = {message.id for mine in messages for message in mine}
    accepted = [Append((one,)) for one in recorded if is_append(one) and one.status == 200]  # noqa: PLR2004 - OK
    return Outcome(
        writers=writers,
        sends=sends,
        sent=len(sent),
        stored=len(ids),
        lost=len(sent - set(ids)),
        doubled=len(ids) - len(set(ids)),
        gaps=sum(seq != place for place, seq in enumerate(seqs, 1)),
        requests=len(recorded),
        refused=sum(one.status == 412 for one in recorded),  # noqa: PLR2004 - precondition failed
        pages_found_there=sum(one.status == 409 for one in recorded),  # noqa: PLR2004 - conflict
        largest_head_bytes=largest_head(accepted),
        units_per_patch=costs(accepted).own_mean("units"),
    )


def _message(number: int) -> MessageInput:
    return TYPICAL.message(number).model_copy(update={"id": secrets.token_hex(10)})


async def _stored(stage: Stage, user_id: str, session_id: str) -> tuple[list[int], list[str]]:
    seqs: list[int] = []
    ids: list[str] = []
    query = MessageQuery(limit=LARGEST_PAGE, order="asc")
    while True:
        page = await stage.chat.store.read_messages(user_id, session_id, query)
        seqs += [message.seq for message in page.messages]
        ids += [message.id for message in page.messages]
        if not page.has_more:
            return seqs, ids
        query = query.model_copy(update={"after": page.next_seq, "page_hint": page.page_hint})
