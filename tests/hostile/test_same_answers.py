"""A session of somebody else and one that never was cannot be told apart, to the byte."""

import pytest

from shared.openapi.operations import Operation
from tests.hostile.requests import IN_SESSIONS, name_of, path_of
from tests.hostile.state import ARCHIVED, EMPTY, IN_CHANNEL, MINE, SESSIONS, Scene
from tests.http.client import NO_BODY, Answer, a_session
from tests.tiers import slow_but

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.on_both_stores]
NEVER = "never.was"
OWN_DELETED = "deleted"
OTHERS = (MINE, ARCHIVED, EMPTY, IN_CHANNEL, OWN_DELETED, "x" * 64, MINE.upper())
OF_THE_STORE = ("x-request-charge", "x-session-token")
NO_IDS = ("-no-id", "x" * 65, f"{MINE}%0A")
HEADERS = (
    {},
    {"if-match": "*"},
    {"if-match": '"other"'},
    {"if-none-match": "*"},
    {"idempotency-key": "k"},
)


def visible(answer: Answer, *but: str) -> object:
    """Return everything that was answered, but for the time of day and some other headers."""
    headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in {"date", *but}]
    return answer.status, headers, answer.body


@pytest.mark.parametrize("headers", slow_but({str(each): each for each in HEADERS}, str({}), str(HEADERS[2])))
@pytest.mark.parametrize("route", IN_SESSIONS, ids=name_of)
async def test_every_session_that_is_not_mine_is_answered_alike(
    scene: Scene, route: Operation, headers: dict[str, str]
) -> None:
    await a_session(scene.attacker, id=OWN_DELETED)
    await scene.attacker.delete(f"{SESSIONS}/{OWN_DELETED}")
    sent = {"x-request-id": "same", **headers}

    for body in route.bodies.values() or [NO_BODY]:
        never = await scene.attacker.send(route.method, path_of(route, session_id=NEVER), body, sent)
        assert never.refusal == (404, "session_not_found")
        for session_id in OTHERS:
            answer = await scene.attacker.send(route.method, path_of(route, session_id=session_id), body, sent)
            assert visible(answer) == visible(never), session_id
        for session_id in NO_IDS:
            answer = await scene.attacker.send(route.method, path_of(route, session_id=session_id), body, sent)
            # what cannot be an id is refused without asking the store, whoever has what
            assert visible(answer, *OF_THE_STORE) == visible(never, *OF_THE_STORE), session_id


async def test_a_difference_would_be_seen(scene: Scene) -> None:
    answers = [await client.get(f"{SESSIONS}/{MINE}", x_request_id="same") for client in (scene.owner, scene.attacker)]

    assert visible(answers[0]) != visible(answers[1])
