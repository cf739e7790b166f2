"""Reading a session's messages over HTTP, page by page, and clearing them."""

import pytest

from tests.http.client import (
    Client,
    a_talk,
    contents,
    every_page,
    numbered,
    refused_before_any_store_is_asked,
    seqs,
    spoken,
)

SESSIONS = "/api/chat/sessions"
ROLES = ["system", "user", "assistant", "user", "tool", "assistant", "user"]


async def a_conversation(api: Client) -> str:
    """Create a session with one message for each of ROLES; return where they are."""
    path = await a_talk(api)
    await api.post(path, {"messages": [{"role": role, "content": role} for role in ROLES]})
    return path


async def test_a_session_without_messages_is_an_empty_page(api: Client) -> None:
    answer = await api.get(await a_talk(api))

    assert (answer.status, answer.json) == (200, {"data": [], "has_more": False, "next_cursor": None})


async def test_the_newest_fifty_come_first_unless_told_otherwise(api: Client) -> None:
    path = await a_talk(api, *numbered(51))

    answer = await api.get(path)

    assert seqs(answer) == list(range(51, 1, -1))
    assert answer.json["has_more"] is True


async def test_two_hundred_messages_are_the_most_of_one_page(api: Client) -> None:
    path = await a_talk(api, *numbered(201))

    assert seqs(await api.get(f"{path}?limit=200")) == list(range(201, 1, -1))
    assert (await api.get(f"{path}?limit=201")).refusal == (400, "bad_request")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("order=desc", [7, 6, 5, 4, 3, 2, 1]),
        ("order=asc", [1, 2, 3, 4, 5, 6, 7]),
        ("limit=2", [7, 6]),
        ("limit=2&order=asc", [1, 2]),
        ("before=4", [3, 2, 1]),
        ("after=4", [7, 6, 5]),
        ("before=4&order=asc", [1, 2, 3]),
        ("after=4&order=asc", [5, 6, 7]),
        ("after=4&order=asc&limit=1", [5]),
        ("after=2&before=6", [5, 4, 3]),
        ("after=2&before=6&order=asc&limit=2", [3, 4]),
        ("after=5&before=2", []),
        ("after=3&before=4", []),
        ("after=0&order=asc", [1, 2, 3, 4, 5, 6, 7]),
        ("before=0", []),
        ("before=1", []),
        ("before=100", [7, 6, 5, 4, 3, 2, 1]),
        ("after=7", []),
        ("after=9007199254740991", []),
        ("role=user", [7, 4, 2]),
        ("role=human", [7, 4, 2]),
        ("role=ai&order=asc", [3, 6]),
        ("role=developer", []),
        ("role=user&before=7&after=2", [4]),
        ("last=3", [5, 6, 7]),
        ("last=200", [1, 2, 3, 4, 5, 6, 7]),
        ("last=2&role=user", [4, 7]),
        ("last=1&format=json", [7]),
        ("limit=&order=&before=&after=&role=&last=&cursor=&format=", [7, 6, 5, 4, 3, 2, 1]),
        ("colour=blue&offset=3", [7, 6, 5, 4, 3, 2, 1]),
    ],
)
async def test_a_query_brings_these_messages_in_this_order(api: Client, query: str, expected: list[int]) -> None:
    path = await a_conversation(api)

    assert seqs(await api.get(f"{path}?{query}")) == expected


@refused_before_any_store_is_asked
@pytest.mark.parametrize(
    "query",
    [
        *[f"limit={limit}" for limit in ("0", "201", "-1", "1.5", "ten")],
        *[f"last={last}" for last in ("0", "201", "-1", "x", "1&last=2")],
        *[f"{bound}={seq}" for bound in ("before", "after") for seq in ("-1", "x", "1.0", "9007199254740992")],
        "before=1&before=2", "after=1&after=1",
        "order=up", "order=ASC", "order=asc&order=desc", "role=robot", "role=User", "role=user&role=tool",
        "format=xml", "format=OpenAI", "cursor=x",
        *[f"last=2&{other}" for other in ("limit=5", "order=asc", "before=3", "after=0", "cursor=x")],
    ],
)  # fmt: skip
async def test_a_query_that_cannot_be_is_refused(api: Client, query: str) -> None:
    path = await a_conversation(api)

    assert (await api.get(f"{path}?{query}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 7, 8, 200])
async def test_the_pages_bring_every_message_once_and_in_order(api: Client, order: str, limit: int) -> None:
    path = await a_conversation(api)

    pages = await every_page(api, f"{path}?limit={limit}&order={order}")

    found = [message["seq"] for page in pages for message in page]
    assert found == (list(range(1, 8)) if order == "asc" else list(range(7, 0, -1)))
    assert all(len(page) <= limit for page in pages)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=1&role=user", [7, 4, 2]),
        ("limit=1&role=user&order=asc", [2, 4, 7]),
        ("limit=1&after=2&before=6", [5, 4, 3]),
        ("limit=1&after=2&before=6&order=asc", [3, 4, 5]),
        ("limit=1&role=user&after=2&order=asc", [4, 7]),
        ("last=1&role=user", [7, 4, 2]),
    ],
)
async def test_a_cursor_keeps_the_order_and_the_filters_it_began_with(
    api: Client, query: str, expected: list[int]
) -> None:
    path = await a_conversation(api)
    first = await api.get(f"{path}?{query}")

    rest = await every_page(api, f"{path}?limit=1", first.json["next_cursor"])

    assert seqs(first) + [message["seq"] for page in rest for message in page] == expected


async def test_the_limit_may_change_between_pages(api: Client) -> None:
    path = await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert seqs(await api.get(f"{path}?cursor={cursor}&limit=4")) == [6, 5, 4, 3]


async def test_a_cursor_holds_its_place_when_messages_arrive(api: Client) -> None:
    path = await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=2")).json["next_cursor"]
    await api.post(path, spoken("new"))

    assert seqs(await api.get(f"{path}?cursor={cursor}&limit=2")) == [5, 4]


@pytest.mark.parametrize("other", ["before=3", "after=1", "order=asc", "role=user", "role=tool", "last=2"])
async def test_a_cursor_cannot_be_combined_with_other_places_or_filters(api: Client, other: str) -> None:
    path = await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=2")).json["next_cursor"]

    assert (await api.get(f"{path}?cursor={cursor}&{other}")).refusal == (400, "bad_request")


async def test_a_cursor_belongs_to_its_session(api: Client) -> None:
    path, other = await a_conversation(api), await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{other}?cursor={cursor}")).refusal == (400, "bad_request")


async def test_a_cursor_belongs_to_its_owner(api: Client, stranger: Client) -> None:
    path = await a_talk(api, "1", "2", id="same")
    await a_talk(stranger, "1", "2", id="same")
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert (await stranger.get(f"{path}?cursor={cursor}")).refusal == (400, "bad_request")


async def test_a_cursor_of_the_session_list_does_not_fit(api: Client) -> None:
    path, _ = await a_conversation(api), await a_conversation(api)
    cursor = (await api.get(f"{SESSIONS}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{path}?cursor={cursor}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("breaking", ["{}x", "{}!", "x{}", "%C3%A4", "e30", "{}{}"])
async def test_a_broken_cursor_is_refused(api: Client, breaking: str) -> None:
    path = await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{path}?cursor={breaking.format(cursor, cursor)}")).refusal == (400, "bad_request")


@pytest.mark.parametrize("kept", [1, 11, 20, -1, -5])
async def test_a_truncated_cursor_is_refused(api: Client, kept: int) -> None:
    path = await a_conversation(api)
    cursor = (await api.get(f"{path}?limit=1")).json["next_cursor"]

    assert (await api.get(f"{path}?cursor={cursor[:kept]}")).refusal == (400, "bad_request")


async def test_a_poller_sees_each_message_once(api: Client) -> None:
    path = await a_talk(api)
    seen: list[int] = []
    for count in (1, 0, 3, 2):
        for number in range(count):
            await api.post(path, spoken(str(number)))
        seen += seqs(await api.get(f"{path}?after={seen[-1] if seen else 0}&order=asc"))

    assert seen == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("query", ["", "&order=asc", "&order=desc", "&last=10", "&limit=200"])
async def test_the_openai_format_is_a_bare_array_oldest_first(api: Client, query: str) -> None:
    path = await a_talk(api, "one", "two")

    answer = await api.get(f"{path}?format=openai{query}")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json == [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]


async def test_the_openai_format_names_tools_and_people_where_there_are_any(api: Client) -> None:
    path = await a_talk(api)
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "function_calls": [call], "metadata": {"a": 1}, "persona": "p"}
    answered = {"role": "tool", "content": [{"type": "text", "text": "4"}], "tool_call_id": "c1", "name": "f"}
    await api.post(path, {"messages": [asked, answered]})

    shown = (await api.get(f"{path}?format=openai")).json

    assert shown == [{"role": "assistant", "content": "", "tool_calls": [call]}, answered]


@pytest.mark.parametrize(
    ("query", "roles", "left_out"),
    [
        ("limit=200", ["user", "assistant", "tool", "assistant"], None),
        ("last=2", ["assistant"], "1"),
        ("last=1", ["assistant"], None),
        ("before=3&order=asc", ["user"], "1"),
        ("role=tool", [], "1"),
        ("role=assistant", ["assistant"], "1"),
    ],
)
async def test_the_openai_format_has_no_call_without_its_answer_whatever_the_page(
    api: Client, query: str, roles: list[str], left_out: str | None
) -> None:
    path = await a_talk(api, "2 + 2?")
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked, answer = (
        {"role": "assistant", "function_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    )
    await api.post(path, {"messages": [asked, answer, {"role": "assistant", "content": "Four."}]})

    found = await api.get(f"{path}?format=openai&{query}")

    assert [message["role"] for message in found.json] == roles
    assert found.headers.get("x-left-out") == left_out


async def test_the_openai_format_of_a_role_has_only_that_role(api: Client) -> None:
    path = await a_conversation(api)

    shown = (await api.get(f"{path}?format=openai&last=2&role=assistant")).json

    assert [message["role"] for message in shown] == ["assistant", "assistant"]


async def test_the_newest_of_the_openai_format_are_the_newest_of_the_session(api: Client) -> None:
    path = await a_talk(api, *numbered(5))

    shown = (await api.get(f"{path}?format=openai&limit=2")).json

    assert [message["content"] for message in shown] == ["message 4", "message 5"]


async def test_a_cleared_session_is_kept_without_its_messages(api: Client) -> None:
    path = await a_talk(api, "one", "two", session_name="Kept")

    cleared = await api.delete(path)

    session = (await api.get(path.removesuffix("/messages"))).json
    assert (cleared.status, cleared.body) == (204, b"")
    assert (session["session_name"], session["message_count"], session["messages"]) == ("Kept", 0, [])
    assert (await api.get(path)).json["data"] == []


async def test_clearing_twice_is_harmless(api: Client) -> None:
    path = await a_talk(api, "one")

    assert [(await api.delete(path)).status for _ in range(2)] == [204, 204]


async def test_after_a_clear_the_numbers_go_on(api: Client) -> None:
    path = await a_talk(api, "one", "two")
    await api.delete(path)

    await api.post(path, spoken("three"))

    page = await api.get(path)
    assert (seqs(page), contents(page)) == ([3], ["three"])
    assert (await api.get(path.removesuffix("/messages") + "/stats")).json["message_count"] == 1


async def test_a_cleared_session_counts_nothing(api: Client) -> None:
    path = await a_talk(api, "one")
    await api.delete(path)

    counts = (await api.get(path.removesuffix("/messages") + "/stats")).json

    assert (counts["message_count"], counts["by_role"]["user"], counts["first_message_at"]) == (0, 0, None)
    assert (counts["last_message_at"], counts["duration_seconds"]) == (None, 0)


async def test_the_ids_of_cleared_messages_are_free_again(api: Client) -> None:
    path = await a_talk(api)
    await api.post(path, spoken("old", id="m1"))
    await api.delete(path)

    again = await api.post(path, spoken("new", id="m1"))

    assert (again.status, contents(await api.get(path))) == (201, ["new"])


async def test_a_long_session_comes_back_page_by_page(api: Client) -> None:
    path = await a_talk(api, *["x" * 2000 + str(number) for number in range(1, 101)])

    pages = await every_page(api, f"{path}?limit=30&order=asc")

    assert [len(page) for page in pages] == [30, 30, 30, 10]
    assert [message["content"][2000:] for page in pages for message in page] == [str(n) for n in range(1, 101)]
