"""Search over HTTP: hits with snippets, filters, pages, mistakes."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.http.client import Client, a_talk, every_page, refused_before_any_store_is_asked

SEARCH = "/api/chat/search?q="


async def test_a_hit_shows_where_it_is(api: Client) -> None:
    path = await a_talk(api, f"{'x' * 100} When does the first TRAIN leave? {'y' * 100}", session_name="Trip")

    answer = await api.get(f"{SEARCH}first%20train")

    (hit,) = answer.json["data"]
    assert (hit["session_id"], hit["session_name"]) == (path.split("/")[4], "Trip")
    assert hit["message"] == (await api.get(path)).json["data"][0]
    assert [part["text"] for part in hit["snippet"] if part["hit"]] == ["first TRAIN"]
    assert "".join(part["text"] for part in hit["snippet"]) in hit["message"]["content"]
    assert answer.json["has_more"] is False


@pytest.mark.parametrize(
    ("text", "sought", "parts"),
    [
        ("train", "TRAIN", [("train", True)]),
        ("a train, a train", "train", [("a ", False), ("train", True), (", a ", False), ("train", True)]),
        ("Straße ist lang", "strasse", [("Straße", True), (" ist lang", False)]),
        ("aaaa", "aa", [("aa", True), ("aa", True)]),
        ("ﬁne", "fi", [("ﬁ", True), ("ne", False)]),
    ],
)
async def test_a_snippet_marks_every_hit_in_it(
    api: Client, text: str, sought: str, parts: list[tuple[str, bool]]
) -> None:
    await a_talk(api, text)

    (hit,) = (await api.get(SEARCH + quote(sought))).json["data"]

    assert [(part["text"], part["hit"]) for part in hit["snippet"]] == parts


async def test_pages_lead_to_every_hit(api: Client) -> None:
    for _ in range(2):
        await a_talk(api, *(f"train {number}" for number in range(5)))

    pages = await every_page(api, f"{SEARCH}train&limit=3")

    found = [hit["message"]["content"] for page in pages for hit in page]
    assert found == [f"train {number}" for number in range(4, -1, -1)] * 2


async def test_filters_are_kept(api: Client) -> None:
    path = await a_talk(api, "train one", channel="web")
    await a_talk(api, "train two")

    async def names(query: str) -> list[Any]:
        return [hit["message"]["content"] for hit in (await api.get(f"{SEARCH}train{query}")).json["data"]]

    assert await names("&channel=web") == ["train one"]
    assert await names(f"&session_id={path.split('/')[4]}") == ["train one"]
    assert await names("&role=ai") == []
    assert await names("&role=human&channel=default") == ["train two"]


async def test_a_cursor_belongs_to_its_search(api: Client, stranger: Client) -> None:
    await a_talk(api, "train 1", "train 2")
    cursor = (await api.get(f"{SEARCH}train&limit=1")).json["next_cursor"]

    for client, query in ((api, "trai"), (api, "train&role=user"), (stranger, "train")):
        assert (await client.get(f"{SEARCH}{query}&cursor={cursor}")).refusal == (400, "bad_request")
    assert len((await api.get(f"{SEARCH}train&limit=1&cursor={cursor}")).json["data"]) == 1


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        f"q={'x' * 201}",
        "q=a&q=b",
        "q=a&limit=0",
        "q=a&limit=101",
        "q=a&role=nobody",
        "q=a&channel=A",
        "q=a&session_id=a%27b",
        "q=a&cursor=x",
        "q=%FF",
    ],
)
async def test_unreadable_searches_are_refused(api: Client, query: str) -> None:
    assert (await api.get(f"/api/chat/search?{query}")).refusal == (400, "bad_request")
