"""Putting other messages in the place of a session's, and the condition that every write of messages may have."""

import pytest

from tests.http.client import NO_BODY, Client, a_talk, refused_before_any_store_is_asked, spoken

MESSAGES = "/api/chat/sessions/mine/messages"


async def test_a_message_is_replaced_in_its_place(api: Client) -> None:
    path = await a_talk(api)
    (first,) = (await api.post(path, spoken("Hel", id="m", raw="<1>", metadata={"a": 1.0, "10": 1}))).json["messages"]
    await api.patch(f"{path}/m", {"feedback": {"rating": "up"}})

    answer = await api.send("PUT", f"{path}/m", {"role": "assistant", "content": "Hello", "raw": "<2>"})

    assert answer.status == 200
    kept = {name: first[name] for name in ("id", "seq", "created_at", "user_id")}
    assert (
        answer.json.items() >= {**kept, "role": "assistant", "content": "Hello", "raw": "<2>", "metadata": {}}.items()
    )
    assert (answer.json["feedback"], answer.json["edited_at"] > first["created_at"]) == ({"rating": "up"}, True)
    assert (await api.get(f"{path}/m")).json == answer.json
    session = await api.get(path.removesuffix("/messages"))
    assert answer.headers["etag"] == session.headers["etag"]


RAW_BYTES = 512 * 1024


async def test_a_raw_of_the_largest_size_comes_back_byte_for_byte(api: Client) -> None:
    path = await a_talk(api)
    raw = '"\\\n\u0001' + "漢" * ((RAW_BYTES - 4) // 3)
    assert (await api.post(path, spoken("short", id="m", raw=raw))).status == 201

    found = (await api.get(f"{path}/m")).json
    replaced = await api.send("PUT", f"{path}/m", spoken("shorter", raw=raw[:-1]))

    assert (found["raw"], replaced.json["raw"]) == (raw, raw[:-1])


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_larger_raw_is_refused_and_nothing_is_stored(api: Client, method: str) -> None:
    path = await a_talk(api, "kept")
    one = spoken("short", raw="x" * (RAW_BYTES + 1))

    refused = await (
        api.post(path, one) if method == "POST" else api.send("PUT", f"{path}?after=0", {"messages": [one]})
    )

    assert refused.refusal == (422, "validation_failed")
    assert [message["content"] for message in (await api.get(path)).json["data"]] == ["kept"]


EXACT = '{"b":1.0,"10":-0.0,"9":12.0,"a":[{"2":2,"1":0.5}]}'
EXACT_MESSAGE = (
    f'{{"role":"assistant","content":[{{"type":"x","value":{EXACT}}}],"function_calls":[{EXACT}],'
    f'"audio_files":[{EXACT}],"metadata":{EXACT},"transcription_confidence":-0.0}}'
)


async def test_numbers_and_the_order_of_keys_come_back_as_they_were_sent(api: Client) -> None:
    path = await a_talk(api)
    await api.send("PATCH", path.removesuffix("/messages"), f'{{"context":{EXACT}}}'.encode())

    appended = await api.post(path, EXACT_MESSAGE.encode())
    replaced = await api.send("PUT", f"{path}?after=0", f'{{"messages":[{EXACT_MESSAGE}]}}'.encode())
    read = await api.get(path.removesuffix("/messages"))

    for answer in (appended, replaced, read):
        assert answer.body.count(EXACT.encode()) == (5 if answer is read else 4)
        assert b'"transcription_confidence":-0.0' in answer.body


async def test_a_message_keeps_its_id_when_it_is_replaced(api: Client) -> None:
    path = await a_talk(api)
    await api.post(path, spoken("Hello", id="m"))

    assert (await api.send("PUT", f"{path}/m", spoken(id="m"))).refusal == (422, "validation_failed")


async def test_the_end_of_a_session_is_replaced_once(api: Client) -> None:
    path = await a_talk(api, "one", "two", "three")
    body = {"messages": [spoken("2", id="two"), spoken("3", id="three")]}

    first = await api.send("PUT", f"{path}?after=1", body)
    again = await api.send("PUT", f"{path}?after=1", body)

    assert (first.status, again.status) == (201, 200)
    assert (again.json, again.headers["etag"]) == (first.json, first.headers["etag"])
    assert [message["seq"] for message in first.json["messages"]] == [2, 3]


@refused_before_any_store_is_asked
@pytest.mark.parametrize("query", ["", "?after=", "?after_seq=1", "?after=1&limit=2"])
async def test_where_the_end_begins_has_to_be_said(api: Client, query: str) -> None:
    answer = await api.speaking_for("mine").send("PUT", f"{MESSAGES}{query}", {"messages": []})

    assert answer.refusal == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "where", "body"),
    [
        ("POST", "", spoken("late", id="late")),
        ("PUT", "?after=0", {"messages": []}),
        ("PUT", "/m", spoken("other")),
        ("PATCH", "/m", {"metadata": {"a": 1}}),
        ("PATCH", "/m", {}),
        ("DELETE", "/m", NO_BODY),
        ("DELETE", "", NO_BODY),
        ("DELETE", "?after=0", NO_BODY),
    ],
)
async def test_a_write_of_messages_may_depend_on_an_etag(api: Client, method: str, where: str, body: object) -> None:
    path = await a_talk(api)
    old = (await api.post(path, spoken("Hello", id="m"))).headers["etag"]
    new = (await api.post(path, spoken("Hello", id="n"))).headers["etag"]

    lost = await api.send(method, f"{path}{where}", body, {"if-match": old})
    won = await api.send(method, f"{path}{where}", body, {"if-match": f"{old}, {new}"})

    assert lost.refusal == (412, "precondition_failed")
    assert won.status in {200, 201, 204}


async def test_a_full_repeat_needs_no_etag(api: Client) -> None:
    path = await a_talk(api)
    old = (await api.get(path.removesuffix("/messages"))).headers["etag"]
    message = spoken("Hello", id="m")

    first = await api.send("POST", path, message, {"if-match": old})
    again = await api.send("POST", path, message, {"if-match": old})

    assert (first.status, again.status) == (201, 200)


async def test_a_session_that_is_not_there_has_no_etag(api: Client) -> None:
    answer = await api.send("POST", "/api/chat/messages", spoken(), {"if-match": '"old"'})

    assert answer.refusal == (412, "precondition_failed")
