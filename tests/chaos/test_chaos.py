"""Sixteen clients, an archival timer and 5 % faults at once: nothing is lost, doubled, out of order or kept waiting.

`PARLEY_SEEDS=50` runs more of them, `PARLEY_FIRST_SEED=1234` begins there; `python -m tests.chaos` runs hundreds.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from unittest.mock import patch

import pytest

from shared.store.cosmos import batch, turns
from shared.turns import leases
from tests.chaos import talking
from tests.chaos.requests import PATIENCE_SECONDS
from tests.chaos.run import Plan, run
from tests.chaos.weather import faults
from tests.cosmos_server.launch import CosmosServer
from tests.tiers import slow_but

SEEDS = int(os.environ.get("PARLEY_SEEDS", "3"))
FOUND_WITHIN = 6  # seeds: a removal has to come while a reply is made
FIRST = int(os.environ.get("PARLEY_FIRST_SEED", "0"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the log of what went wrong, which is much, out of the way of what matters."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", slow_but({str(seed): seed for seed in range(FIRST, FIRST + SEEDS)}, str(FIRST)))
async def test_whatever_the_network_does_every_promise_is_kept(server: CosmosServer, seed: int) -> None:
    report = await run(server, Plan(seed))

    assert report.violations == [], f"python -m tests.chaos --seeds 1 --start {seed}"
    assert report.faults.total() > 0
    assert report.pages > 0
    assert report.longest_seconds < PATIENCE_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + (SEEDS + 1) // 2))
async def test_on_many_instances_whose_replicas_lag_every_promise_is_kept(server: CosmosServer, seed: int) -> None:
    report = await run(server, Plan(seed, instances=2 + seed % 3))

    assert report.violations == [], f"python -m tests.chaos --seeds 1 --start {seed} --instances {2 + seed % 3}"
    assert report.faults.total() > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + (SEEDS + 1) // 2))
async def test_whatever_the_model_does_a_question_has_one_reply_and_is_paid_once(
    server: CosmosServer, seed: int
) -> None:
    report = await talking.run(server, Plan(seed, clients=6, instances=2))

    assert report.violations == [], f"python -m tests.chaos --turns --seeds 1 --start {seed} --clients 6 --instances 2"
    assert report.replies > 0
    assert report.faults.total() > 0


@pytest.mark.slow
async def test_instances_that_take_no_lease_are_found_out(server: CosmosServer) -> None:
    with patch.object(leases, "MARGIN_SECONDS", -60):
        report = await talking.run(server, Plan(0, clients=6, instances=2))

    assert report.count("paid twice") > 0


@pytest.mark.slow
async def test_instances_that_store_a_reply_without_its_lease_are_found_out(server: CosmosServer) -> None:
    with (
        patch.object(batch, "lease_held", lambda _holder: "IS_DEFINED(c.id)"),
        patch.object(batch, "require_held", lambda _lease, _holder: None),
    ):
        for seed in range(1, 1 + FOUND_WITHIN):
            report = await talking.run(server, Plan(seed, instances=2))
            if report.count("unknown"):
                return

    pytest.fail(f"{FOUND_WITHIN} seeds have not found it")


@pytest.mark.slow
async def test_instances_that_take_the_leases_of_the_dead_are_found_out(server: CosmosServer) -> None:
    with ExitStack() as broken:
        for module in (batch, turns):
            broken.enter_context(patch.object(module, "lease_free", lambda _holder, _now: "IS_DEFINED(c.id)"))
            broken.enter_context(patch.object(module, "require_free", lambda _held, _lease, _now: None))
        report = await talking.run(server, Plan(0, instances=2))

    assert report.count("paid twice") > 0


@pytest.mark.slow
async def test_a_run_meets_faults_of_every_kind(server: CosmosServer) -> None:
    report = await run(server, Plan(1, rate=0.3))

    assert report.faults.keys() == faults(1).keys()
    assert report.repeated > 0


@pytest.mark.slow
async def test_a_store_that_forgets_what_it_has_is_found_out(server: CosmosServer) -> None:
    with patch.object(batch, "appendable", lambda _ids, _cap, _now: "c.status = 'active'"):
        report = await run(server, Plan(1, rate=0.3))  # so that enough is sent twice, however fast the machine is

    assert report.count("doubled", "doubled unacknowledged") > 0
