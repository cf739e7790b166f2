"""One message over HTTP: read, feedback and metadata, redaction."""

import pytest

from tests.http.client import Client, a_talk, refused_before_any_store_is_asked, spoken


async def said(api: Client, **fields: object) -> str:
    """Say something in a new session and return where that message is."""
    path = await a_talk(api)
    answer = await api.post(path, spoken("My number is 555", id="m-1", name="Ada", metadata={"a": 1}, **fields))
    assert answer.status == 201, answer
    return f"{path}/m-1"


async def test_a_message_can_be_read(api: Client) -> None:
    path = await said(api)

    answer = await api.get(path)

    assert answer.status == 200
    assert (answer.json["id"], answer.json["seq"], answer.json["content"]) == ("m-1", 1, "My number is 555")


async def test_feedback_is_set_and_replaced(api: Client) -> None:
    path = await said(api)

    first = await api.patch(path, {"feedback": {"rating": "down", "comment": "No."}})
    second = await api.patch(path, {"feedback": {"rating": "up"}})

    assert (first.status, first.json["feedback"]) == (200, {"rating": "down", "comment": "No."})
    assert second.json["feedback"] == {"rating": "up"}
    assert (await api.get(path)).json == second.json


async def test_metadata_is_replaced_whole_and_feedback_left_alone(api: Client) -> None:
    path = await said(api)
    await api.patch(path, {"feedback": {"rating": "up"}})

    answer = await api.patch(path, {"metadata": {"b": 2}})

    assert (answer.json["metadata"], answer.json["feedback"]) == ({"b": 2}, {"rating": "up"})


async def test_an_empty_change_changes_nothing(api: Client) -> None:
    path = await said(api)
    session = path.partition("/messages")[0]
    etag = (await api.get(session)).headers["etag"]

    answer = await api.patch(path, {"feedback": None})

    assert answer.json == (await api.get(path)).json
    assert (await api.get(session)).headers["etag"] == etag


async def test_every_edit_moves_the_etag_of_the_session(api: Client) -> None:
    path = await said(api)
    session = path.partition("/messages")[0]
    etags = [(await api.get(session)).headers["etag"]]

    for change in ({"feedback": {"rating": "up"}}, {"metadata": {}}):
        await api.patch(path, change)
        etags.append((await api.get(session)).headers["etag"])
    await api.delete(path)
    etags.append((await api.get(session)).headers["etag"])

    assert len(set(etags)) == 4


async def test_a_redacted_message_says_nothing_any_more(api: Client) -> None:
    path = await said(api)

    assert (await api.delete(path)).status == 204

    found = await api.get(path)
    assert (found.json["content"], found.json["name"], found.json["metadata"]) == ("", None, {"redacted": True})
    assert b"My number" not in (await api.get(path.rpartition("/")[0])).body


async def test_redacted_messages_are_left_out_for_models(api: Client) -> None:
    path = await said(api)
    await api.post(path.rpartition("/")[0], spoken("Hello"))
    await api.delete(path)

    answer = await api.get(f"{path.rpartition('/')[0]}?format=openai")

    assert answer.json == [{"role": "user", "content": "Hello"}]
    assert answer.headers["x-left-out"] == "1"


async def test_a_redacted_message_stays_marked(api: Client) -> None:
    path = await said(api)
    await api.delete(path)

    answer = await api.patch(path, {"metadata": {"why": "asked for"}})

    assert answer.json["metadata"] == {"why": "asked for", "redacted": True}


@pytest.mark.parametrize(
    "body",
    [
        {"feedback": {"rating": "sideways"}},
        {"feedback": {"comment": "?"}},
        {"feedback": "up"},
        {"feedback": {"rating": "up", "comment": "x" * 4001}},
        {"content": "rewritten"},
        {"metadata": [1]},
        {"metadata": {"x": "y" * 65_536}},
    ],
)
async def test_other_changes_are_refused(api: Client, body: object) -> None:
    path = await said(api)
    before = (await api.get(path)).json

    answer = await api.patch(path, body)

    assert answer.refusal == (422, "validation_failed")
    assert (await api.get(path)).json == before


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_unknown_messages_and_sessions_are_told_apart(api: Client, method: str) -> None:
    path = await said(api)
    body = {"body": {}} if method == "PATCH" else {}

    assert (await api.send(method, f"{path}0", **body)).refusal == (404, "message_not_found")
    elsewhere = "/api/chat/sessions/nowhere/messages/m-1"
    assert (await api.send(method, elsewhere, **body)).refusal == (404, "session_not_found")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_stranger_finds_no_session(api: Client, stranger: Client, method: str) -> None:
    path = await said(api)
    body = {"body": {}} if method == "PATCH" else {}

    assert (await stranger.send(method, path, **body)).refusal == (404, "session_not_found")
    assert (await api.get(path)).json["content"] == "My number is 555"


@refused_before_any_store_is_asked
@pytest.mark.parametrize("name", ["a%20b", "~", "-x", "x" * 65, "a'b"])
async def test_an_id_that_no_message_can_have_is_not_found(api: Client, name: str) -> None:
    answer = await api.get(f"/api/chat/sessions/s-1/messages/{name}")

    assert answer.refusal == (404, "message_not_found")


@pytest.mark.parametrize(
    "said",
    [{"content": "visible"}, {"content": "", "audio_files": ["a.wav"]}, {"content": "", "function_calls": ["f"]}],
)
async def test_a_message_that_speaks_is_not_redacted_whatever_its_metadata_says(
    api: Client, said: dict[str, object]
) -> None:
    path = await a_talk(api)
    await api.post(path, {"role": "user", "id": "m-1", "metadata": {"redacted": True}, **said})

    shown = await api.get(f"{path.removesuffix('/messages')}/export?format=markdown")
    changed = await api.patch(f"{path}/m-1", {"metadata": {"b": 2}})

    assert (shown.status, b"redacted" in shown.body) == (200, False)
    assert changed.json["metadata"] == {"b": 2}
