"""Any sequence of operations leaves the store as it leaves a plain model in memory."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.models import ROLES
from shared.store.port import SessionStore
from tests.contract.side_by_side import Both, Operation

maybe = st.none() | st.integers(-2, 60)
names = st.sampled_from([None, "Plan", "plan B", "Überblick", ""])
tags = st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True)
starts, counts = st.sampled_from(range(0, 80, 4)), st.sampled_from([1, 1, 4, 4, 8, 20])
batches = st.builds(lambda start, count: list(range(start, start + count)), starts, counts)
versions = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
limits = st.sampled_from([1, 2, 7, 50, 200])
DETAILS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "create": st.fixed_dictionaries(
        {
            "session_name": names,
            "tags": tags,
            "pinned": st.booleans(),
            "ttl_seconds": st.sampled_from([-1, 3600]),
            "numbers": st.just([]) | batches,
        }
    ),
    "append": st.fixed_dictionaries({"numbers": batches, "version": versions}),
    "update": st.fixed_dictionaries(
        {"if_match": st.sampled_from(["none", "none", "current", "stale"])},
        optional={
            "session_name": names,
            "context": st.dictionaries(st.sampled_from("ab"), st.integers(0, 9), max_size=2),
            "tags": tags,
            "pinned": st.booleans(),
            "ttl_seconds": st.sampled_from([-1, 60, 3600, 2_147_483_647]),
            "is_active": st.sampled_from([True, True, False]),
        },
    ),
    "read": st.fixed_dictionaries({"limit": limits}),
    "messages": st.fixed_dictionaries(
        {
            "limit": limits,
            "order": st.sampled_from(["asc", "desc"]),
            "after": maybe,
            "before": maybe,
            "role": st.sampled_from([None, None, *ROLES]),
        }
    ),
    "sessions": st.fixed_dictionaries(
        {
            "limit": st.sampled_from([1, 2, 20]),
            "name": st.sampled_from([None, None, "plan", "ÜBER", ""]),
            "tags": tags,
            "pinned": st.sampled_from([None, None, True, False]),
            "status": st.sampled_from([None, "active", "archived"]),
        }
    ),
    "stats": st.just({}),
    "clear": st.just({}),
    "rewind": st.fixed_dictionaries({"after_seq": st.integers(0, 60)}),
    "replace_tail": st.fixed_dictionaries(
        {"after_seq": st.integers(0, 60), "numbers": st.just([]) | batches, "version": versions}
    ),
    "erase": st.just({}),
    "delete": st.just({}),
}
OFTEN = (
    ["append"] * 12
    + ["create", "update"] * 3
    + ["messages", "read", "rewind", "replace_tail"] * 2
    + ["sessions", "stats", "clear", "delete", "erase"]
)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw an operation; appends are the most frequent, as they are in life."""
    verb = draw(st.sampled_from(OFTEN))
    owner = draw(st.sampled_from([0, 0, 1]))
    return Operation(verb, owner, draw(st.sampled_from(["a", "a", "a.b"])), draw(DETAILS[verb]))


some_steps = given(steps=st.lists(operations(), min_size=40, max_size=60))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@some_steps
async def test_any_operations_leave_the_store_as_the_model(store: SessionStore, steps: list[Operation]) -> None:
    await take(store, steps)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@some_steps
async def test_many_more_operations_do(store: SessionStore, steps: list[Operation]) -> None:
    await take(store, steps)


async def take(store: SessionStore, steps: list[Operation]) -> None:
    both = Both(store)
    for owner in (0, 1):
        await both.ask(Operation("create", owner, "a", {"numbers": [], "ttl_seconds": 3600}))

    for operation in steps:
        await both.ask(operation)

    await both.compare_everything()
