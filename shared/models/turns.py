"""Turns: who makes the reply to what was said, and what replies have cost."""

from typing import Annotated

from pydantic import Field

from shared.models.values import Model

STOP_SECONDS = 15  # for a holder to see that it is to stop, and to store what there is


class Lease(Model):
    """Who makes a session's next reply, and until when nobody else is to, in seconds since 1970.

    `reply_id` names the reply, and so the question; `holder` is new each time, so that whoever has lost a lease and
    does not know it yet stores nothing. `is_stopped` asks the holder to end with what there is: it looks every five
    seconds and then stores it, so a stopped lease that is not given back within STOP_SECONDS has a dead holder.
    """

    reply_id: str
    holder: str
    until: int
    is_stopped: bool = False

    def is_over(self, now: float) -> bool:
        """Return whether others may take the session's turn, because its holder must have died."""
        return self.until <= now

    def stopped(self, now: float) -> "Lease":
        """Return this lease with the mark, and no longer than its holder needs to see it."""
        return self.model_copy(update={"is_stopped": True, "until": min(self.until, int(now) + STOP_SECONDS)})


class ReplyUsage(Model):
    """How many replies were stored, and the tokens that the model counted for them, removed ones included."""

    replies: Annotated[int, Field(description="How many replies of the model were stored, removed ones included.")] = 0
    input_tokens: Annotated[int, Field(description="The tokens the model was sent for them.")] = 0
    output_tokens: Annotated[int, Field(description="The tokens the model made for them.")] = 0


class Replied(Model):
    """What ends a turn with the write of its reply: the lease that has to be held still, and what is counted."""

    holder: str
    usage: ReplyUsage
