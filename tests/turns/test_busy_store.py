"""A store that is throttled or away at one of a turn's steps."""

from typing import Any

import pytest

from shared.errors import StoreThrottledError
from shared.models import ReplyUsage
from shared.store.port import SessionStore
from shared.turns import maker
from tests.http.client import Client
from tests.turns.model_server import USAGE, FakeModel
from tests.turns.talking import HELLO, ask, said

pytestmark = pytest.mark.on_both_stores


async def test_a_paid_reply_is_stored_again_where_the_store_is_busy(
    api: Client, chat: str, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "STORE_PAUSES", (0, 0))
    _throttle_replies(store, monkeypatch, times=2)

    answer = await ask(api, chat)

    assert answer.status == 201
    assert (await store.owner_stats(str(api.user), [])).usage == ReplyUsage(
        replies=1, input_tokens=USAGE["prompt_tokens"], output_tokens=USAGE["completion_tokens"]
    )


async def test_where_the_store_stays_busy_the_turn_can_be_sent_again(
    api: Client, chat: str, store: SessionStore, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "STORE_PAUSES", (0,))
    _throttle_replies(store, monkeypatch, times=2)

    failed = await ask(api, chat)
    again = await ask(api, chat)

    assert failed.refusal == (429, "throttled")
    assert again.status == 201
    assert await said(api, chat) == ["Hi", HELLO]


def _throttle_replies(store: SessionStore, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    append, left = store.append, [None] * times

    async def throttled(user_id: str, session_id: str, messages: Any, *rest: Any, **options: Any) -> Any:
        if messages[0].role == "assistant" and left:
            left.pop()
            raise StoreThrottledError(0)
        return await append(user_id, session_id, messages, *rest, **options)

    monkeypatch.setattr(store, "append", throttled)
