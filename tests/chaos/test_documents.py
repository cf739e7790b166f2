"""Documents that do not fit together are found out, whichever way they do not."""

import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from shared.store.cosmos import CosmosStore
from tests.builders import a_session, messages
from tests.chaos.documents import misfits
from tests.cosmos_server.launch import CosmosServer

Documents = list[dict[str, Any]]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def whole(server: CosmosServer) -> AsyncIterator[Documents]:
    """Return what a session of a hundred and fifty messages is stored as."""
    store = CosmosStore(server.endpoint, server.key, "documents", "sessions", emulator=True)
    session = await store.create(a_session(id="s"))
    for _ in range(30):
        await store.append(session.user_id, session.id, messages(5, metadata={"text": "it fills generations " * 15}))
    yield server.items("documents", "sessions")
    await store.close()


@pytest.fixture
def documents(whole: Documents) -> Documents:
    return copy.deepcopy(whole)


def head(documents: Documents) -> dict[str, Any]:
    return next(document for document in documents if document["type"] == "session")


def page(documents: Documents, generation: int) -> dict[str, Any]:
    return next(document for document in documents if document.get("generation") == generation)


def lose_a_page(documents: Documents) -> None:
    documents.remove(page(documents, 2))


def lose_the_head(documents: Documents) -> None:
    documents.remove(head(documents))


def lose_a_message(documents: Documents) -> None:
    page(documents, 2)["messages"].pop()


def shift_a_page(documents: Documents) -> None:
    page(documents, 1)["first_seq"] += 1


def double_a_message(documents: Documents) -> None:
    page(documents, 2)["messages"][0] = page(documents, 1)["messages"][0]


def miscount(documents: Documents) -> None:
    head(documents)["message_count"] += 1


def mismeasure(documents: Documents) -> None:
    head(documents)["log"]["bytes"] += 1


def miscount_roles(documents: Documents) -> None:
    head(documents)["log"]["sealed"]["roles"]["user"] -= 1


def forget_an_id(documents: Documents) -> None:
    head(documents)["log"]["recent_ids"].pop()


def start_over(documents: Documents) -> None:
    documents.append(page(documents, 1) | {"id": "s~gone~1", "epoch": "gone"})


def run_ahead(documents: Documents) -> None:
    generation = head(documents)["log"]["generation"]
    documents.append(page(documents, 1) | {"id": "s~ahead", "generation": generation})


def leave_work(documents: Documents) -> None:
    head(documents)["pending"] = True


def leave_a_tombstone(documents: Documents) -> None:
    head(documents)["status"] = "deleted"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lose_a_page, "page 2 of"),
        (lose_the_head, "has no session"),
        (lose_a_message, "pages end before"),
        (shift_a_page, "page 1 begins at"),
        (double_a_message, "stored twice"),
        (miscount, "begins at"),
        (mismeasure, "bytes is"),
        (miscount_roles, "the summary of pages counts"),
        (forget_an_id, "recent_ids"),
        (start_over, "of another epoch"),
        (run_ahead, "a generation that never was"),
        (leave_work, "pending True"),
        (leave_a_tombstone, "is deleted"),
    ],
)
def test_documents_that_do_not_fit_are_told(
    documents: Documents, damage: Callable[[Documents], None], told: str
) -> None:
    damage(documents)

    assert any(told in violation.detail for violation in misfits(documents)), misfits(documents)


def test_documents_that_fit_are_not_told(documents: Documents) -> None:
    assert misfits(documents) == []
    assert len(documents) > 5


def test_the_next_page_may_be_there_before_it_counts(documents: Documents) -> None:
    generation = head(documents)["log"]["generation"]
    documents.append(page(documents, 1) | {"id": "s~next", "generation": generation - 1})

    assert misfits(documents) == []
