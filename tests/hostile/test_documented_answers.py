"""Every answer that the OpenAPI document names really comes, and is what the document says it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from shared.errors import StoreThrottledError, StoreUnavailableError
from shared.model_settings import ModelSettings
from shared.openapi.operations import Operation
from shared.store.port import SessionStore
from shared.turns.leases import reply_id_for
from shared.turns.turns import turns_of
from tests.builders import a_lease, an_owner
from tests.hostile.app import functions, serving
from tests.hostile.requests import (
    MUTE,
    ROUTES,
    body_of,
    path_of,
    resolved,
    responses,
    validator,
    with_query,
    wrong_query,
)
from tests.hostile.state import ARCHIVED, IN_CHANNEL_ARCHIVED, MADE, MESSAGE, MINE, SESSIONS, Scene, clean_up, set_up
from tests.http.client import PROBLEM, Answer, Client, spoken
from tests.turns.model_server import FakeModel, Script, serving_model, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")
Provocation = Callable[[Client, Operation], Awaitable[Answer]]
TOO_LARGE = b" " * (3 * 1024 * 1024)
KEY = {"idempotency-key": "key"}


SPEAKING = {"take_turn", "take_turn_anywhere"}
GONE, DELETED, EMPTIED = "gone", "", "/messages"
MODEL: list[FakeModel] = []  # the one that is served


def _with_a_model_that(script: Script) -> Provocation:
    async def provoke(api: Client, route: Operation) -> Answer:
        if route.operation_id == "regenerate_reply":
            await _answered(api)
        MODEL[0].next(script)
        return await _as_it_should_be(api, route)

    return provoke


async def _answered(api: Client, message_id: str = MESSAGE) -> None:
    """Let the newest message of the owner's session be the reply to that message."""
    await api.send("PUT", f"{SESSIONS}/{MINE}/messages?after=0", {"messages": [spoken("secret", id=message_id)]})
    assert (await api.post(f"{SESSIONS}/{MINE}/turns", {})).status == 201


async def _regenerated(api: Client, route: Operation) -> Answer:
    await _answered(api)
    return await _as_it_should_be(api, route)


async def _regenerated_in_an_archived_session(api: Client, route: Operation) -> Answer:
    await _answered(api)
    await api.post(f"{SESSIONS}/{MINE}/archive")
    return await _as_it_should_be(api, route)


async def _beside_another_turn(api: Client, route: Operation) -> Answer:
    """Ask while another instance makes a reply."""
    store = STORES[0]
    await _answered(api)
    await store.hold_turn(str(api.user), MINE, a_lease())
    body = {**_to(route, MINE), **spoken("other")} if _appends(route) else {}
    return await api.send(route.method, path_of(route), body)


async def _while_the_instance_ends(api: Client, route: Operation) -> Answer:
    """Follow a reply that another instance makes on one that takes nothing more."""
    reply_id = reply_id_for(str(api.user), MINE, MESSAGE)
    await STORES[0].hold_turn(str(api.user), MINE, a_lease(reply_id=reply_id))
    await turns_of(functions().chat).close()
    return await _as_it_should_be(api, route, {"accept": "text/event-stream"})


def _while_the_session(change: str) -> Provocation:
    """Ask in a session that is taken away, or emptied, before its reply is stored."""

    async def provoke(api: Client, route: Operation) -> Answer:
        if route.operation_id == "take_turn":
            await api.post(SESSIONS, {"id": GONE})
        MODEL[0].next(Script([None, *whole("late")]))
        body = {name: value for name, value in body_of(route).items() if name != "id"} | _to(route, GONE)
        asking = asyncio.create_task(api.send(route.method, path_of(route, session_id=GONE), body))
        await MODEL[0].waiting.wait()
        await api.delete(f"{SESSIONS}/{GONE}{change}")
        MODEL[0].go_on()
        answer = await asking
        await api.delete(f"{SESSIONS}/{GONE}")
        return answer

    return provoke


async def _nothing_in_no_session(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route), {"session_id": "never.was"})


async def _after_more_was_said(api: Client, route: Operation) -> Answer:
    body = {**_to(route, MINE), **spoken("secret", id=MESSAGE)} if _appends(route) else {}
    return await api.send(route.method, path_of(route), body)


STORES: list[SessionStore] = []


async def _as_it_should_be(api: Client, route: Operation, headers: dict[str, str] | None = None) -> Answer:
    return await api.send(route.method, path_of(route), body_of(route), headers)


async def _no_owner(api: Client, route: Operation) -> Answer:
    return await _as_it_should_be(api.speaking_for(None), route)


async def _bad_request(api: Client, route: Operation) -> Answer:
    if route.endpoint.owner:
        return await _as_it_should_be(api.speaking_for("a/b"), route)
    return await api.send(route.method, with_query(path_of(route), next(iter(wrong_query(route.query[0])))))


async def _no_session(api: Client, route: Operation) -> Answer:
    never = {"channel": "never"} if route.operation_id in MUTE | {"say_in_channel"} else {"session_id": "never.was"}
    return await api.send(route.method, path_of(route, **never), body_of(route))


async def _no_message(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route, message_id="never.was"), body_of(route))


async def _no_file(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route, file="never.js"))


async def _too_large(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route), TOO_LARGE)


async def _no_json(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route), b"a=1", {"content-type": "text/plain"})


async def _unknown_field(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route), {"colour": "blue"})


async def _held_already(api: Client, route: Operation) -> Answer:
    return await _as_it_should_be(api, route, {"if-none-match": "*"})


async def _lost_condition(api: Client, route: Operation) -> Answer:
    return await _as_it_should_be(api, route, {"if-match": '"other"'})


async def _with_a_slash(api: Client, route: Operation) -> Answer:
    request = api.http.request(route.method, f"{api.url}{path_of(route)}/", allow_redirects=False)
    async with request as response:
        return Answer(response.status, response.headers, await response.read())


async def _in_chunks(api: Client, route: Operation) -> Answer:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    async with api.http.request(route.method, f"{api.url}{path_of(route)}", data=chunks()) as response:
        return Answer(response.status, response.headers, await response.read())


async def _twice(api: Client, route: Operation) -> Answer:
    await _as_it_should_be(api, route, KEY)
    return await _as_it_should_be(api, route, KEY)


async def _with_a_used_key(api: Client, route: Operation) -> Answer:
    await api.send(route.method, path_of(route), _but_ids(body_of(route)), KEY)
    return await api.send(route.method, path_of(route), spoken("other") if _appends(route) else {"tags": ["x"]}, KEY)


async def _with_a_used_id(api: Client, route: Operation) -> Answer:
    body = {**_to(route, MINE), **spoken("other", id=MESSAGE)} if _appends(route) else {"id": MINE}
    return await api.send(route.method, path_of(route), body)


async def _with_a_used_id_at_the_end(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route), {"messages": [spoken("other", id=MESSAGE)]})


async def _at_the_end_of_an_archived_session(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route, session_id=ARCHIVED), {"messages": [spoken("new")]})


async def _to_an_archived_session(api: Client, route: Operation) -> Answer:
    said = next(({name: "new"} for name in ("query", "message") if name in body_of(route)), spoken("new"))
    session_id = IN_CHANNEL_ARCHIVED if "{channel}" in route.path else ARCHIVED
    return await api.send(route.method, path_of(route, session_id=session_id), {**_to(route, session_id), **said})


async def _no_share(api: Client, route: Operation) -> Answer:
    return await api.send(route.method, path_of(route, share_id="never", token="never"))


def _appends(route: Operation) -> bool:
    return route.operation_id in {"append_messages", "append_anywhere", "send_message"} | SPEAKING


def _to(route: Operation, session_id: str) -> dict[str, object]:
    return {} if "{session_id}" in route.path else {"session_id": session_id}


def _but_ids(body: Any) -> Any:
    return {name: value for name, value in body.items() if name not in {"id", "session_id"}}


# What brings an answer about, by its status and the problem's code; a route's own by its name as well.
PROVOCATIONS: dict[tuple[int, str | None], Provocation] = {
    (200, None): _as_it_should_be,
    (201, None): _as_it_should_be,
    (204, None): _as_it_should_be,
    (304, None): _held_already,
    (308, None): _with_a_slash,
    (400, "bad_request"): _bad_request,
    (401, "unauthenticated"): _no_owner,
    (403, "forbidden"): _as_it_should_be,
    (404, "session_not_found"): _no_session,
    (404, "message_not_found"): _no_message,
    (404, "file_not_found"): _no_file,
    (404, "share_not_found"): _no_share,
    (409, "session_exists"): _with_a_used_id,
    (409, "message_conflict"): _with_a_used_id,
    (409, "session_archived"): _to_an_archived_session,
    (409, "idempotency_conflict"): _with_a_used_key,
    (411, "length_required"): _in_chunks,
    (412, "precondition_failed"): _lost_condition,
    (413, "payload_too_large"): _too_large,
    (415, "unsupported_media_type"): _no_json,
    (422, "validation_failed"): _unknown_field,
    (409, "turn_in_progress"): _beside_another_turn,
    (409, "turn_not_newest"): _after_more_was_said,
    (422, "content_filtered"): _with_a_model_that(Script(status=400, body={"error": {"code": "content_filter"}})),
    (429, "throttled"): _as_it_should_be,
    (429, "model_throttled"): _with_a_model_that(Script(status=429, body={}, headers={"Retry-After": "30"})),
    (501, "no_responder"): _as_it_should_be,
    (502, "model_failed"): _with_a_model_that(Script(status=500, body={})),
    (504, "model_timeout"): _with_a_model_that(Script(status=504, body={})),
    (503, "store_unavailable"): _as_it_should_be,
    (411, None): _in_chunks,
    (429, None): _as_it_should_be,  # to a HEAD, which has no body to name a code in
    (503, None): _as_it_should_be,
}
OF_ONE_ROUTE: dict[tuple[str, int, str | None], Provocation] = {
    ("create_session", 200, None): _twice,
    ("append_messages", 200, None): _twice,
    ("append_anywhere", 200, None): _twice,
    ("send_message", 200, None): _twice,
    ("replace_tail", 200, None): _twice,
    ("take_turn", 200, None): _twice,
    ("take_turn_anywhere", 200, None): _twice,
    ("take_turn", 404, "message_not_found"): _while_the_session(EMPTIED),
    ("take_turn_anywhere", 404, "session_not_found"): _nothing_in_no_session,
    ("take_turn_anywhere", 404, "message_not_found"): _while_the_session(EMPTIED),
    ("ask", 404, "session_not_found"): _while_the_session(DELETED),
    ("ask", 404, "message_not_found"): _while_the_session(EMPTIED),
    ("say_in_channel", 404, "message_not_found"): _while_the_session(EMPTIED),
    ("look_at_turn", 429, "model_throttled"): _while_the_instance_ends,
    ("regenerate_reply", 200, None): _regenerated,
    ("regenerate_reply", 409, "session_archived"): _regenerated_in_an_archived_session,
    ("replace_tail", 409, "message_conflict"): _with_a_used_id_at_the_end,
    ("replace_tail", 409, "session_archived"): _at_the_end_of_an_archived_session,
}
SIGNED_IN = {"user_identity": "easyauth", "easyauth_enabled": True}
STAGES: dict[int, dict[str, Any]] = {401: SIGNED_IN, 403: SIGNED_IN, 501: {"model": ModelSettings()}}
OF_A_MODEL = {"content_filtered", "model_throttled", "model_failed", "model_timeout"}  # after something was stored
FAILING = {"throttled", "store_unavailable"}
FAILURES: dict[int, type[Exception]] = {429: StoreThrottledError, 503: StoreUnavailableError}


def documented_answers() -> list[Any]:
    """List every answer of every route: a status, and the code of the problem if it is one."""
    found = []
    for route in ROUTES:
        for status, response in responses(route).items():
            content = response.get("content", {}).get("application/problem+json")
            codes = content["schema"]["properties"]["code"]["enum"] if content else [None]
            names = [f"{route.operation_id}-{status}" + (f"-{code}" if code else "") for code in codes]
            found += [pytest.param(route, status, code, id=name) for code, name in zip(codes, names, strict=True)]
    return found


@asynccontextmanager
async def _stage(scene: Scene, status: int, code: str | None) -> AsyncIterator[Client]:
    """Serve to a user with sessions, where this answer can come about."""
    with pytest.MonkeyPatch.context() as patch:
        for verb in SessionStore.__abstractmethods__ - {"close"} if code in FAILING or not code else ():
            if status in FAILURES:
                patch.setattr(scene.store, verb, _failing(FAILURES[status]))
        async with (
            serving_model() as model,
            serving(scene.store, **{"model": model.settings} | STAGES.get(status, {})) as url,
            aiohttp.ClientSession() as http,
        ):
            MODEL[:], STORES[:] = [model], [scene.store]
            if status == 403:
                http.headers["x-ms-client-principal-id"] = an_owner()
            if status >= 400 and status != 409 and code not in OF_A_MODEL:
                yield Client(http, url, scene.owner.user)
                return
            shared = dict(MADE)
            own = await set_up(scene.store, Client(http, url, an_owner()), Client(http, url, an_owner()))
            yield own.owner
            await clean_up(own)
            MADE.update(shared)


def _failing(error: type[Exception]) -> Callable[..., Awaitable[None]]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(("route", "status", "code"), documented_answers())
async def test_a_documented_answer_comes_and_is_as_documented(
    scene: Scene, route: Operation, status: int, code: str | None
) -> None:
    provoke = OF_ONE_ROUTE.get((route.operation_id, status, code)) or PROVOCATIONS[status, code]
    async with _stage(scene, status, code) as api:
        answer = await provoke(api, route)

    assert answer.status == status, answer
    assert code is None or answer.refusal == (status, code)
    assert_as_documented(answer, responses(route)[status])


def assert_as_documented(answer: Answer, response: dict[str, Any]) -> None:
    """Hold body and headers of an answer against what the document says of it."""
    contents = response.get("content", {})
    assert bool(answer.body) == bool(contents), answer
    if contents:
        media_type = answer.headers["content-type"].partition(";")[0]
        schema = contents[media_type]["schema"]
        value = answer.json if media_type in {"application/json", PROBLEM} else answer.body.decode()
        assert [error.message for error in validator(schema).iter_errors(value)] == []
    optional = {"x-next-cursor", "x-left-out", *(["Retry-After"] if answer.status == 409 else [])}  # of another turn
    for name, header in response["headers"].items():
        assert name in optional or validator(resolved(header)["schema"]).is_valid(answer.headers[name]), name
