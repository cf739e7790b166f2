"""The conversations of seed 004, as its own document has them."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from parley_client import ConversationManager, Parley, ParleyError

from tests.clients.conftest import contents
from tests.clients.weather import Weather

DOCUMENT = {
    "id": "unique_conversation_id",
    "customer_id": "session_or_user_identifier",
    "session_id": "streamlit_session_id",
    "created_at": "2025-01-24T10:30:00Z",
    "updated_at": "2025-01-24T10:35:00Z",
    "messages": [
        {"role": "user", "content": "user message content", "timestamp": "2025-01-24T10:30:00Z"},
        {"role": "assistant", "content": "assistant response", "timestamp": "2025-01-24T10:30:15Z"},
    ],
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def a_document(manager: ConversationManager, customer: str, count: int = 0) -> dict[str, Any]:
    """Return a conversation with so many messages, which is not saved."""
    document = manager.create_conversation_document(customer_id=customer, session_id="session_456")
    return longer(manager, document, count)


def longer(manager: ConversationManager, document: dict[str, Any], count: int) -> dict[str, Any]:
    """Add so many messages, which number themselves, to a conversation."""
    for _ in range(count):
        number = len(document["messages"])
        manager.add_message_to_conversation(document, ["user", "assistant"][number % 2], f"message {number}")
    return document


def numbered(count: int) -> list[str]:
    """Return what the messages of such a conversation say."""
    return [f"message {number}" for number in range(count)]


def stored(parley: Parley, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of a conversation as Parley has them, oldest first."""
    return list(parley.messages(document["id"]))


def others_say(parley: Parley, document: dict[str, Any]) -> None:
    """Have somebody else append more to a conversation than Parley remembers by id."""
    for number in range(20):
        parley.append(document["id"], *({"role": "user", "content": f"other {number}"} for _ in range(20)))


def test_the_basic_integration_of_the_seed_stores_the_conversation(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    conversation_manager = manager

    conversation_doc = conversation_manager.create_conversation_document(
        customer_id=customer,
        session_id="session_456",
    )
    conversation_manager.add_message_to_conversation(
        conversation_doc,
        role="user",
        content="Hello",
    )
    saved = conversation_manager.save_conversation(conversation_doc)

    session = parley.read_session(conversation_doc["id"])
    assert saved is True
    assert (session["user_id"], session["context"]["session_id"]) == (customer, "session_456")
    assert [(message["role"], message["content"]) for message in session["messages"]] == [("user", "Hello")]


def test_a_new_document_has_the_shape_of_the_seed(manager: ConversationManager, customer: str) -> None:
    document = a_document(manager, customer, 1)

    assert list(document) == list(DOCUMENT)
    assert list(document["messages"][0]) == list(DOCUMENT["messages"][0])
    assert MOMENT.fullmatch(document["created_at"])
    assert MOMENT.fullmatch(document["messages"][0]["timestamp"])


def test_the_document_of_the_seed_comes_back_as_it_was(manager: ConversationManager, customer: str) -> None:
    document = {**DOCUMENT, "customer_id": customer}
    manager.save_conversation(document)

    found = manager.get_conversation("unique_conversation_id", customer)

    assert found == {**document, "updated_at": found and found["updated_at"]}
    assert list(found) == list(document)


def test_whatever_else_a_document_holds_comes_back(manager: ConversationManager, customer: str) -> None:
    calls = [{"name": "find", "arguments": "{}"}]
    document = manager.create_conversation_document(customer, "s", "classic")
    manager.add_message_to_conversation(document, "assistant", "Hello", tool_calls=calls)
    document["messages"].append({"role": "narrator", "content": {"a": [1]}, "mood": "good\ud800"})
    manager.save_conversation(document)

    found = manager.get_conversation(document["id"], customer)

    assert found is not None
    assert found["voicebot"] == "classic"
    assert found["messages"][0] == document["messages"][0]
    assert {**found["messages"][1], "timestamp": None} == {
        "role": "narrator", "content": {"a": [1]}, "mood": "good?", "timestamp": None
    }  # fmt: skip


def test_saving_a_growing_document_again_appends_only_what_is_new(
    manager: ConversationManager, weather: Weather, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer)
    creations = weather.on("POST", "/sessions", _passes, times=None)
    appends = weather.on("POST", "/messages", _passes, times=None)
    reads = weather.on("GET", "/messages", _passes, times=None)

    saved = [manager.save_conversation(longer(manager, document, 1)) for _ in range(30)]

    assert all(saved)
    assert contents(stored(parley, document)) == numbered(30)
    assert (creations.met, appends.met, reads.met) == (1, 30, 0)


def test_a_document_that_has_not_grown_asks_nothing_of_parley(
    manager: ConversationManager, weather: Weather, customer: str
) -> None:
    document = a_document(manager, customer, 3)
    manager.save_conversation(document)
    requests = weather.on_all(_passes)

    assert manager.save_conversation(document) is True
    assert requests.met == 0


def test_more_than_twenty_new_messages_behind_more_than_a_hundred_old_ones_are_stored_once(
    manager: ConversationManager, url: str, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 230)
    manager.save_conversation(document)
    longer(manager, document, 45)

    with Parley(url) as client, ConversationManager(client, wait_seconds=10) as other_process:
        saved = other_process.save_conversation(document)

    assert saved is True
    assert contents(stored(parley, document)) == numbered(275)


def test_two_processes_that_save_one_document_at_once_store_each_message_once(
    manager: ConversationManager, url: str, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 60)

    with Parley(url) as client, ConversationManager(client, wait_seconds=10) as other_process:
        both = [manager, other_process] * 3
        with ThreadPoolExecutor(len(both)) as threads:
            list(threads.map(lambda process: process.save_conversation(document), both))
        assert manager.flush()
        assert other_process.flush()

    assert sorted(contents(stored(parley, document))) == sorted(numbered(60))


def test_two_processes_that_go_on_with_one_document_keep_what_both_add(
    manager: ConversationManager, url: str, customer: str
) -> None:
    document = a_document(manager, customer, 2)
    manager.save_conversation(document)

    with Parley(url) as client, ConversationManager(client) as other_process:
        theirs = other_process.get_conversation(document["id"], customer)
        assert theirs
        manager.add_message_to_conversation(document, "user", "mine")
        other_process.add_message_to_conversation(theirs, "user", "theirs")
        saved = [manager.save_conversation(document), other_process.save_conversation(theirs)]
        found = manager.get_conversation(document["id"], customer)

    assert saved == [True, True]
    assert found
    assert contents(found["messages"]) == ["message 0", "message 1", "mine", "theirs"]


def test_who_sees_that_others_have_written_looks_before_appending_again(
    manager: ConversationManager, url: str, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 2)
    manager.save_conversation(document)
    grown = longer(manager, {**document, "messages": list(document["messages"])}, 1)
    with Parley(url) as client, ConversationManager(client) as other_process:
        other_process.save_conversation(grown)
    others_say(parley, document)
    manager.add_message_to_conversation(document, "user", "mine")
    manager.save_conversation(document)

    saved = manager.save_conversation(grown)

    said = contents(stored(parley, document))
    assert saved is True
    assert (said.count("message 2"), said.count("mine")) == (1, 1)


def test_a_message_that_was_changed_replaces_the_earlier_one(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 3)
    manager.save_conversation(document)
    document["messages"][1]["content"] = "better"

    saved = manager.save_conversation(document)

    found = manager.get_conversation(document["id"], customer)
    assert saved is True
    assert found
    assert found["messages"] == document["messages"]
    assert contents(stored(parley, document)) == ["message 0", "", "message 2", "better"]


def test_messages_of_one_second_are_never_taken_for_changes_of_one_another(
    manager: ConversationManager, customer: str
) -> None:
    document = {**DOCUMENT, "customer_id": customer, "id": "one-second"}
    (first, second) = ({"role": "user", "timestamp": "2025-01-24T10:30:00Z", "content": said} for said in "ab")
    manager.save_conversation({**document, "messages": [first]})

    manager.save_conversation({**document, "messages": [second]})

    found = manager.get_conversation("one-second", customer)
    assert found
    assert contents(found["messages"]) == ["a", "b"]


def test_a_message_that_left_the_document_stays_stored(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 30)
    manager.save_conversation(document)
    document["messages"] = document["messages"][-5:]

    manager.save_conversation(longer(manager, document, 1))

    assert contents(stored(parley, document)) == [*numbered(30), "message 5"]


def test_messages_without_a_time_that_are_built_anew_each_time_are_stored_once(
    manager: ConversationManager, url: str, parley: Parley, customer: str
) -> None:
    said = [{"role": "user", "content": text} for text in ("Hi", "Hi", "Bye")]
    document = {"id": "rebuilt", "customer_id": customer, "session_id": "s", "messages": said[:2]}
    manager.save_conversation(document)

    with Parley(url) as client, ConversationManager(client) as other_process:
        other_process.save_conversation({**document, "messages": [dict(each) for each in said]})
    loaded = manager.get_conversation("rebuilt", customer)
    assert loaded
    manager.save_conversation(loaded)

    assert contents(stored(parley, document)) == ["Hi", "Hi", "Bye"]


def test_messages_that_other_clients_have_stored_are_loaded_and_not_stored_again(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    session = parley.create_session()
    parley.append(session["id"], {"role": "user", "content": "from elsewhere"})
    document = manager.get_conversation(session["id"], customer)
    assert document

    manager.add_message_to_conversation(document, "assistant", "from here")
    saved = manager.save_conversation(document)

    assert saved is True
    assert contents(stored(parley, document)) == ["from elsewhere", "from here"]


def test_recent_conversations_come_the_one_last_written_to_first(manager: ConversationManager, customer: str) -> None:
    documents = [a_document(manager, customer, 2) for _ in range(3)]
    for document in documents:
        manager.save_conversation(document)
    manager.save_conversation(longer(manager, documents[0], 1))

    found = manager.get_recent_conversations(customer, limit=2)

    assert [document["id"] for document in found] == [documents[0]["id"], documents[2]["id"]]
    assert [document["messages"] for document in found] == [documents[0]["messages"], documents[2]["messages"]]


def test_a_deleted_conversation_is_gone(manager: ConversationManager, customer: str) -> None:
    document = a_document(manager, customer, 1)
    manager.save_conversation(document)

    deleted = manager.delete_conversation(document["id"], customer)

    assert deleted is True
    assert manager.delete_conversation(document["id"], customer) is False
    assert manager.get_conversation(document["id"], customer) is None
    assert manager.get_recent_conversations(customer) == []


def test_a_conversation_that_was_deleted_elsewhere_is_stored_whole_when_it_is_saved_again(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 25)
    manager.save_conversation(document)
    parley.delete_session(document["id"])

    saved = manager.save_conversation(longer(manager, document, 1))

    assert saved is True
    assert contents(stored(parley, document)) == numbered(26)


def test_an_archived_conversation_goes_on(manager: ConversationManager, parley: Parley, customer: str) -> None:
    document = a_document(manager, customer, 1)
    manager.save_conversation(document)
    parley.archive(document["id"])

    saved = manager.save_conversation(longer(manager, document, 1))

    assert saved is True
    assert contents(stored(parley, document)) == numbered(2)


def test_a_message_that_parley_does_not_take_keeps_no_other_from_being_stored(
    manager: ConversationManager, parley: Parley, customer: str
) -> None:
    document = a_document(manager, customer, 2)
    manager.add_message_to_conversation(document, "user", "x" * 1_100_000)
    longer(manager, document, 1)

    saved = manager.save_conversation(document)

    assert saved is False
    assert manager.waiting == 0
    assert contents(stored(parley, document)) == ["message 0", "message 1", "message 3"]


def test_ids_that_parley_cannot_have_come_back_as_they_were(manager: ConversationManager, customer: str) -> None:
    document = a_document(manager, f"{customer}/ü", 1) | {"id": "conversation/1 of 😀"}

    saved = manager.save_conversation(document)

    found = manager.get_conversation("conversation/1 of 😀", f"{customer}/ü")
    assert saved is True
    assert found == {**document, "updated_at": found and found["updated_at"]}
    assert manager.get_recent_conversations(f"{customer}/ü") == [found]


def test_a_manager_needs_to_be_told_where_parley_is(monkeypatch: Any) -> None:
    monkeypatch.delenv("PARLEY_URL", raising=False)

    try:
        ConversationManager()
    except (ValueError, ParleyError) as error:
        said = str(error)

    assert "PARLEY_URL" in said


async def _passes(exchange: Any) -> None:
    await exchange.reply(await exchange.forward())
