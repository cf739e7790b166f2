"""Every route the app has, with everything wrong that can be wrong: the documented refusal, and nothing stored."""

import pytest

from shared.http.body import MAX_BODY_BYTES
from shared.http.parameters import IDEMPOTENCY_KEY
from shared.http.query import MAX_FIELDS
from shared.openapi.operations import Operation
from tests.builders import an_owner
from tests.hostile.requests import (
    IN_SESSIONS,
    MUTE,
    OWNED,
    ROUTES,
    WITH_BODY,
    Broken,
    body_of,
    is_body_required,
    name_of,
    needed_query,
    path_of,
    refused,
    unknown,
    with_query,
    wrong_query,
    wrong_types,
)
from tests.hostile.state import ARCHIVED, EMPTY, IN_CHANNEL, IN_CHANNEL_ARCHIVED, MINE, Scene
from tests.http.client import NO_BODY, Answer, refused_before_any_store_is_asked

pytestmark = pytest.mark.asyncio(loop_scope="module")
BAD_REQUEST = (400, "bad_request")
TOO_LARGE = (413, "payload_too_large")
NOT_JSON = (415, "unsupported_media_type")
INVALID = (422, "validation_failed")
BEHIND_THE_QUERY = {409, 502}  # of turns: no model is there, and of the message asked about something was said since
WITH_QUERY = [route for route in ROUTES if route.query]
WITH_KEY = [route for route in ROUTES if IDEMPOTENCY_KEY in route.endpoint.headers]
WITH_PATH = [route for route in ROUTES if "{" in route.path]
REFUSED_WHEN_EMPTY = {("clear_messages", "after")}  # left empty by mistake it would remove everything
NO_USER_IDS = ["a/b", "a\\b", "a?b", "a#b", "x" * 129, "/", "..\\.."]
NO_USER_IDS_ENCODED = ["a%2Fb", "a%5Cb", "a%3Fb", "a%23b", "%00", "a%0Ab", "a%7Fb", "a%C2%85b", "a%0D%0Ab", "x" * 129]
NO_IDS = [
    "-a", "_a", ".a", "...", "a%20b", "a%2Fb", "a%2fb", "a%5Cb", "a%3Fb", "a%23b", "%C3%A4", "a%0Db", "a%27", "a%22",
    "a%3B", "a,b", "a%25", "%25", "%2500", "%FF", "a%7Ee%7E0", "a~e~0", "a%252Fb", "%E2%80%AE", "%EF%BC%8F", "x" * 65,
    "a%09", "%20a", "a%20", "a*", "a%7Cb", "%F0%9F%98%80", "a'--", "1%20OR%201=1", "%3Cscript%3E", "%7B%7D", "a$b",
    "a@b", "a+b", "(a)", "a=b", "a&b", "%22%20OR%201=1%20--", "%7Bsession_id%7D", "x" * 5000, f"{MINE}%0A",
    f"{MINE}%20", f"{MINE}%C2%A0", f"%0A{MINE}", f"{MINE}%2F", f"{MINE}%5C", f"{MINE}%E2%80%A8",
]  # fmt: skip
NO_JSON = [
    b"{", b"{}}", b"{} {}", b"[]", b"[{}]", b'"text"', b"5", b"null", b"true", b"text", b"\x00", b"{'a': 1}",
    b'{"a": 1,}', b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\n"}',
    b"\xef\xbb\xbf\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32"), b"[" * 10_000, b'{"a":' * 10_000,
    b"<a/>", b"a=1&b=2", b"\x1f\x8b\x08\x00",
]  # fmt: skip
NO_JSON_TYPES = [
    "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml", "application/jsonp", "application/json-patch", "json", "*/*", "application/x-ndjson", ";",
    "application/json, text/plain",
]  # fmt: skip
every_route = pytest.mark.parametrize("route", ROUTES, ids=name_of)
every_owned_route = pytest.mark.parametrize("route", OWNED, ids=name_of)
every_route_with_an_owner = pytest.mark.parametrize(
    "route", [route for route in OWNED if not route.endpoint.owner_optional], ids=name_of
)
every_route_with_a_body = pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
every_route_in_a_session = pytest.mark.parametrize("route", IN_SESSIONS, ids=name_of)


@every_route_with_an_owner
@refused_before_any_store_is_asked
async def test_without_an_owner_nothing_happens(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    path, body = path_of(route), body_of(route)

    await refused(
        scene.nobody,
        route,
        BAD_REQUEST,
        Broken("none", path, body),
        Broken("an empty one", with_query(path, "user_id="), body, {"x-user-id": ""}),
        Broken("another header", path, body, {"x-ms-client-principal-id": str(scene.owner.user)}),
        Broken(
            "a look-alike", with_query(path, f"User_Id={scene.owner.user}"), body, {"user_id": str(scene.owner.user)}
        ),
    )

    assert await scene.everything() == before


@every_owned_route
@refused_before_any_store_is_asked
async def test_without_one_proper_owner_nothing_happens(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    path, body = path_of(route), body_of(route)
    owner, other = scene.owner.user, scene.attacker.user

    await refused(
        scene.nobody,
        route,
        BAD_REQUEST,
        *(Broken("header", path, body, {"x-user-id": name}) for name in NO_USER_IDS),
        *(Broken("query", with_query(path, f"user_id={name}"), body) for name in NO_USER_IDS_ENCODED),
        Broken("twice in the query", with_query(path, f"user_id={owner}&user_id={other}"), body),
        Broken("joined", with_query(path, f"user_id={owner}"), body, {"x-user-id": f"{owner},{other}"}),
        Broken("header and query", with_query(path, f"user_id={owner}"), body, {"x-user-id": str(other)}),
        Broken("bytes that are no text", with_query(path, "user_id=%FF"), body, {"x-user-id": str(owner)}),
        Broken("too many parameters", with_query(path, "a=1&" * (MAX_FIELDS + 1)), body, {"x-user-id": str(owner)}),
    )

    assert await scene.everything() == before


@every_route_with_a_body
@refused_before_any_store_is_asked
async def test_a_body_names_the_same_owner_or_none(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    names: list[object] = [scene.attacker.user, f"{scene.owner.user} ", "a/b", 5, True, [], {}, [scene.owner.user]]
    bodies = [{**body, "user_id": name} for body in route.bodies.values() for name in names]

    await refused(scene.owner, route, BAD_REQUEST, *(Broken("user_id", path_of(route), body) for body in bodies))

    assert await scene.everything() == before


@every_route_in_a_session
@pytest.mark.parametrize("session_id", [MINE, ARCHIVED, EMPTY, IN_CHANNEL])
async def test_another_users_session_does_not_exist(scene: Scene, route: Operation, session_id: str) -> None:
    before = await scene.everything()
    path, examples = path_of(route, session_id=session_id), route.bodies.values()
    etag = (await scene.owner.get(f"/api/chat/sessions/{session_id}")).headers["etag"]

    await refused(
        scene.attacker,
        route,
        unknown(route, "session_id"),
        *(Broken("as it should be", path, body) for body in examples or [NO_BODY]),
        Broken("a condition", path, body_of(route), {"if-match": etag}),
        Broken("any version", path, body_of(route), {"if-match": "*", "if-none-match": "*"}),
        Broken("a key", path, body_of(route), {"idempotency-key": "k"}),
    )

    assert await scene.everything() == before


@pytest.mark.parametrize("route", [route for route in ROUTES if route.operation_id in MUTE], ids=name_of)
async def test_a_route_that_never_tells_of_a_missing_session_leaves_those_of_others(
    scene: Scene, route: Operation
) -> None:
    before = await scene.everything()
    same = {"x-request-id": "same"}
    never = await scene.attacker.send(route.method, path_of(route, session_id="never.was"), body_of(route), same)

    for session_id in (IN_CHANNEL, IN_CHANNEL_ARCHIVED, MINE, *NO_IDS):
        answer = await scene.attacker.send(route.method, path_of(route, session_id=session_id), body_of(route), same)
        assert (answer.status, answer.body) == (never.status, never.body), session_id

    assert await scene.everything() == before


@pytest.mark.parametrize("route", WITH_PATH, ids=name_of)
async def test_what_cannot_be_an_id_names_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()

    for name in route.path_names:
        if name == "session_id" and route.operation_id in MUTE:
            continue
        ids = [*NO_IDS, *(["a:b"] if name == "session_id" else [])]
        broken = (Broken(value, path_of(route, **{name: value}), body_of(route)) for value in ids)
        await refused(scene.owner, route, unknown(route, name), *broken)

    assert await scene.everything() == before


@every_route_with_a_body
@refused_before_any_store_is_asked
async def test_a_body_that_is_no_json_object_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    bodies = [*NO_JSON, *([b"", b" \n"] if is_body_required(route) else [])]

    await refused(scene.owner, route, BAD_REQUEST, *(Broken(str(body[:20]), path_of(route), body) for body in bodies))

    assert await scene.everything() == before


@every_route_with_a_body
@refused_before_any_store_is_asked
async def test_a_field_of_a_wrong_type_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    wrong = [Broken(field, path_of(route), body) for field, body in wrong_types(route)]

    await refused(scene.owner, route, BAD_REQUEST, *(broken for broken in wrong if broken.where == "user_id"))
    if others := [broken for broken in wrong if broken.where != "user_id"]:
        await refused(scene.owner, route, INVALID, *others)

    assert await scene.everything() == before


@every_route_with_a_body
@refused_before_any_store_is_asked
async def test_a_field_that_nobody_knows_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    names = (
        "colour",
        "",
        "seq",
        "created_at",
        "etag",
        "_etag",
        "ttl",
        "__proto__",
        "constructor",
        "$where",
        "User_Id",
        "\0",
    )
    bodies = [{**body, name: 1} for body in route.bodies.values() for name in names]

    await refused(scene.owner, route, INVALID, *(Broken(str(body), path_of(route), body) for body in bodies))

    assert await scene.everything() == before


@every_route_with_a_body
@pytest.mark.parametrize("filling", [b" ", b"x", b"[", b'{"a":', b"\xff"])
@refused_before_any_store_is_asked
async def test_a_body_that_is_too_large_changes_nothing(scene: Scene, route: Operation, filling: bytes) -> None:
    before = await scene.everything()
    large = filling * (2 * MAX_BODY_BYTES // len(filling))
    bodies = [large, large[: MAX_BODY_BYTES + 1]]

    await refused(scene.owner, route, TOO_LARGE, *(Broken("large", path_of(route), body) for body in bodies))

    assert await scene.everything() == before


@every_route_with_a_body
@refused_before_any_store_is_asked
async def test_a_body_of_another_content_type_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    path, body = path_of(route), next(iter(route.bodies.values())) or {"user_id": scene.owner.user}

    await refused(
        scene.owner, route, NOT_JSON, *(Broken(name, path, body, {"content-type": name}) for name in NO_JSON_TYPES)
    )

    assert await scene.everything() == before


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "DELETE"], ids=name_of)
@refused_before_any_store_is_asked
async def test_a_deletion_with_a_body_that_cannot_be_read_removes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    path = path_of(route)

    answers = [
        await scene.owner.send("DELETE", path, b"{"),
        await scene.owner.send("DELETE", path, b"{}", {"content-type": "text/plain"}),
        await scene.owner.send("DELETE", path, {"user_id": an_owner()}),
        await scene.owner.send("DELETE", path, {"colour": "blue"}),
    ]

    assert [answer.status for answer in answers] == [400, 415, 400, 422]
    assert await scene.everything() == before


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if not route.endpoint.bodies and route.method != "DELETE"], ids=name_of
)
async def test_a_route_without_a_body_does_not_read_one(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    client = scene.owner.speaking_for(an_owner())
    same = {"x-request-id": "same"}

    expected = await client.send(route.method, path_of(route), NO_BODY, same)

    for body in (b"{", b"\xff", b'{"user_id": "%s"}' % str(scene.owner.user).encode(), b"x" * 2 * MAX_BODY_BYTES):
        answer = await client.send(route.method, path_of(route), body, same | {"content-type": "text/plain"})
        assert (answer.status, _but_for_time(answer)) == (expected.status, _but_for_time(expected))
    assert await scene.everything() == before


def _but_for_time(answer: Answer) -> object:
    return {**answer.json, "latency_ms": 0} if b"latency_ms" in answer.body else answer.body


@pytest.mark.parametrize("route", WITH_QUERY, ids=name_of)
@refused_before_any_store_is_asked
async def test_a_query_value_that_breaks_a_rule_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    queries = [query for parameter in route.query for query in wrong_query(parameter)]

    await refused(
        scene.owner,
        route,
        BAD_REQUEST,
        *(
            Broken(query, with_query(path_of(route, without=query.partition("=")[0]), query), body_of(route))
            for query in queries
        ),
    )

    assert await scene.everything() == before


@pytest.mark.parametrize(
    ("route", "name"),
    [
        pytest.param(route, parameter["name"], id=f"{route.operation_id}-{parameter['name']}")
        for route in WITH_QUERY
        for parameter in route.query
    ],
)
async def test_a_query_parameter_without_a_value_is_none(scene: Scene, route: Operation, name: str) -> None:
    before = await scene.everything()
    path = with_query(path_of(route, without=name), f"{name}=")
    needed = name in needed_query(route)
    if needed or (route.operation_id, name) in REFUSED_WHEN_EMPTY:
        await refused(scene.owner, route, BAD_REQUEST, Broken("empty", path, body_of(route)))
        assert await scene.everything() == before
        return

    same = {"x-request-id": "same"}
    with_it = await scene.owner.send(route.method, path, body_of(route), same)
    without = await scene.owner.send(route.method, path_of(route), body_of(route), same)

    assert with_it.status in {200, 201, 204} | (BEHIND_THE_QUERY if route.endpoint.tag == "Turns" else set())
    assert (with_it.status, with_it.body) == (without.status, without.body)


@pytest.mark.parametrize("route", WITH_KEY, ids=name_of)
@refused_before_any_store_is_asked
async def test_a_key_that_is_no_visible_text_changes_nothing(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    keys = ["x" * 129, "a b", "ä", "😀", "a\xa0b", "k" * 500]

    await refused(
        scene.owner,
        route,
        BAD_REQUEST,
        *(Broken(key, path_of(route), body_of(route), {"idempotency-key": key}) for key in keys),
    )

    assert await scene.everything() == before


@every_route
@refused_before_any_store_is_asked
async def test_every_method_that_a_route_does_not_name_is_the_hosts_bare_404(scene: Scene, route: Operation) -> None:
    before = await scene.everything()
    known = {other.method for other in ROUTES if other.path == route.path}
    unknown_methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"} - known
    pretending = {
        "x-http-method-override": route.method,
        "x-http-method": route.method,
        "x-method-override": route.method,
    }

    for method in unknown_methods:
        answer = await scene.owner.send(
            method, with_query(path_of(route), f"_method={route.method}"), NO_BODY, pretending
        )
        assert (answer.status, answer.body) == (404, b"")

    assert await scene.everything() == before
