"""Schemathesis on the OpenAPI document: what is documented happens, and nothing else."""

import pytest

from shared.store.port import SessionStore
from tests.hostile.app import route_table, serving
from tests.hostile.fuzz import fuzz
from tests.http.documented import Tally

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]  # 50 s of processor time
EXAMPLES = 1  # of each operation and of each phase that makes them up
LEAST_REQUESTS = 500  # fewer mean that something went wrong before the API was asked


async def test_nothing_happens_that_is_not_documented(store: SessionStore) -> None:
    tally = Tally(route_table())
    async with serving(store, tally) as url:
        passed, report = await fuzz(url, f"--max-examples={EXAMPLES}", "--generation-deterministic")

    assert passed, report
    assert tally.undocumented == {}
    assert tally.total > LEAST_REQUESTS


async def test_an_answer_that_is_not_documented_would_be_found(store: SessionStore) -> None:
    tally = Tally(route_table())
    async with serving(store, tally, user_identity="easyauth") as url:
        passed, report = await fuzz(url, "--max-examples=1", "--generation-deterministic", "--phases=examples")

    assert not passed, report
    assert set(tally.statuses) >= {200, 401}
