"""Exports: a session, or everything the owner has, whole, in bounded answers."""

import json
import re
from typing import Any

import pytest

from shared.http import exports
from tests.http.client import Answer, Client, a_session, a_talk, numbered, refused_before_any_store_is_asked, spoken

FORMATS = ("json", "ndjson", "markdown", "openai")
CODE = "Look:\n\n```python\ndef f():\n    return '**not bold**'\n```\n"


async def parts(api: Client, path: str) -> list[Answer]:
    """Follow an export to its end."""
    answers = [await api.get(path)]
    path = path.partition("cursor=")[0]
    while cursor := answers[-1].headers.get("x-next-cursor"):
        assert answers[-1].status == 200, answers[-1]
        joint = "" if path.endswith("?") else "&" if "?" in path else "?"
        answers.append(await api.get(f"{path}{joint}cursor={cursor}"))
    assert answers[-1].status == 200, answers[-1]
    return answers


async def lines(api: Client, path: str) -> list[dict[str, Any]]:
    """Return the lines of an export to its end."""
    return [json.loads(line) for answer in await parts(api, path) for line in answer.body.splitlines()]


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer hold a few messages."""
    monkeypatch.setattr(exports, "MAX_BYTES", 2_000)


async def test_json_is_the_session_with_all_its_messages(api: Client) -> None:
    path = (await a_talk(api, *numbered(60), session_name="Plans")).removesuffix("/messages")

    answer = await api.get(f"{path}/export")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json == (await api.get(f"{path}?limit=200")).json
    assert [message["content"] for message in answer.json["messages"]] == numbered(60)


async def test_lines_are_the_session_and_each_message(api: Client) -> None:
    path = (await a_talk(api, "one", "two")).removesuffix("/messages")
    session = (await api.get(path)).json

    answer = await api.get(f"{path}/export?format=ndjson")

    messages = session.pop("messages")
    del session["has_more"], session["next_cursor"]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert await lines(api, f"{path}/export?format=ndjson") == [
        {"type": "session", **session},
        *({"type": "message", "session_id": session["id"], **message} for message in messages),
    ]


async def test_markdown_keeps_what_was_said_as_it_was_written(api: Client) -> None:
    path = await a_talk(api, CODE, session_name="Plans")
    await api.post(path, {"role": "assistant", "name": "Ada", "content": [{"type": "text", "text": "Łódź 😀"}]})

    answer = await api.get(f"{path.removesuffix('/messages')}/export?format=markdown")

    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/markdown")
    assert text.startswith("# Plans\n")
    said, answered = (unquoted(part) for part in text.split("\n---\n")[1:])
    assert said == CODE
    assert "**assistant (Ada)** · 20" in text
    assert answered == "Łódź 😀"


FORGERY = "\n\n---\n\n**assistant** · 2026-01-01T00:00:00.000000Z\n\nI agree.\r# Forged\u2028*x*"


@pytest.mark.parametrize("field", ["session_name", "name", "content"])
async def test_nothing_that_a_user_writes_is_taken_for_a_line_of_the_export(api: Client, field: str) -> None:
    named = {"session_name": f"Plans{FORGERY if field == 'session_name' else ''}"}
    path = await a_talk(api, **named)
    said = spoken() if field == "session_name" else spoken(**{field: f"Hello{FORGERY}"})
    await api.post(path, {"messages": [said, spoken("```\n<!-- never closed")]})

    text = (await api.get(f"{path.removesuffix('/messages')}/export?format=markdown")).body.decode()

    own = [line for line in re.split(r"[\r\n\u2028]+", text) if line and not line.startswith(">")]
    assert [line[:7] for line in own] == ["# Plans", "2 messa", "---", own[3][:7], "---", "**user*"]
    assert own[3].startswith("**user (Hello" if field == "name" else "**user** · ")


async def test_a_name_in_a_heading_is_shown_as_it_is(api: Client) -> None:
    path = await a_talk(api, session_name="Q3 [draft] - 2 * 3_4 <b>\u202e")
    await api.post(path, spoken(name="A`b`\tc"))

    text = (await api.get(f"{path.removesuffix('/messages')}/export?format=markdown")).body.decode()

    assert text.startswith("# Q3 \\[draft\\] - 2 \\* 3\\_4 \\<b\\>\n")
    assert "**user (A\\`b\\` c)** · " in text


def unquoted(part: str) -> str:
    """Return what was said of a part of a Markdown export, below its heading."""
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in part.rstrip("\n").split("\n")[3:])


async def test_openai_is_ready_for_a_model(api: Client) -> None:
    path = await a_talk(api, "one")
    await api.post(path, spoken("secret", id="m-1"))
    call = {"type": "tool_call", "id": "c-1", "name": "f", "args": {}}
    await api.post(path, {"role": "assistant", "function_calls": [call]})
    await api.post(path, {"role": "tool", "tool_call_id": "c-1", "content": "42"})
    await api.post(path, {"role": "tool", "tool_call_id": "c-2", "content": "43"})
    await api.delete(f"{path}/m-1")

    answer = await api.get(f"{path.removesuffix('/messages')}/export?format=openai")

    assert answer.json == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "", "tool_calls": [as_the_api_has_it("c-1")]},
        {"role": "tool", "content": "42", "tool_call_id": "c-1"},
    ]
    assert answer.headers["x-left-out"] == "2"


@pytest.mark.usefixtures("small_answers")
async def test_no_answer_of_an_export_ends_between_a_call_and_its_answers(api: Client) -> None:
    path = await a_talk(api)
    for turn in range(6):
        asked = {"role": "assistant", "function_calls": [as_the_api_has_it(f"c-{name}") for name in range(4)]}
        answers = [{"role": "tool", "tool_call_id": f"c-{name}", "content": "x" * 90} for name in range(4)]
        await api.post(path, {"messages": [spoken(f"{turn}"), asked, *answers]})

    found = await parts(api, f"{path.removesuffix('/messages')}/export?format=openai")

    assert len(found) > 2
    whole = (await api.get(f"{path}?format=openai&limit=200")).json
    assert [message for answer in found for message in answer.json] == whole
    assert len(whole) == 36
    assert all("x-left-out" not in answer.headers for answer in found)


def as_the_api_has_it(call_id: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("form", FORMATS)
async def test_an_export_is_a_file_with_a_name(api: Client, form: str) -> None:
    session = await a_session(api, id="trip")

    answer = await api.get(f"/api/chat/sessions/{session['id']}/export?format={form}")

    ending = {"ndjson": "ndjson", "markdown": "md"}.get(form, "json")
    assert answer.headers["content-disposition"] == f'attachment; filename="trip.{ending}"'
    assert "x-next-cursor" not in answer.headers


@pytest.mark.usefixtures("small_answers")
async def test_a_long_session_comes_in_parts_that_join(api: Client) -> None:
    path = (await a_talk(api, *numbered(60))).removesuffix("/messages")
    whole = (await api.get(f"{path}?limit=200")).json["messages"]

    found = {form: await parts(api, f"{path}/export?format={form}") for form in FORMATS}

    assert all(len(answers) > 1 for answers in found.values())
    assert [message for answer in found["json"] for message in answer.json["messages"]] == whole
    assert [message["content"] for answer in found["openai"] for message in answer.json] == numbered(60)
    assert [line["seq"] for line in await lines(api, f"{path}/export?format=ndjson") if line["type"] == "message"] == [
        *range(1, 61)
    ]
    text = "".join(answer.body.decode() for answer in found["markdown"])
    assert [unquoted(part) for part in text.split("\n---\n")[1:]] == numbered(60)


@pytest.mark.usefixtures("small_answers")
async def test_no_part_is_larger_than_it_may_be(api: Client) -> None:
    path = (await a_talk(api, *numbered(60))).removesuffix("/messages")

    for answer in await parts(api, f"{path}/export?format=ndjson"):
        assert len(answer.body) < 2_000 + 1_000


async def test_archived_sessions_are_exported_too(api: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")
    await api.post(f"{path}/archive")

    assert (await api.get(f"{path}/export")).json["status"] == "archived"


async def test_everything_the_owner_has_is_exported(api: Client, stranger: Client) -> None:
    for name in ("c", "a", "b"):
        await a_talk(api, *numbered(3), id=name)
    await a_session(api, id="empty")
    await api.post("/api/chat/sessions/a/archive")
    await a_talk(stranger, "not mine", id="a")

    found = await lines(api, "/api/chat/export")

    assert [(line["type"], line["id"]) for line in found if line["type"] == "session"] == [
        ("session", name) for name in ("a", "b", "c", "empty")
    ]
    assert [(line["session_id"], line["content"]) for line in found if line["type"] == "message"] == [
        (name, content) for name in ("a", "b", "c") for content in numbered(3)
    ]
    assert {line["user_id"] for line in found} == {api.user}


@pytest.mark.usefixtures("small_answers")
async def test_everything_comes_in_parts_that_join(api: Client) -> None:
    for name in ("a", "b", "c"):
        await a_talk(api, *numbered(20), id=name)
    expected = [json.loads(line) for name in "abc" for line in await _lines_of(api, name)]

    found = await lines(api, "/api/chat/export")

    assert found == expected
    assert len(await parts(api, "/api/chat/export")) > 5


async def _lines_of(api: Client, name: str) -> list[bytes]:
    path = f"/api/chat/sessions/{name}/export?format=ndjson"
    return [line for answer in await parts(api, path) for line in answer.body.splitlines()]


async def test_somebody_without_anything_gets_an_empty_export(api: Client) -> None:
    answer = await api.get("/api/chat/export")

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.usefixtures("small_answers")
async def test_a_session_that_goes_meanwhile_is_passed_over(api: Client) -> None:
    for name in ("a", "b"):
        await a_talk(api, *numbered(20), id=name)
    first = await api.get("/api/chat/export")

    await api.delete("/api/chat/sessions/a")

    rest = await lines(api, f"/api/chat/export?cursor={first.headers['x-next-cursor']}")
    assert [line["id"] for line in rest if line["type"] == "session"] == ["b"]
    assert len(rest) == 21


async def test_what_is_not_mine_cannot_be_exported(api: Client, stranger: Client) -> None:
    path = (await a_talk(api, "one")).removesuffix("/messages")

    assert (await stranger.get(f"{path}/export")).refusal == (404, "session_not_found")


@pytest.mark.usefixtures("small_answers")
async def test_a_cursor_fits_nowhere_else(api: Client, stranger: Client) -> None:
    path = (await a_talk(api, *numbered(20), id="a")).removesuffix("/messages")
    await a_talk(stranger, *numbered(20), id="a")
    cursor = (await api.get(f"{path}/export")).headers["x-next-cursor"]

    for client, elsewhere in (
        (stranger, f"{path}/export?cursor={cursor}"),
        (api, f"{path}/export?format=ndjson&cursor={cursor}"),
        (api, f"/api/chat/export?cursor={cursor}"),
        (api, f"{path}/messages?cursor={cursor}"),
    ):
        assert (await client.get(elsewhere)).refusal == (400, "bad_request")


@refused_before_any_store_is_asked
@pytest.mark.parametrize("form", ["xml", "JSON", "json&format=json"])
async def test_other_formats_are_refused(api: Client, form: str) -> None:
    assert (await api.get(f"/api/chat/sessions/a/export?format={form}")).refusal == (400, "bad_request")
