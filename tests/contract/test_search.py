"""search: messages by what they say, newest session first, in bounded steps."""

from typing import Any

import pytest

from shared.models import Message, SearchHit, SearchKey, SearchQuery, Session, SessionChanges
from shared.store.port import SessionStore
from tests.builders import ALIKE, UNLIKE, a_message, a_session, an_owner, fill, messages

LONG = "a rather long description of the one who speaks here " * 4


async def found(store: SessionStore, owner: str, text: str, limit: int = 100, **wanted: str) -> list[SearchHit]:
    """Follow a search to its end."""
    hits: list[SearchHit] = []
    after: SearchKey | None = None
    while True:
        page = await store.search(owner, SearchQuery(text=text, limit=limit, **wanted), after)
        assert len(page.hits) <= limit
        hits += page.hits
        after = page.next_key
        if after is None:
            return hits


async def contents(store: SessionStore, owner: str, text: str, **wanted: str) -> list[object]:
    return [hit.message.content for hit in await found(store, owner, text, **wanted)]


async def said(store: SessionStore, owner: str, *texts: str, **fields: object) -> Session:
    session = await store.create(a_session(owner, **fields))
    await store.append(owner, session.id, [a_message(text) for text in texts])
    return session


async def test_a_hit_is_the_message_and_its_session(store: SessionStore, owner: str) -> None:
    session = await said(store, owner, "the first train", "something else", session_name="Trip")

    hits = await found(store, owner, "train")

    assert [(hit.session_id, hit.session_name, hit.message.content, hit.message.seq) for hit in hits] == [
        (session.id, "Trip", "the first train", 1)
    ]


@pytest.mark.parametrize(
    ("text", "sought"),
    [
        ("The First Train", "fIrSt tR"),
        ("ŁÓDŹ and Köln", "łódź AND kÖLN"),
        ("Straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("say 😀 twice", "😀"),
        ("東京へ行く", "京へ"),
        ("ab", "B"),
        ("a % and _ and \\", "% and _"),
        ('he said "hello" OR', '"hello" or'),
        ("it's 'quoted' --", "'quoted' --"),
        ("two\nlines", "o\nl"),
        ("before\0after", "\0aft"),
        ("before\0after", "after"),
        ("* NEAR(", "near("),
    ],
)
async def test_a_text_is_found_whatever_its_case_and_its_signs(
    store: SessionStore, owner: str, text: str, sought: str
) -> None:
    await said(store, owner, "nothing of it", text)

    assert await contents(store, owner, sought) == [text]


PARTS_AND_CALLS = {
    "a thought": {"content": [{"type": "reasoning", "text": "The train is late."}]},
    "a summary": {
        "content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Is the train late?"}]}]
    },
    "thinking": {"content": [{"type": "thinking", "thinking": "A train?", "signature": "x"}]},
    "a refusal": {"content": [{"type": "refusal", "refusal": "No train."}]},
    "a tool's input": {"content": [{"type": "tool-look", "toolCallId": "a", "state": "input-available",
                                    "input": {"way": ["train"]}}]},
    "a tool's output": {"content": [{"type": "tool-look", "toolCallId": "a", "state": "output-available", "input": {},
                                     "output": {"found": [{"by": "train"}]}}]},
    "a tool's name": {"content": [{"type": "function_call", "call_id": "a", "name": "find_train", "arguments": "{}"}]},
    "an answer": {"content": [{"type": "function_call_output", "call_id": "a", "output": "The train leaves."}]},
    "parts of an answer": {"content": [{"type": "tool_result", "tool_use_id": "a",
                                        "content": [{"type": "text", "text": "The train"}]}]},
    "arguments": {"function_calls": [{"id": "a", "type": "function",
                                      "function": {"name": "f", "arguments": '{"way": "tra\\u0069n"}'}}]},
    "arguments of LangChain": {"function_calls": [{"type": "tool_call", "id": "a", "name": "f",
                                                   "args": {"1": 1.0, "way": "train"}}]},
    "a call that is a text": {"function_calls": ["take(train)"]},
}  # fmt: skip


@pytest.mark.parametrize("fields", PARTS_AND_CALLS.values(), ids=PARTS_AND_CALLS)
async def test_what_frameworks_write_into_parts_and_calls_is_found(
    store: SessionStore, owner: str, fields: dict[str, Any]
) -> None:
    session = await store.create(a_session(owner))
    await store.append(
        owner, session.id, [a_message("nothing"), a_message(**{"content": "", "role": "assistant"} | fields)]
    )

    assert [hit.message.seq for hit in await found(store, owner, "TRAIN")] == [2]


@pytest.mark.parametrize(
    "fields",
    [
        {"content": [{"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,train"}]},
        {"content": [{"type": "function_call_output", "call_id": "a", "output": ["data:image/png;base64,train"]}]},
        {"content": [{"type": "reasoning", "encrypted_content": "train", "summary": []}]},
        {"metadata": {"by": "train"}},
        {"raw": "train"},
    ],
)  # fmt: skip
async def test_encoded_bytes_and_what_only_the_application_keeps_are_not_found(
    store: SessionStore, owner: str, fields: dict[str, Any]
) -> None:
    session = await store.create(a_session(owner))
    await store.append(owner, session.id, [a_message(**fields)])

    assert await found(store, owner, "train") == []


async def test_arguments_that_no_text_can_hold_do_no_harm(store: SessionStore, owner: str) -> None:
    odd = ['["\\ud800 half", "by train"]', "[" * 100_000, '{"a": 1e999, "b": NaN}', "[" + "9" * 5000 + "]"]
    calls = [{"id": str(place), "name": "f", "arguments": text} for place, text in enumerate(odd)]
    session = await store.create(a_session(owner))
    await store.append(owner, session.id, [a_message("", function_calls=calls)])

    assert len(await found(store, owner, "by train")) == 1
    await store.edit_message(owner, session.id, (await found(store, owner, "half"))[0].message.id, Message.redacted)
    assert await found(store, owner, "by train") == []


@pytest.mark.parametrize(("text", "sought"), ALIKE)
async def test_a_text_is_found_however_it_is_encoded(store: SessionStore, owner: str, text: str, sought: str) -> None:
    await said(store, owner, "nothing of it", text)

    assert await contents(store, owner, sought) == [text]


@pytest.mark.parametrize(("text", "sought"), UNLIKE)
async def test_other_letters_and_other_spaces_are_not_found(
    store: SessionStore, owner: str, text: str, sought: str
) -> None:
    await said(store, owner, text)

    assert await contents(store, owner, sought) == []


@pytest.mark.parametrize("sought", ["trains", "%", "_", "*", '"', "t*n", "first  train", "x'; DROP TABLE messages; --"])
async def test_what_is_not_there_is_not_found(store: SessionStore, owner: str, sought: str) -> None:
    await said(store, owner, "the first train")

    assert await contents(store, owner, sought) == []


async def test_the_newest_session_comes_first_and_in_it_the_newest_message(store: SessionStore, owner: str) -> None:
    first = await said(store, owner, "x train 1", "x train 2")
    await said(store, owner, "x train 3")
    await store.append(owner, first.id, [a_message("x train 4")])

    assert await contents(store, owner, "train") == ["x train 4", "x train 2", "x train 1", "x train 3"]


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_pages_join_without_a_gap(store: SessionStore, owner: str, limit: int) -> None:
    for _ in range(3):
        session = await store.create(a_session(owner))
        await fill(store, session, 45, persona=LONG)

    hits = await found(store, owner, "message 4", limit)

    numbers = [4, *range(40, 46)][::-1]
    assert [hit.message.content for hit in hits] == [f"message {number}" for number in numbers] * 3


async def test_a_long_session_is_searched_to_its_beginning(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner), [a_message("a needle")])
    await fill(store, session, 300, persona=LONG)

    assert [hit.message.seq for hit in await found(store, owner, "needle")] == [1]


async def test_many_sessions_are_searched_to_the_last(store: SessionStore, owner: str) -> None:
    await said(store, owner, "a needle")
    for number in range(120):
        await store.create(a_session(owner), messages(1 + number % 2))

    assert await contents(store, owner, "NEEDLE") == ["a needle"]


async def test_filters_narrow_the_search(store: SessionStore, owner: str) -> None:
    one = await said(store, owner, "x one", channel="web")
    await said(store, owner, "x two", channel="mail")
    await store.append(owner, one.id, [a_message("x three", role="assistant")])

    assert await contents(store, owner, "x ", channel="mail") == ["x two"]
    assert await contents(store, owner, "x ", role="assistant") == ["x three"]
    assert await contents(store, owner, "x ", session_id=one.id) == ["x three", "x one"]
    assert await contents(store, owner, "x ", session_id="nowhere") == []


async def test_parts_are_searched_by_their_text(store: SessionStore, owner: str) -> None:
    session = await store.create(a_session(owner))
    parts = [{"type": "text", "text": "look here"}, {"type": "image", "url": "http://train"}]
    await store.append(owner, session.id, [a_message(parts)])

    assert await contents(store, owner, "HERE") == [parts]
    assert await contents(store, owner, "train") == []


async def test_archived_sessions_are_found_and_what_is_gone_is_not(store: SessionStore, owner: str) -> None:
    archived = await said(store, owner, "train in the archive")
    await store.update(owner, archived.id, SessionChanges(is_active=False))
    await store.delete(owner, (await said(store, owner, "train deleted")).id)
    await store.clear(owner, (await said(store, owner, "train cleared")).id)
    rewound = await said(store, owner, "train kept", "train rewound")
    await store.rewind(owner, rewound.id, 1)

    assert await contents(store, owner, "train") == ["train kept", "train in the archive"]


async def test_redacted_messages_are_not_found_any_more(store: SessionStore, owner: str) -> None:
    session = await said(store, owner, "my number is 555", "keep this")
    message = (await found(store, owner, "555"))[0].message

    await store.edit_message(owner, session.id, message.id, Message.redacted)

    assert await contents(store, owner, "555") == []
    assert await contents(store, owner, "keep") == ["keep this"]


async def test_nobody_finds_what_others_have_said(store: SessionStore, owner: str) -> None:
    session = await said(store, owner, "my secret train")
    stranger = an_owner()
    await said(store, stranger, "another train", id=session.id)

    assert await contents(store, stranger, "train") == ["another train"]
    assert await contents(store, an_owner(), "train") == []
    assert await contents(store, stranger, "train", session_id=session.id) == ["another train"]
