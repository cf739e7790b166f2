"""Nobody reaches what belongs to somebody else, and nobody learns that it is there."""

import pytest

from tests.http.client import Client, a_session, a_talk, contents, spoken

pytestmark = pytest.mark.on_both_stores

SESSIONS = "/api/chat/sessions"


async def test_two_users_with_one_session_id_have_two_sessions(api: Client, stranger: Client) -> None:
    mine = await a_talk(api, "mine", id="same", session_name="Mine")
    theirs = await a_talk(stranger, "theirs", id="same", session_name="Theirs")

    assert mine == theirs
    assert contents(await api.get(mine)) == ["mine"]
    assert contents(await stranger.get(theirs)) == ["theirs"]
    assert (await api.get(f"{SESSIONS}/same")).json["session_name"] == "Mine"


async def test_a_list_shows_nobody_elses_sessions(api: Client, stranger: Client) -> None:
    mine, theirs = await a_session(api), await a_session(stranger)

    assert (await api.get(f"{SESSIONS}?status=all")).json["data"] == [mine]
    assert (await stranger.get(f"{SESSIONS}?status=all")).json["data"] == [theirs]


async def test_a_filter_reaches_nobody_elses_sessions(api: Client, stranger: Client) -> None:
    await a_session(stranger, channel="web", tags=["a"], session_name="Name", pinned=True)

    for query in ("channel=web", "tag=a", "name=Name", "pinned=true", "status=all"):
        assert (await api.get(f"{SESSIONS}?{query}")).json["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", {}),
        ("PATCH", "", {"session_name": "stolen"}),
        ("PUT", "", {"session_name": "stolen"}),
        ("DELETE", "", {}),
        ("GET", "/stats", {}),
        ("GET", "/messages", {}),
        ("GET", "/messages?last=10&format=openai", {}),
        ("POST", "/messages", spoken("stolen")),
        ("POST", "/messages", spoken("mine", id="m1")),
        ("DELETE", "/messages", {}),
    ],
)
async def test_somebody_elses_session_is_as_unknown_as_one_that_never_was(
    api: Client, stranger: Client, method: str, path: str, body: dict[str, object]
) -> None:
    mine = await a_session(api)
    await api.post(f"{SESSIONS}/{mine['id']}/messages", spoken("mine", id="m1"))
    before = (await api.get(f"{SESSIONS}/{mine['id']}")).json
    same = {"x-request-id": "same"}

    foreign = await stranger.send(method, f"{SESSIONS}/{mine['id']}{path}", body, same)
    unknown = await stranger.send(method, f"{SESSIONS}/unknown{path}", body, same)

    shown = ("x-request-charge", "content-type", "content-length", "cache-control", "etag")
    assert foreign.refusal == (404, "session_not_found")
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body)
    assert [foreign.headers.get(name) for name in shown] == [unknown.headers.get(name) for name in shown]
    assert (await api.get(f"{SESSIONS}/{mine['id']}")).json == before


async def test_an_append_anywhere_makes_a_session_of_ones_own(api: Client, stranger: Client) -> None:
    path = await a_talk(api, "mine", id="same")

    answer = await stranger.post("/api/chat/messages", {**spoken("theirs"), "session_id": "same"})

    assert (answer.status, answer.json["message_count"]) == (201, 1)
    assert contents(await api.get(path)) == ["mine"]
    assert contents(await stranger.get(path)) == ["theirs"]


async def test_the_message_ids_of_others_are_free(api: Client, stranger: Client) -> None:
    await a_talk(api, id="same")
    path = await a_talk(stranger, id="same")
    await api.post(path, spoken("mine", id="m1"))

    answer = await stranger.post(path, spoken("theirs", id="m1"))

    assert answer.status == 201


async def test_an_etag_of_another_users_session_does_not_fit(api: Client, stranger: Client) -> None:
    etag = (await api.post(SESSIONS, {"id": "same"})).headers["etag"]
    await a_session(stranger, id="same")

    assert (await stranger.patch(f"{SESSIONS}/same", {"tags": ["a"]}, if_match=etag)).status == 412


async def test_deleting_and_clearing_stay_within_ones_own(api: Client, stranger: Client) -> None:
    path = await a_talk(api, "mine", id="same")
    await a_talk(stranger, "theirs", id="same")

    await stranger.delete(path)
    await stranger.delete(f"{SESSIONS}/same")

    assert contents(await api.get(path)) == ["mine"]
    assert (await stranger.get(f"{SESSIONS}/same")).status == 404


@pytest.mark.parametrize("session_id", ["session", "health", "page", "p.0", "head"])
async def test_no_session_id_leads_to_what_a_store_keeps_beside_the_sessions(api: Client, session_id: str) -> None:
    await a_talk(api, *["x" * 3000] * 60, id="real")

    assert (await api.get(f"{SESSIONS}/{session_id}")).refusal == (404, "session_not_found")
