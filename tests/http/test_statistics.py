"""Statistics of everything an owner has, over HTTP."""

from datetime import UTC, datetime

import pytest

from tests.http.client import Client, a_talk, refused_before_any_store_is_asked


async def test_everything_is_counted(api: Client, stranger: Client) -> None:
    path = await a_talk(api, "one", "two", channel="web")
    await a_talk(api, "three")
    await api.post(f"{path.removesuffix('/messages')}/archive")
    await a_talk(stranger, "not mine")

    found = (await api.get("/api/chat/stats")).json

    assert found["sessions"] == {"active": 1, "archived": 1}
    assert found["by_channel"] == {"web": 1, "default": 1}
    assert (found["messages"], found["by_role"]["user"]) == (3, 3)
    assert found["stored_bytes"] > 100
    assert len(found["per_day"]) == 30
    assert found["per_day"][-1] == {"date": datetime.now(UTC).date().isoformat(), "messages": 3}


async def test_feedback_is_counted(api: Client) -> None:
    path = await a_talk(api)
    for number, rating in enumerate(("up", "up", "down")):
        await api.post(path, {"id": f"m-{number}", "role": "assistant", "content": "So?"})
        await api.patch(f"{path}/m-{number}", {"feedback": {"rating": rating}})

    assert (await api.get("/api/chat/stats")).json["feedback"] == {"up": 2, "down": 1}


@pytest.mark.parametrize("days", [1, 366])
async def test_days_are_as_many_as_asked_for(api: Client, days: int) -> None:
    found = (await api.get(f"/api/chat/stats?days={days}")).json["per_day"]

    assert len(found) == days
    assert [day["date"] for day in found] == sorted(day["date"] for day in found)


@refused_before_any_store_is_asked
@pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1&days=2"])
async def test_other_days_are_refused(api: Client, days: str) -> None:
    assert (await api.get(f"/api/chat/stats?days={days}")).refusal == (400, "bad_request")
