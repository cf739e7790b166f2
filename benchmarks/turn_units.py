"""What a turn costs at the store, with a short reply and a long one, beside the same done by hand."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple
from unittest.mock import patch

from benchmarks.profiles import TYPICAL
from benchmarks.stage import Stage, default_settings, staged
from shared.model_settings import ModelSettings
from shared.models import MessageInput, SessionInput
from shared.service import ChatService
from shared.turns import generation
from shared.turns.saying import Said
from shared.turns.turns import turns_of
from tests.cosmos_server.launch import CosmosServer

LENGTH = 100  # messages of the session whose turns are charged
CHARGED = 40  # turns
RESUMED = 20
REPLY_CHARACTERS = 400
AT_LENGTH = "at length"  # how a question begins that is to have a long reply
LONG_SECONDS = 30  # that it takes; here it takes
SHRUNK = 20  # times less, and so does what is between two looks whether it was stopped
LONG_CHARGED = 8  # turns with such a reply


class Charged(NamedTuple):
    """Units and requests of one turn, or of the same by hand: means."""

    units: float
    requests: float


class Units(NamedTuple):
    """A turn with so many messages in its prompt, and one with a long reply; by hand, resuming RESUMED and as many."""

    turn: Charged
    messages: int
    long: Charged
    by_hand: Charged
    with_as_many: Charged

    @property
    def looks(self) -> float:
        """How often a turn with a long reply looks whether it was stopped."""
        return self.long.requests - self.turn.requests


async def measure_units(server: CosmosServer, endpoint: str) -> Units:
    """Take turns with the model at this endpoint, and do the same by hand."""
    async with staged(server, "turns") as stage:
        settings = replace(default_settings(), model=ModelSettings(endpoint=endpoint, name="stamps"))
        chat = ChatService(stage.store, settings)
        place = await _session(stage)
        sent: list[int] = []

        async def turn(number: int, begin: str = "") -> None:
            text = TYPICAL.text(number)
            said = Said([MessageInput(role="user", content=begin + text[len(begin) :])])
            answered = await (await turns_of(chat).say(*place, said)).pending.answered()
            sent.append(answered.reply.metadata["reply"]["history"]["messages"])

        charged = await _charged(stage, turn)
        messages = round(statistics.mean(sent))
        with patch.object(generation, "LOOK_SECONDS", generation.LOOK_SECONDS / SHRUNK):
            at_length = await _charged(stage, partial(turn, begin=f"{AT_LENGTH} "), LONG_CHARGED)
        await chat.settle()
        by_hand = [await _units_by_hand(stage, number) for number in (RESUMED, messages)]
        return Units(charged, messages, at_length, *by_hand)


async def _units_by_hand(stage: Stage, resumed: int) -> Charged:
    place = await _session(stage)

    async def by_hand(number: int) -> None:
        await stage.append(place, [MessageInput(role="user", content=TYPICAL.text(number))])
        await stage.chat.store.read(*place, resumed)
        await stage.append(place, [MessageInput(role="assistant", content="x" * REPLY_CHARACTERS)])

    return await _charged(stage, by_hand)


async def _session(stage: Stage) -> tuple[str, str]:
    user_id = TYPICAL.user_id()
    session, _ = await stage.chat.create_session(user_id, SessionInput())
    place = user_id, session.id
    for number in range(LENGTH):
        await stage.append(place, [TYPICAL.message(number)])
    return place


async def _charged(stage: Stage, work: Callable[[int], Awaitable[None]], turns: int = CHARGED) -> Charged:
    with stage.proxy.phase("turns") as recorded:
        start = len(recorded)
        for number in range(turns):
            await work(LENGTH + 2 * number)
            await stage.store.settle()
        exchanges = recorded[start:]
    return Charged(sum(one.charge for one in exchanges) / turns, len(exchanges) / turns)
