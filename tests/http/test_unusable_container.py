"""A container that is missing or was made by hand in another way: refused as a whole, instead of half working."""

import logging
from typing import Any
from uuid import uuid4

import pytest
from azure.cosmos.aio import CosmosClient

from shared.store.cosmos import CosmosStore
from tests.conftest import CosmosPlace
from tests.cosmos.containers import UNUSABLE, make
from tests.http.conftest import Serve


@pytest.mark.parametrize(("changed", "complaint"), UNUSABLE)
async def test_an_unusable_container_is_503_everywhere_and_one_line_in_the_log(
    serve: Serve,
    cosmos_place: CosmosPlace,
    caplog: pytest.LogCaptureFixture,
    changed: dict[str, Any] | None,
    complaint: str,
) -> None:
    place, database = cosmos_place, f"db-{uuid4().hex}"
    async with CosmosClient(place.endpoint, place.key) as client:
        await make(await client.create_database(database), changed)
    store = CosmosStore(place.endpoint, place.key, database, "sessions")  # as on an account: nothing is made

    async with serve(store) as api:
        answers = [
            await api.get("/api/health"),
            await api.post("/api/chat/sessions", {}),
            await api.get("/api/chat/sessions"),
            await api.get("/api/chat/sessions/any"),
        ]
    await store.close()

    assert {answer.refusal for answer in answers} == {(503, "store_unavailable")}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    lines = [record.getMessage() for record in said if record.name != "parley.requests"]
    assert (len(lines), len(said)) == (1, 1 + len(answers))  # why once, and a line for each request
    assert complaint in lines[0]
    assert "make provision" in lines[0]
