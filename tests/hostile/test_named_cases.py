"""What is tried on every API sooner or later, by name: the answer, and nothing stored."""

import gzip
from typing import NamedTuple

import pytest

from tests.builders import an_owner
from tests.hostile.requests import assert_says_nothing_internal
from tests.hostile.state import MINE, SESSIONS, Scene
from tests.http.client import NO_BODY, a_session, a_talk, numbered, refused_before_any_store_is_asked, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")
MESSAGES = f"{SESSIONS}/{MINE}/messages"
ANYWHERE = "/api/chat/messages"
BAD_REQUEST, NOT_FOUND = (400, "bad_request"), (404, "session_not_found")
TOO_LARGE, NOT_JSON, INVALID = (413, "payload_too_large"), (415, "unsupported_media_type"), (422, "validation_failed")
MEGABYTE = 1024 * 1024
NO_ID_TEXTS = [
    "a/b", "a#b", "a?b", "a%00", "..", ".", "", "a\0b", "x' OR '1'='1", '"}) OR true --', "a\\b", "a'b", 'a"b',
    "a;DROP TABLE x", "a~e~0", "a\n", "😀", "ä", " ", "a b", "x" * 65, "%2e%2e", "$ne", "{session_id}", "a\u202eb",
    "a\u2028b", "\uff11",
]  # fmt: skip


class Case(NamedTuple):
    """A request and how it must be refused."""

    method: str
    path: str
    body: object
    expected: tuple[int, str]
    headers: dict[str, str] | None = None


def posted(body: object, expected: tuple[int, str], path: str = SESSIONS, **headers: str) -> Case:
    return Case("POST", path, body, expected, {name.replace("_", "-"): value for name, value in headers.items()})


def got(path: str, expected: tuple[int, str] = BAD_REQUEST) -> Case:
    return Case("GET", path, NO_BODY, expected)


def said(content: bytes) -> bytes:
    return b'{"role": "user", "content": "%s"}' % content


BODIES = {
    "bad UTF-8": posted(b'{"session_name": "\xff\xfe"}', BAD_REQUEST),
    "overlong UTF-8": posted(b'{"session_name": "\xc0\xaf"}', BAD_REQUEST),
    "UTF-8 beyond Unicode": posted(b'{"session_name": "\xf4\x90\x80\x80"}', BAD_REQUEST),
    "a surrogate in UTF-8": posted(b'{"session_name": "\xed\xa0\x80"}', BAD_REQUEST),
    "UTF-16": posted('{"session_name": "a"}'.encode("utf-16-le"), BAD_REQUEST),
    "two byte order marks": posted(b"\xef\xbb\xbf\xef\xbb\xbf{}", BAD_REQUEST),
    "NaN": posted(b'{"context": {"a": NaN}}', BAD_REQUEST),
    "Infinity": posted(b'{"context": {"a": Infinity}}', BAD_REQUEST),
    "-Infinity": posted(b'{"context": {"a": -Infinity}}', BAD_REQUEST),
    "NaN for a confidence": posted(
        b'{"role": "user", "content": "", "transcription_confidence": NaN}', BAD_REQUEST, ANYWHERE
    ),
    "1e999": posted(b'{"context": {"a": 1e999}}', INVALID),
    "-1e999 for a confidence": posted(
        b'{"role": "user", "content": "", "transcription_confidence": -1e999}', INVALID, MESSAGES
    ),
    "1e999 for a ttl": posted(b'{"ttl_seconds": 1e999}', INVALID),
    "-0 for a ttl": posted(b'{"ttl_seconds": -0}', INVALID),
    "-0.0 for a ttl": posted(b'{"ttl_seconds": -0.0}', INVALID),
    "2^53 + 1": posted(b'{"context": {"a": 9007199254740993}}', INVALID),
    "5,000 digits": posted(b'{"context": {"a": %s}}' % (b"9" * 5000), INVALID),
    "5,000 digits for a ttl": posted(b'{"ttl_seconds": %s}' % (b"9" * 5000), INVALID),
    "3 MB of text": posted(said(b"x" * 3 * MEGABYTE), TOO_LARGE, MESSAGES),
    "3 MB of nothing": posted(b" " * 3 * MEGABYTE, TOO_LARGE, MESSAGES),
    "3 MB of brackets": posted(b"[" * 3 * MEGABYTE, TOO_LARGE, ANYWHERE),
    "more than a megabyte of text": posted(said(b"x" * (MEGABYTE + 1)), TOO_LARGE, MESSAGES),
    "two megabytes of escapes": posted(said(b"\\u0000" * (2 * MEGABYTE // 7)), TOO_LARGE, MESSAGES),
    "40 levels": posted(b'{"context": {"a": %s1%s}}' % (b"[" * 40, b"]" * 40), INVALID),
    "10,000 levels, never closed": posted(b'{"context": ' + b"[" * 10_000, BAD_REQUEST),
    "a lone surrogate in a text": posted(said(rb"\ud800"), INVALID, MESSAGES),
    "a lone surrogate in a name": posted(rb'{"session_name": "a\udfffb"}', INVALID),
    "a lone surrogate in a key": posted(rb'{"context": {"\ud800": 1}}', INVALID),
    "a lone surrogate in a field": posted(rb'{"\ud800": 1}', INVALID),
    "a lone surrogate for an id": posted(rb'{"id": "\ud800"}', INVALID),
    "a pair the wrong way round": posted(rb'{"session_name": "\ude00\ud83d"}', INVALID),
    "an unknown field": posted({"colour": "blue"}, INVALID),
    "a field of the server": posted({"created_at": "2000-01-01T00:00:00Z"}, INVALID),
    "a field of the store": posted({"_etag": "x", "_ts": 0, "ttl": 1}, INVALID),
    "a prototype": posted({"__proto__": {"admin": True}, "constructor": {}}, INVALID),
    "another's message": posted({**spoken(), "user_id": "another"}, BAD_REQUEST, MESSAGES),
    "another's message in a batch": posted({"messages": [{**spoken(), "user_id": "another"}]}, INVALID, MESSAGES),
    "a seq": posted({**spoken(), "seq": 1}, INVALID, MESSAGES),
    "an unknown field in a batch": posted({"messages": [spoken(), {**spoken(), "colour": 1}]}, INVALID, MESSAGES),
    "no messages": posted({"messages": []}, INVALID, MESSAGES),
    "201 messages": posted({"messages": [spoken()] * 201}, INVALID, MESSAGES),
    "10,000 messages": posted({"messages": [spoken()] * 10_000}, INVALID, MESSAGES),
    "one id twice": posted({"messages": [spoken(id="a"), spoken(id="a")]}, INVALID, MESSAGES),
    "10,000 tags": posted({"tags": ["x"] * 10_000}, INVALID),
    "a context of 9 KB": posted({"context": {"a": "x" * 9000}}, INVALID),
    "metadata of 66 KB": posted(spoken(metadata={"a": "x" * 66_000}), INVALID, MESSAGES),
    "attachments of 260 KB": posted(
        spoken(audio_files=["x" * 132_000], function_calls=["x" * 132_000]), INVALID, MESSAGES
    ),
    "two values": posted(b"{}{}", BAD_REQUEST),
    "a comment": posted(b"{/* a */}", BAD_REQUEST),
    "a trailing comma": posted(b'{"tags": [],}', BAD_REQUEST),
    "single quotes": posted(b"{'session_name': 'a'}", BAD_REQUEST),
    "an array": posted([{}], BAD_REQUEST),
    "a text": posted("text", BAD_REQUEST),
    "null": posted(None, BAD_REQUEST),
    "zipped": posted(gzip.compress(b"{}"), BAD_REQUEST, content_encoding="gzip"),
    "text/plain": posted(b"{}", NOT_JSON, content_type="text/plain"),
    "a form": posted(b"session_name=a", NOT_JSON, content_type="application/x-www-form-urlencoded"),
    "a multipart form": posted(b"--x--", NOT_JSON, content_type="multipart/form-data; boundary=x"),
    "XML": posted(
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', NOT_JSON, content_type="text/xml"
    ),
    "JSON with a charset in front": posted(b"{}", NOT_JSON, content_type="charset=utf-8; application/json"),
}
QUERIES = {
    "a negative limit": got(f"{SESSIONS}?limit=-1"),
    "no limit at all": got(f"{SESSIONS}?limit=0"),
    "a huge limit": got(f"{SESSIONS}?limit=101"),
    "a limit beyond all numbers": got(f"{SESSIONS}?limit={'9' * 5000}"),
    "a limit in other digits": got(f"{SESSIONS}?limit=%EF%BC%95"),
    "a limit that is none": got(f"{MESSAGES}?limit=NaN"),
    "SQL for a limit": got(f"{MESSAGES}?limit=1;DROP%20TABLE%20sessions"),
    "two limits": got(f"{SESSIONS}?limit=1&limit=100"),
    "a negative seq": got(f"{MESSAGES}?after=-1"),
    "a seq beyond 2^53": got(f"{MESSAGES}?before=9007199254740992"),
    "-0": got(f"{MESSAGES}?after=-0"),
    "a negative rewind": Case("DELETE", f"{MESSAGES}?after=-1", NO_BODY, BAD_REQUEST),
    "a rewind to nowhere": Case("DELETE", f"{MESSAGES}?after=", NO_BODY, BAD_REQUEST),
    "a rewind to SQL": Case("DELETE", f"{MESSAGES}?after=1%20OR%201=1", NO_BODY, BAD_REQUEST),
    "last with limit": got(f"{MESSAGES}?last=1&limit=1"),
    "a huge last": got(f"{MESSAGES}?last=1000000"),
    "SQL for a channel": got(f"{SESSIONS}?channel='%20OR%20'1'='1"),
    "SQL for a status": got(f"{SESSIONS}?status=active'%20OR%201=1--"),
    "deleted ones": got(f"{SESSIONS}?status=deleted"),
    "SQL for an order": got(f"{MESSAGES}?order=desc;--"),
    "SQL for a role": got(f"{MESSAGES}?role=user'--"),
    "a name of 201 characters": got(f"{SESSIONS}?name={'x' * 201}"),
    "a query that is no text": got(f"{SESSIONS}?name=%FF"),
    "101 parameters": got(f"{SESSIONS}?" + "&".join(f"p{number}=1" for number in range(101))),
    "a repeated user_id": got(f"{SESSIONS}?user_id=a&user_id=b"),
    "a user_id beside another": got(f"{SESSIONS}?user_id=another"),
    "a user_id that goes up": got(f"{SESSIONS}?user_id=..%2F"),
    "a user_id with U+0000": got(f"{SESSIONS}?user_id=a%00"),
    "an invented cursor": got(f"{SESSIONS}?cursor=eyJpZCI6ImEifQ"),
    "SQL for a cursor": got(f"{MESSAGES}?cursor='%20OR%201=1--"),
    "a cursor of 5,000 characters": got(f"{MESSAGES}?cursor={'A' * 5000}"),
    "an id with an encoded slash": got(f"{SESSIONS}/a%2Fb", NOT_FOUND),
    "an id that goes up": got(f"{SESSIONS}/..%2F..%2Fdocs", NOT_FOUND),
    "an id that goes up twice encoded": got(f"{SESSIONS}/%252e%252e%252f", NOT_FOUND),
    "an id that goes up the other way": got(f"{SESSIONS}/..%5C..%5Cdocs", NOT_FOUND),
    "an id with #": got(f"{SESSIONS}/{MINE}%23", NOT_FOUND),
    "an id with ?": got(f"{SESSIONS}/{MINE}%3F", NOT_FOUND),
    "an id with a quote": got(f"{SESSIONS}/{MINE}'", NOT_FOUND),
    "SQL for an id": got(f"{SESSIONS}/x'%20OR%20'1'='1", NOT_FOUND),
    "a predicate for an id": got(f"{SESSIONS}/x%22%20OR%20c.user_id%20!=%20%22", NOT_FOUND),
    "an id with a newline": got(f"{SESSIONS}/{MINE}%0A", NOT_FOUND),
    "an id of bytes that are no text": got(f"{SESSIONS}/%FF", NOT_FOUND),
    "an id in another case": got(f"{SESSIONS}/{MINE.upper()}", NOT_FOUND),
    "an id that is a page's": got(f"{SESSIONS}/{MINE}~e~0", NOT_FOUND),
    "a key of 129 characters": posted({}, BAD_REQUEST, idempotency_key="k" * 129),
    "a key that is no ASCII": posted({}, BAD_REQUEST, idempotency_key="schlüssel"),
    "an owner in two spellings": posted({}, BAD_REQUEST, SESSIONS + "?user_id=A", x_user_id="a"),
    "an owner with a slash": posted({}, BAD_REQUEST, x_user_id="a/b"),
    "an owner of 129 characters": posted({}, BAD_REQUEST, x_user_id="x" * 129),
}
IDS = {
    f"{text[:16]!r} for {field}": posted(body | {field: text}, INVALID, path)
    for text in NO_ID_TEXTS
    for field, path, body in (
        ("id", SESSIONS, {}),
        ("channel", SESSIONS, {}),
        ("id", MESSAGES, spoken()),
        ("session_id", ANYWHERE, spoken()),
    )
}
CASES = BODIES | QUERIES | IDS


@pytest.mark.parametrize("name", CASES)
@refused_before_any_store_is_asked
async def test_it_is_refused_and_nothing_is_stored(scene: Scene, name: str) -> None:
    case = CASES[name]
    before = await scene.everything()

    answer = await scene.owner.send(case.method, case.path, case.body, case.headers)

    assert answer.refusal == case.expected
    assert_says_nothing_internal(answer)
    assert await scene.everything() == before


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_a_body_10_000_levels_deep_is_refused_by_the_parser_or_by_the_rule(scene: Scene, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    before = await scene.everything()

    answer = await scene.owner.post(SESSIONS, b'{"context": %s1%s}' % (opening * 10_000, closing * 10_000))

    assert answer.refusal in {BAD_REQUEST, INVALID}  # how deep the parser goes depends on the version of Python
    assert_says_nothing_internal(answer)
    assert await scene.everything() == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/chat/sessions/..", 404),
        ("/api/chat/sessions/%2e%2e/data", 404),
        ("/api/chat/sessions/../../docs/../../etc/passwd", 404),
        ("/api/chat/sessions//messages", 404),
        ("/api/chat//sessions", 404),
        ("/api/chat/sessions/%00", 400),
        (f"/api/chat/sessions/{MINE}%00", 400),
        ("/api/chat/sessions/a/b/c", 404),
        ("/api/chat/sessions;a=b", 404),
        ("/api/chat/sessions%2F" + MINE, 404),
        ("/api/" + "a/" * 2000, 404),
        ("/.git/config", 404),
        ("/api/../host.json", 404),
        ("/local.settings.json", 404),
    ],
)
async def test_a_path_that_is_no_route_is_the_hosts_bare_refusal(scene: Scene, path: str, status: int) -> None:
    before = await scene.everything()

    answer = await scene.owner.get(path)

    assert (answer.status, answer.body) == (status, b"")
    assert await scene.everything() == before


async def test_a_cursor_of_another_user_is_refused(scene: Scene) -> None:
    mine, theirs = (scene.owner.speaking_for(an_owner()) for _ in range(2))
    for client in (mine, theirs):
        for number in range(3):
            await a_session(client, id=f"s{number}")
        await client.post(f"{SESSIONS}/s0/messages", {"messages": [spoken(text) for text in numbered(3)]})
    cursors = [
        (await mine.get(f"{path}?limit=1")).json["next_cursor"] for path in (SESSIONS, f"{SESSIONS}/s0/messages")
    ]

    for path, cursor in zip((SESSIONS, f"{SESSIONS}/s0/messages"), cursors, strict=True):
        assert (await mine.get(f"{path}?cursor={cursor}")).status == 200
        answer = await theirs.get(f"{path}?cursor={cursor}")
        assert answer.refusal == BAD_REQUEST


async def test_a_cursor_fits_its_own_list_only(scene: Scene) -> None:
    client = scene.owner.speaking_for(an_owner())
    path = await a_talk(client, *numbered(3), id="s0")
    await a_talk(client, *numbered(3), id="s1")
    of_sessions, of_messages = [(await client.get(f"{each}?limit=1")).json["next_cursor"] for each in (SESSIONS, path)]

    for misplaced in (
        f"{SESSIONS}?cursor={of_messages}",
        f"{path}?cursor={of_sessions}",
        f"{SESSIONS}/s1/messages?cursor={of_messages}",
        f"{SESSIONS}?cursor={of_sessions}&status=all",
        f"{SESSIONS}?cursor={of_sessions}&tag=a",
        f"{path}?cursor={of_messages}&order=asc",
        f"{path}?cursor={of_messages}&after=1",
        f"{path}?cursor={of_messages}&cursor={of_messages}",
    ):
        assert (await client.get(misplaced)).refusal == BAD_REQUEST, misplaced


async def test_a_damaged_cursor_is_refused(scene: Scene) -> None:
    client = scene.owner.speaking_for(an_owner())
    path = await a_talk(client, *numbered(3))
    cursor = (await client.get(f"{path}?limit=1")).json["next_cursor"]

    damaged = [cursor[:end] for end in range(1, len(cursor))] + [
        f"{cursor}A",
        f"{cursor}%3D",
        f"A{cursor}",
        cursor.swapcase(),
    ]
    for wrong in damaged:
        assert (await client.get(f"{path}?cursor={wrong}")).refusal == BAD_REQUEST, wrong


async def test_the_last_of_repeated_keys_counts_for_everything(scene: Scene) -> None:
    first, last = an_owner(), an_owner()
    body = b'{"user_id": "%s", "session_name": "a", "user_id": "%s", "session_name": "b"}'

    answer = await scene.nobody.post(SESSIONS, body % (first.encode(), last.encode()))

    assert (answer.json["user_id"], answer.json["session_name"]) == (last, "b")
    assert (await scene.owner.speaking_for(first).get(f"{SESSIONS}?status=all")).json["data"] == []


@pytest.mark.parametrize(
    "sent", ["x" * 129, "a b", "a%0D%0AX-Evil:%201", "<script>", "ä", "a;b", "a/b", "'", "{{7*7}}"]
)
async def test_a_request_id_that_could_do_harm_is_replaced(scene: Scene, sent: str) -> None:
    answer = await scene.owner.get(f"{SESSIONS}/unknown", x_request_id=sent)

    assert answer.refusal == NOT_FOUND
    assert len(answer.headers["x-request-id"]) == 32
    assert sent.encode() not in answer.body
