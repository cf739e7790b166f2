"""An instance that dies: who waits for it is cut off, what it holds stays held, and another takes its place."""

import asyncio
import random
from unittest.mock import patch

import aiohttp
import pytest

from tests.chaos import moody
from tests.chaos.clients import SESSIONS
from tests.chaos.moody import MoodyModel, serving_moody
from tests.chaos.stage import Stage, staged
from tests.chaos.talks import Talks
from tests.cosmos_server.launch import CosmosServer
from tests.http.client import spoken

pytestmark = pytest.mark.slow


async def killed_while_it_makes(stage: Stage, session_id: str) -> asyncio.Task[object]:
    """Have the instance die that makes the session's reply, and return who asked."""
    asking = asyncio.create_task(stage.api.post(f"{SESSIONS}/{session_id}/turns", spoken("q1 is it", id="q1")))
    while not (makers := [instance for instance in stage.instances.living if instance.makes]):
        await asyncio.sleep(0.01)
    (lease,) = await stage.instances.kill(makers[0], stage.fleet)
    assert [lease.holder] == [head["lease"]["holder"] for head in stage.documents]  # type: ignore[index, call-overload]
    assert makers[0] not in stage.instances.living
    return asking


async def test_who_waits_is_cut_off_and_the_lease_stays_with_the_dead(server: CosmosServer) -> None:
    server.reset()
    talks = Talks("")
    talks.ask("s", "q1")
    with patch.object(moody, "MOODS", {"is silent": 1}):
        async with (
            serving_moody(MoodyModel(talks, random.Random(0))) as settings,  # noqa: S311 - repeatable, not secret
            staged(server, 2, model=settings) as stage,
        ):
            assert (await stage.api.post(SESSIONS, {"id": "s"})).status == 201
            asking = await killed_while_it_makes(stage, "s")

            with pytest.raises(aiohttp.ClientError):
                await asking
            assert stage.fleet.cut_off == 1
            assert (await stage.api.get(f"{SESSIONS}/s/turns/q1")).json["state"] == "running"
            assert (await stage.api.post(f"{SESSIONS}/s/turns", spoken("q2"))).status == 409
            assert [asking.ended is not None for asking in talks.askings] == [True]
