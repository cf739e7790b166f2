"""A store that is throttled or away at one of a turn's steps."""

import asyncio
from typing import Any

import pytest

from shared.errors import StoreError, StoreThrottledError, StoreUnavailableError
from shared.models import ReplyUsage
from shared.store.port import SessionStore
from shared.turns import generation
from tests.http.client import Client
from tests.turns.model_server import USAGE, FakeModel, Script, chunk, whole
from tests.turns.talking import HELLO, SOON, ask, said

pytestmark = pytest.mark.on_both_stores

MOODS = [(StoreThrottledError(7), (429, "throttled")), (StoreUnavailableError(7), (503, "store_unavailable"))]
either_mood = pytest.mark.parametrize(("error", "refusal"), MOODS, ids=["throttled", "away"])


@either_mood
async def test_where_the_store_takes_no_words_nothing_is_done(
    api: Client,
    chat: str,
    store: SessionStore,
    model: FakeModel,
    monkeypatch: pytest.MonkeyPatch,
    error: StoreError,
    refusal: tuple[int, str],
) -> None:
    _refuse(store, monkeypatch, "append", error, role="user")

    refused = await ask(api, chat)
    stored, asked = await said(api, chat), len(model.asked)
    again = await ask(api, chat)

    assert (refused.refusal, refused.headers["retry-after"]) == (refusal, "7")
    assert (stored, asked) == ([], 0)
    assert (again.status, await said(api, chat)) == (201, ["Hi", HELLO])
    assert len(model.asked) == 1


@either_mood
async def test_where_the_store_cannot_be_read_for_the_model_the_words_are_there(
    api: Client,
    chat: str,
    store: SessionStore,
    model: FakeModel,
    monkeypatch: pytest.MonkeyPatch,
    error: StoreError,
    refusal: tuple[int, str],
) -> None:
    _refuse(store, monkeypatch, "read", error)

    refused = await ask(api, chat)
    stored, asked = await said(api, chat), len(model.asked)
    again = await ask(api, chat)

    assert (refused.refusal, refused.headers["retry-after"]) == (refusal, "7")
    assert (stored, asked) == (["Hi"], 0)
    assert (again.status, await said(api, chat)) == (201, ["Hi", HELLO])
    assert len(model.asked) == 1


async def test_a_store_that_is_away_while_the_model_speaks_does_not_break_the_reply_off(
    api: Client, chat: str, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "LOOK_SECONDS", 0.02)
    left = _refuse(store, monkeypatch, "get", StoreUnavailableError(), times=3)
    model.next(Script([chunk("Half"), None, *whole("Rest")]))
    asking = asyncio.create_task(ask(api, chat))
    await model.waiting.wait()
    async with asyncio.timeout(SOON):
        while left:
            await asyncio.sleep(0.02)
    model.go_on()

    assert (await asking).json["reply"]["content"] == "HalfRest"


async def test_a_paid_reply_is_stored_again_where_the_store_is_busy(
    api: Client, chat: str, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "STORE_PAUSES", (0, 0))
    _refuse(store, monkeypatch, "append", StoreThrottledError(0), role="assistant", times=2)

    answer = await ask(api, chat)

    assert (answer.status, len(model.asked)) == (201, 1)
    assert (await store.owner_stats(str(api.user), [])).usage == ReplyUsage(
        replies=1, input_tokens=USAGE["prompt_tokens"], output_tokens=USAGE["completion_tokens"]
    )


@either_mood
async def test_where_the_store_stays_busy_the_turn_can_be_sent_again(
    api: Client,
    chat: str,
    store: SessionStore,
    monkeypatch: pytest.MonkeyPatch,
    error: StoreError,
    refusal: tuple[int, str],
) -> None:
    monkeypatch.setattr(generation, "STORE_PAUSES", (0,))
    _refuse(store, monkeypatch, "append", type(error)(0), role="assistant", times=2)

    failed = await ask(api, chat)
    again = await ask(api, chat)

    assert failed.refusal == refusal
    assert again.status == 201
    assert await said(api, chat) == ["Hi", HELLO]


def _refuse(
    store: SessionStore,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    error: StoreError,
    *,
    role: str | None = None,
    times: int = 1,
) -> list[StoreError]:
    """Let a verb fail so many times, an append where it is for a message of that role; return what is left of them."""
    work, left = getattr(store, verb), [error] * times

    async def refusing(*arguments: Any, **options: Any) -> Any:
        if left and (role is None or arguments[2][0].role == role):
            raise left.pop()
        return await work(*arguments, **options)

    monkeypatch.setattr(store, verb, refusing)
    return left
