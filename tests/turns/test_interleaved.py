"""Two instances, a model that fails now and then, repeats and rewinds in any order: what has to hold all the same."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from shared.errors import ParleyError
from shared.freshness import fresh_as
from shared.models import Message, MessageInput, MessageQuery
from shared.turns.leases import reply_id_for
from shared.turns.saying import Said
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.test_instances import Instance, instances  # noqa: F401 - the fixture

pytestmark = pytest.mark.on_both_stores

QUESTIONS = [f"q{number}" for number in range(4)]
ANSWERS = [
    Script(),
    Script(),
    Script(status=500, body={}),
    Script([chunk("Half"), {"error": {}}]),
    Script([], breaks_off=True),
    Script(whole()),
]


async def everything(instance: Instance) -> list[Message]:
    session = instance.session
    query = MessageQuery(limit=200, order="asc")
    with fresh_as(None):
        await instance.chat.store.catch_up(session.user_id, session.id)
        return (await instance.chat.store.read_messages(session.user_id, session.id, query)).messages


async def ask(running: list[Instance], seed: random.Random, acknowledged: dict[str, Message]) -> None:
    """Send a question, on any instance, and remember a reply that was acknowledged."""
    instance, name = seed.choice(running), seed.choice(QUESTIONS)
    said = Said([MessageInput(role="user", content=name, id=name)])
    for _ in range(10):
        await asyncio.sleep(seed.random() / 20)
        with suppress(ParleyError):
            with fresh_as(None):
                taken = await instance.turns.say(instance.session.user_id, instance.session.id, said)
            reply = (await taken.pending.answered()).reply
            acknowledged[reply.id] = reply
            return


async def rewind(running: list[Instance], seed: random.Random, acknowledged: dict[str, Message]) -> None:
    """Remove what is newer than some message."""
    instance = seed.choice(running)
    await asyncio.sleep(seed.random() / 50)
    await instance.chat.store.rewind(instance.session.user_id, instance.session.id, seed.randrange(4))
    acknowledged.clear()


@pytest.mark.slow
@pytest.mark.parametrize("rewinds", [0, 3])
@pytest.mark.parametrize("number", range(2))
async def test_a_question_has_one_reply_and_no_reply_lacks_its_question(
    instances: list[Instance],  # noqa: F811 - the fixture
    model: FakeModel,
    rewinds: int,
    number: int,
) -> None:
    seed = random.Random(number)  # noqa: S311 - a schedule
    model.judge = lambda _: seed.choice(ANSWERS)
    acknowledged: dict[str, Message] = {}
    deeds: list[Any] = [ask] * 12 + [rewind] * rewinds
    seed.shuffle(deeds)

    await asyncio.gather(*(deed(instances, seed, acknowledged) for deed in deeds))

    session = instances[0].session
    stored = await everything(instances[0])
    assert [message.seq for message in stored] == list(range(1, len(stored) + 1))
    assert max(Counter(message.id for message in stored).values(), default=1) == 1
    places = {message.id: message.seq for message in stored}
    questions = {reply_id_for(session.user_id, session.id, name): name for name in QUESTIONS}
    for message in stored:
        if message.role == "assistant":
            assert places[questions[message.id]] < message.seq
    if not rewinds:
        assert {each: message for each, message in acknowledged.items() if message not in stored} == {}
