"""Nobody puts before a model what another user has said."""

from typing import Any

import pytest

from tests.http.client import Client, spoken
from tests.turns.model_server import FakeModel
from tests.turns.talking import HELLO, ask, said

pytestmark = pytest.mark.on_both_stores


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/turns", spoken("stolen")),
        ("POST", "/turns", spoken("Hi", id="m1")),
        ("POST", "/turns", {}),
        ("POST", "/turns/m1/regenerate", {}),
        ("GET", "/turns/m1", None),
        ("DELETE", "/turns/m1", None),
    ],
)
async def test_nobody_puts_anothers_history_before_a_model(
    api: Client, chat: str, model: FakeModel, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await ask(api, chat, "secret")
    stranger = api.speaking_for("stranger")

    answer = await stranger.send(method, chat + path, b"" if body is None else body)

    assert answer.refusal == (404, "session_not_found")
    assert len(model.asked) == 1
    assert await said(api, chat) == ["secret", HELLO]


async def test_a_turn_anywhere_knows_only_its_owners_sessions(api: Client, chat: str, model: FakeModel) -> None:
    await ask(api, chat, "secret")
    body = {"session_id": chat.rpartition("/")[2], **spoken("Hi", id="m1")}

    answer = await api.speaking_for("stranger").post("/api/chat/turns", body)

    assert answer.status == 201
    assert "secret" not in str(model.asked[-1])
