"""Another reply in the place of the first."""

import asyncio

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel, Script, chunk, whole
from tests.turns.talking import HELLO, ask, said

pytestmark = pytest.mark.on_both_stores


async def test_another_reply_takes_the_place_of_the_first(api: Client, chat: str, model: FakeModel) -> None:
    first = (await ask(api, chat)).json["reply"]
    await api.patch(f"{chat}/messages/{first['id']}", {"feedback": {"rating": "down"}})
    model.next(Script(whole("Better.")))

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    second = answer.json["reply"]
    assert (answer.status, second["id"], second["seq"]) == (200, first["id"], 2)
    assert (second["content"], second["feedback"]) == ("Better.", None)
    assert second["edited_at"]
    assert second["metadata"]["reply"]["regenerated"] == 1
    assert await said(api, chat) == ["Hi", "Better."]
    assert [message["role"] for message in model.asked[-1]["messages"]] == ["user"]
    assert answer.headers["etag"] == (await api.get(chat)).headers["etag"]
    assert (await api.get(f"{chat}/stats")).json["usage"]["replies"] == 2


@pytest.mark.parametrize(
    "script", [Script(status=500, body={}), Script([chunk("Half")]), Script([chunk("Half"), {"error": {}}])]
)
async def test_the_first_reply_stays_where_the_second_is_not_whole(
    api: Client, chat: str, model: FakeModel, script: Script
) -> None:
    await ask(api, chat)
    model.next(script)

    failed = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert failed.refusal == (502, "model_failed")
    assert await said(api, chat) == ["Hi", HELLO]
    assert (await api.post(f"{chat}/turns/m1/regenerate", {})).status == 200


async def test_the_first_reply_stays_where_the_second_is_stopped(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat)
    model.next(Script([chunk("Half"), None]))
    again = asyncio.create_task(api.post(f"{chat}/turns/m1/regenerate", {}))
    await model.waiting.wait()

    await api.delete(f"{chat}/turns/m1")

    assert (await again).json["reply"]["content"] == HELLO
    assert await said(api, chat) == ["Hi", HELLO]


async def test_only_the_newest_turn_has_another_reply(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")

    assert (await api.post(f"{chat}/turns/m1/regenerate", {})).refusal == (409, "turn_not_newest")
    assert (await api.post(f"{chat}/turns/never/regenerate", {})).refusal == (404, "message_not_found")
    assert len(model.asked) == 2


async def test_a_question_without_a_reply_gets_its_first(api: Client, chat: str) -> None:
    await api.post(f"{chat}/messages", spoken("Hi", id="m1"))

    answer = await api.post(f"{chat}/turns/m1/regenerate", {})

    assert answer.json["reply"]["content"] == HELLO
    assert await said(api, chat) == ["Hi", HELLO]


async def test_a_repeat_of_an_old_question_without_a_reply_is_refused(api: Client, chat: str, model: FakeModel) -> None:
    model.next(Script(status=500, body={}))
    await ask(api, chat)
    await ask(api, chat, "And?", "m2")

    assert (await ask(api, chat)).refusal == (409, "turn_not_newest")
