"""One session over HTTP: create, read, change, delete and count it."""

import re
from datetime import datetime, timedelta

import pytest

from tests.http.client import Client, a_session, a_talk, every_page, numbered, refused_before_any_store_is_asked, spoken

SESSIONS = "/api/chat/sessions"
FIELDS = {
    "id", "user_id", "session_name", "channel", "status", "is_active", "context", "tags", "pinned", "message_count",
    "created_at", "updated_at", "last_message_at", "last_activity_at", "archived_at", "ttl_seconds", "expires_at",
}  # fmt: skip
READ_ONLY = sorted(FIELDS - {
    "id", "user_id", "session_name", "channel", "context", "tags", "pinned", "ttl_seconds",
})  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LONGEST_TTL = 2_147_483_647


def seconds_left(session: dict[str, str]) -> float:
    left = datetime.fromisoformat(session["expires_at"]) - datetime.fromisoformat(session["updated_at"])
    return left.total_seconds()


def padded(size_bytes: int) -> dict[str, str]:
    """Return an object of exactly this size as compact JSON."""
    return {"k": "x" * (size_bytes - len('{"k":""}'))}


async def test_an_empty_object_makes_a_session_with_every_default(api: Client) -> None:
    session = await a_session(api)

    defaults = {"user_id": api.user, "session_name": None, "channel": "default", "status": "active", "is_active": True}
    counts = {"context": {}, "tags": [], "pinned": False, "message_count": 0, "ttl_seconds": 7_776_000}
    nothing_yet = {"last_message_at": None, "archived_at": None}
    assert session.keys() == FIELDS
    assert {**session, **defaults, **counts, **nothing_yet} == session


async def test_no_body_makes_a_session_too(api: Client) -> None:
    answer = await api.post(SESSIONS)

    assert answer.status == 201
    assert answer.json["channel"] == "default"


async def test_null_means_absent(api: Client) -> None:
    optional = ("id", "session_name", "channel", "context", "tags", "pinned", "ttl_seconds")

    session = await a_session(api, **dict.fromkeys(optional))

    assert session["id"]
    assert (session["channel"], session["context"], session["ttl_seconds"]) == ("default", {}, 7_776_000)


async def test_everything_that_can_be_given_is_kept(api: Client) -> None:
    given = {"id": "my.session_1-A", "session_name": "Grüße 你好", "channel": "web-1", "tags": ["a", "b"]}
    settings = {"context": {"a": [1, 2.5, None, {"b": "ü"}]}, "pinned": True, "ttl_seconds": 60}

    session = await a_session(api, **given, **settings)

    assert {**session, **given, **settings} == session
    assert (await api.get(f"{SESSIONS}/my.session_1-A")).json["context"] == settings["context"]


async def test_the_location_is_relative_and_leads_to_the_session(api: Client) -> None:
    created = await api.post(SESSIONS, {"id": "a-1"})

    assert created.headers["location"] == f"{SESSIONS}/a-1"
    assert (await api.get(created.headers["location"])).json["id"] == "a-1"


async def test_times_are_utc_with_six_fractional_digits(api: Client) -> None:
    session = await a_session(api)

    for name in ("created_at", "updated_at", "last_activity_at", "expires_at"):
        assert MOMENT.fullmatch(session[name]), name


@pytest.mark.parametrize("session_id", ["a", "0", "A.b_c-1", "x" * 64, "stats", "messages"])
async def test_an_id_of_the_client_is_kept(api: Client, session_id: str) -> None:
    await a_session(api, id=session_id)

    assert (await api.get(f"{SESSIONS}/{session_id}")).json["id"] == session_id


BAD_FIELDS = [
    *[("id", value) for value in ["", "-a", ".a", "_a", "a/b", "a b", "ä", "a\n", "a:b", "x" * 65, 5]],
    *[("channel", value) for value in ["", "Web", "a_b", "ä", "web\n", "x" * 65, 5]],
    *[("session_name", value) for value in ["x" * 201, 5, ["x"]]],
    *[("tags", value) for value in [["x"] * 17, ["x" * 65], [5], "x", {"x": 1}]],
    *[("context", value) for value in [padded(8 * 1024 + 1), {"k": "你" * 2800}, [], "x"]],
    *[("pinned", value) for value in [1, "true"]],
    *[("ttl_seconds", value) for value in [0, -2, LONGEST_TTL + 1, 1.5, True, "60"]],
]


@refused_before_any_store_is_asked
@pytest.mark.parametrize(("name", "value"), BAD_FIELDS)
async def test_a_field_that_breaks_a_rule_is_named_and_nothing_is_made(api: Client, name: str, value: object) -> None:
    answer = await api.post(SESSIONS, {name: value})

    assert answer.refusal == (422, "validation_failed")
    assert answer.json["errors"][0]["loc"][0] == name
    assert (await api.get(f"{SESSIONS}?status=all")).json["data"] == []


@pytest.mark.parametrize(
    "field",
    [
        {"session_name": "😀" * 200},
        {"tags": ["你" * 64] * 16},
        {"context": padded(8 * 1024)},
        {"channel": "-" * 64},
        {"ttl_seconds": 1},
        {"ttl_seconds": LONGEST_TTL},
        {"ttl_seconds": -1},
    ],
    ids=lambda field: next(iter(field)),
)
async def test_a_field_at_its_limit_is_kept(api: Client, field: dict[str, object]) -> None:
    session = await a_session(api, **field)

    assert {**session, **field} == session


@refused_before_any_store_is_asked
@pytest.mark.parametrize("name", [*READ_ONLY, "etag", "messages", "colour"])
async def test_a_field_that_is_read_only_or_unknown_is_refused(api: Client, name: str) -> None:
    answer = await api.post(SESSIONS, {name: None})

    assert answer.refusal == (422, "validation_failed")
    assert answer.json["errors"][0]["loc"] == [name]


async def test_an_id_that_the_owner_has_is_refused_and_the_session_stays(api: Client) -> None:
    before = await a_session(api, id="mine", session_name="first")

    again = await api.post(SESSIONS, {"id": "mine", "session_name": "second"})

    assert again.refusal == (409, "session_exists")
    assert (await api.get(f"{SESSIONS}/mine")).json["updated_at"] == before["updated_at"]


async def test_a_session_expires_its_ttl_after_the_last_write(api: Client) -> None:
    session = await a_session(api, ttl_seconds=600)

    assert abs(seconds_left(session) - 600) <= 1


async def test_a_session_that_is_kept_never_expires(api: Client) -> None:
    assert (await a_session(api, ttl_seconds=-1))["expires_at"] is None


async def test_a_pinned_session_never_expires_and_keeps_its_setting(api: Client) -> None:
    session = await a_session(api, ttl_seconds=600, pinned=True)

    assert (session["expires_at"], session["ttl_seconds"]) == (None, 600)


async def test_a_read_shows_what_was_created(api: Client) -> None:
    created = await a_session(api, session_name="Same", tags=["a"])

    read = (await api.get(f"{SESSIONS}/{created['id']}")).json

    assert read == {**created, "messages": [], "has_more": False, "next_cursor": None}


async def test_a_read_brings_the_newest_messages_oldest_of_them_first(api: Client) -> None:
    path = await a_talk(api, *numbered(5))

    session = (await api.get(path.removesuffix("/messages") + "?limit=3")).json

    assert [message["content"] for message in session["messages"]] == ["message 3", "message 4", "message 5"]
    assert (session["has_more"], session["message_count"]) == (True, 5)


async def test_a_read_brings_fifty_messages_unless_told_otherwise(api: Client) -> None:
    path = (await a_talk(api, *numbered(51))).removesuffix("/messages")

    newest, all_of_them = (await api.get(path)).json, (await api.get(f"{path}?limit=200")).json

    assert [message["seq"] for message in newest["messages"]] == list(range(2, 52))
    assert [message["seq"] for message in all_of_them["messages"]] == list(range(1, 52))


async def test_the_cursor_of_a_read_leads_on_to_the_older_messages(api: Client) -> None:
    path = await a_talk(api, *numbered(6))

    cursor = (await api.get(path.removesuffix("/messages") + "?limit=2")).json["next_cursor"]
    older = await every_page(api, f"{path}?limit=3", cursor)

    assert [message["seq"] for page in older for message in page] == [4, 3, 2, 1]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "x", "%D9%A1", "1&limit=2"])
async def test_a_read_with_a_bad_limit_is_refused(api: Client, limit: str) -> None:
    session = await a_session(api)

    answer = await api.get(f"{SESSIONS}/{session['id']}?limit={limit}")

    assert answer.refusal == (400, "bad_request")


async def test_every_answer_about_one_session_has_its_etag(api: Client) -> None:
    created = await api.post(SESSIONS, {"id": "tagged"})
    changed = await api.patch(f"{SESSIONS}/tagged", {"tags": ["a"]})
    read = await api.get(f"{SESSIONS}/tagged")

    assert re.fullmatch(r'"[^"]+"', read.headers["etag"])
    assert changed.headers["etag"] == read.headers["etag"] != created.headers["etag"]


@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_read_of_a_version_that_is_held_already_is_304(api: Client, condition: str) -> None:
    created = await api.post(SESSIONS, {"id": "held"})
    etag = created.headers["etag"]

    answer = await api.get(f"{SESSIONS}/held", if_none_match=condition.format(etag))

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("condition", ['"other"', "", "nonsense"])
async def test_a_read_of_another_version_is_answered_in_full(api: Client, condition: str) -> None:
    await a_session(api, id="moved")

    answer = await api.get(f"{SESSIONS}/moved", if_none_match=condition)

    assert (answer.status, answer.json["id"]) == (200, "moved")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"tags": ["new"]}),
        ("POST", "/messages", spoken("new")),
        ("DELETE", "/messages", {}),
    ],
)
async def test_every_change_moves_the_etag(api: Client, method: str, path: str, body: dict[str, object]) -> None:
    session = (await a_talk(api, "first")).removesuffix("/messages")
    before = (await api.get(session)).headers["etag"]

    await api.send(method, session + path, body)

    assert (await api.get(session, if_none_match=before)).status == 200


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "change",
    [
        {"session_name": "New"},
        {"session_name": ""},
        {"context": {"b": 2}},
        {"tags": []},
        {"pinned": True},
        {"ttl_seconds": 60},
        {"session_name": "New", "context": {}, "tags": ["c"], "pinned": False, "ttl_seconds": -1},
    ],
    ids="+".join,
)
async def test_a_change_replaces_what_is_given_and_nothing_else(
    api: Client, method: str, change: dict[str, object]
) -> None:
    before = await a_session(api, session_name="Old", context={"a": 1}, tags=["a"], channel="web")

    answer = await api.send(method, f"{SESSIONS}/{before['id']}", change)

    moving = {"updated_at", "expires_at"}
    after = answer.json
    assert (answer.status, after.keys()) == (200, FIELDS)
    assert {name: value for name, value in after.items() if name not in moving} == {
        name: value for name, value in {**before, **change}.items() if name not in moving
    }


async def test_a_change_is_read_back_at_once(api: Client) -> None:
    session = await a_session(api)

    changed = (await api.patch(f"{SESSIONS}/{session['id']}", {"context": {"step": 2}})).json

    read = (await api.get(f"{SESSIONS}/{session['id']}")).json
    assert changed == {name: value for name, value in read.items() if name in FIELDS}


async def test_a_change_moves_updated_at_and_not_the_last_activity(api: Client) -> None:
    before = await a_session(api)

    after = (await api.patch(f"{SESSIONS}/{before['id']}", {"tags": ["a"]})).json

    assert after["updated_at"] > before["updated_at"]
    assert after["last_activity_at"] == before["last_activity_at"]


async def test_null_clears_the_name(api: Client) -> None:
    session = await a_session(api, session_name="Old")

    assert (await api.patch(f"{SESSIONS}/{session['id']}", {"session_name": None})).json["session_name"] is None


async def test_null_leaves_every_other_field_as_it_is(api: Client) -> None:
    before = await a_session(api, context={"a": 1}, tags=["a"], pinned=True, ttl_seconds=60)

    after = await api.patch(f"{SESSIONS}/{before['id']}", dict.fromkeys(["context", "tags", "pinned", "ttl_seconds"]))

    assert (after.status, after.json) == (200, before)


@pytest.mark.parametrize("body", [{}, b"", b" \n"])
async def test_a_change_of_nothing_moves_nothing(api: Client, body: object) -> None:
    before = await a_session(api)

    after = await api.patch(f"{SESSIONS}/{before['id']}", body)

    assert (after.status, after.json) == (200, before)


@refused_before_any_store_is_asked
@pytest.mark.parametrize("name", ["id", "channel", "status", "message_count", "created_at", "messages", "colour"])
async def test_a_change_of_what_cannot_change_is_refused(api: Client, name: str) -> None:
    session = await a_session(api)

    answer = await api.patch(f"{SESSIONS}/{session['id']}", {name: "new", "session_name": "new"})

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(f"{SESSIONS}/{session['id']}")).json["session_name"] is None


@refused_before_any_store_is_asked
@pytest.mark.parametrize(("name", "value"), [bad for bad in BAD_FIELDS if bad[0] not in {"id", "channel"}])
async def test_a_change_that_breaks_a_rule_is_refused(api: Client, name: str, value: object) -> None:
    session = await a_session(api)

    answer = await api.patch(f"{SESSIONS}/{session['id']}", {name: value})

    assert answer.refusal == (422, "validation_failed")


async def test_a_new_ttl_counts_from_the_change(api: Client) -> None:
    session = await a_session(api)

    changed = (await api.patch(f"{SESSIONS}/{session['id']}", {"ttl_seconds": 100})).json

    assert abs(seconds_left(changed) - 100) <= 1


async def test_a_pin_stops_the_clock_and_taking_it_off_starts_it_again(api: Client) -> None:
    session = await a_session(api, ttl_seconds=100)
    path = f"{SESSIONS}/{session['id']}"

    pinned = (await api.patch(path, {"pinned": True})).json
    loose = (await api.patch(path, {"pinned": False})).json

    assert pinned["expires_at"] is None
    assert abs(seconds_left(loose) - 100) <= 1


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("condition", ["{}", '"other", {}', '{}, "other"', "*", ""])
async def test_a_change_of_the_version_named_goes_through(api: Client, method: str, condition: str) -> None:
    etag = (await api.post(SESSIONS, {"id": "mine"})).headers["etag"]

    answer = await api.send(method, f"{SESSIONS}/mine", {"tags": ["a"]}, {"if-match": condition.format(etag)})

    assert (answer.status, answer.json["tags"]) == (200, ["a"])
    await api.delete(f"{SESSIONS}/mine")


@pytest.mark.parametrize("condition", ['"other"', "W/{}", '"other", "another"', "nonsense", '""'])
async def test_a_change_of_another_version_is_refused(api: Client, condition: str) -> None:
    etag = (await api.post(SESSIONS, {"id": "mine"})).headers["etag"]

    answer = await api.patch(f"{SESSIONS}/mine", {"tags": ["a"]}, if_match=condition.format(etag))

    assert answer.refusal == (412, "precondition_failed")
    assert (await api.get(f"{SESSIONS}/mine")).json["tags"] == []


@pytest.mark.parametrize("named", [{}, {"session_id": "unknown"}])
async def test_any_version_is_none_where_there_is_no_session(api: Client, named: dict[str, str]) -> None:
    refused = await api.post("/api/chat/messages", {"role": "user", "content": "Hi", **named}, if_match="*")

    assert refused.refusal == (412, "precondition_failed")
    assert (await api.get(SESSIONS)).json["data"] == []


@pytest.mark.parametrize(("method", "action"), [("DELETE", ""), ("POST", "/archive"), ("POST", "/restore")])
async def test_nothing_else_happens_to_another_version_either(api: Client, method: str, action: str) -> None:
    path = f"{SESSIONS}/{(await api.post(SESSIONS, {})).json['id']}"
    before = (await api.get(path)).json

    refused = await api.send(method, path + action, headers={"if-match": '"other"'})
    unchanged = (await api.get(path)).json
    passed = await api.send(method, path + action, headers={"if-match": (await api.get(path)).headers["etag"]})

    assert refused.refusal == (412, "precondition_failed")
    assert unchanged == before
    assert passed.status in {200, 204}


async def test_the_second_of_two_changes_of_one_version_loses(api: Client) -> None:
    etag = (await api.post(SESSIONS, {"id": "mine"})).headers["etag"]

    first = await api.patch(f"{SESSIONS}/mine", {"tags": ["first"]}, if_match=etag)
    second = await api.patch(f"{SESSIONS}/mine", {"tags": ["second"]}, if_match=etag)

    assert (first.status, second.status) == (200, 412)
    assert (await api.get(f"{SESSIONS}/mine")).json["tags"] == ["first"]


async def test_an_append_makes_an_etag_stale(api: Client) -> None:
    etag = (await api.post(SESSIONS, {"id": "mine"})).headers["etag"]
    await api.post(f"{SESSIONS}/mine/messages", spoken())

    assert (await api.patch(f"{SESSIONS}/mine", {"tags": ["a"]}, if_match=etag)).status == 412


async def test_the_etag_of_a_change_is_good_for_the_next_one(api: Client) -> None:
    etag = (await api.post(SESSIONS, {"id": "mine"})).headers["etag"]
    for number in range(3):
        answer = await api.patch(f"{SESSIONS}/mine", {"tags": [str(number)]}, if_match=etag)
        etag = answer.headers["etag"]

    assert (answer.status, answer.json["tags"]) == (200, ["2"])


async def test_a_change_of_nothing_still_honours_its_condition(api: Client) -> None:
    await a_session(api, id="mine")

    assert (await api.patch(f"{SESSIONS}/mine", {}, if_match='"other"')).status == 412


async def test_a_deleted_session_is_gone_with_its_messages(api: Client) -> None:
    path = await a_talk(api, "Hello")

    deleted = await api.delete(path.removesuffix("/messages"))

    assert (deleted.status, deleted.body) == (204, b"")
    assert (await api.get(path)).status == 404
    assert (await api.get(SESSIONS)).json["data"] == []


async def test_deleting_twice_is_404(api: Client) -> None:
    session = await a_session(api)
    await api.delete(f"{SESSIONS}/{session['id']}")

    assert (await api.delete(f"{SESSIONS}/{session['id']}")).refusal == (404, "session_not_found")


async def test_the_id_of_a_deleted_session_begins_anew(api: Client) -> None:
    path = await a_talk(api, "old", id="again", session_name="old")
    await api.delete(path.removesuffix("/messages"))

    await a_talk(api, "new", id="again")

    session = (await api.get(path.removesuffix("/messages"))).json
    assert session["session_name"] is None
    assert [(message["seq"], message["content"]) for message in session["messages"]] == [(1, "new")]


async def test_stats_of_an_empty_session_are_zeros(api: Client) -> None:
    session = await a_session(api)

    answer = await api.get(f"{SESSIONS}/{session['id']}/stats")

    roles = ("user", "assistant", "system", "developer", "tool")
    times = {"first_message_at": None, "last_message_at": None, "duration_seconds": 0}
    assert answer.status == 200
    usage = {"replies": 0, "input_tokens": 0, "output_tokens": 0}
    counts = {"message_count": 0, "by_role": dict.fromkeys(roles, 0), "usage": usage}
    assert answer.json == {**counts, **times, "is_active": True}


async def test_stats_count_messages_by_role(api: Client) -> None:
    path = await a_talk(api)
    roles = ["system", "user", "assistant", "user", "tool", "assistant", "user"]
    await api.post(path, {"messages": [{"role": role, "content": "x"} for role in roles]})

    counts = (await api.get(path.removesuffix("/messages") + "/stats")).json

    assert counts["message_count"] == 7
    assert counts["by_role"] == {"user": 3, "assistant": 2, "system": 1, "developer": 0, "tool": 1}


async def test_stats_last_from_the_first_to_the_last_message(api: Client) -> None:
    path = await a_talk(api, "first")
    await api.post(path, spoken("last"))
    first, last = (await api.get(f"{path}?order=asc")).json["data"]

    counts = (await api.get(path.removesuffix("/messages") + "/stats")).json

    duration = datetime.fromisoformat(last["created_at"]) - datetime.fromisoformat(first["created_at"])
    assert (counts["first_message_at"], counts["last_message_at"]) == (first["created_at"], last["created_at"])
    assert timedelta(seconds=counts["duration_seconds"]) == duration > timedelta(0)


@pytest.mark.parametrize("session_id", ["-bad", "a%20b", "%C3%A4", "a:b", "x" * 65, "a%2Fb", "a%0A", "%25", "..."])
async def test_an_id_that_no_session_can_have_is_the_same_404_as_an_unknown_one(api: Client, session_id: str) -> None:
    malformed = await api.get(f"{SESSIONS}/{session_id}", x_request_id="same")
    unknown = await api.get(f"{SESSIONS}/unknown", x_request_id="same")

    assert malformed.refusal == (404, "session_not_found")
    assert malformed.body == unknown.body


@pytest.mark.parametrize("session_id", ["unknown", "-bad"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"tags": []}),
        ("PUT", "", {}),
        ("DELETE", "", {}),
        ("GET", "/stats", {}),
        ("GET", "/messages", {}),
        ("POST", "/messages", spoken()),
        ("DELETE", "/messages", {}),
    ],
)
async def test_every_route_of_a_session_answers_that_404(
    api: Client, session_id: str, method: str, path: str, body: dict[str, object]
) -> None:
    same = {"x-request-id": "same"}

    answer = await api.send(method, f"{SESSIONS}/{session_id}{path}", body, same)

    assert answer.refusal == (404, "session_not_found")
    assert answer.body == (await api.send("GET", f"{SESSIONS}/missing", headers=same)).body
