"""Point operations on items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core import MatchConditions
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

    from .launch import CosmosServer
    from .raw import RawContainer

IF_SAME = {"match_condition": MatchConditions.IfNotModified}


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "user_id": "u", **fields}


async def test_a_created_item_is_read_as_it_was_sent(container: ContainerProxy) -> None:
    sent = item(text="Grüße 👋", nested={"a": [1, 2.5, None, True]})
    await container.create_item(sent)

    found = await container.read_item("1", "u")

    assert {key: found[key] for key in sent} == sent


async def test_an_item_gets_its_system_fields(container: ContainerProxy) -> None:
    made = await container.create_item(item())

    assert {"_rid", "_self", "_etag", "_attachments", "_ts"} <= made.keys()
    assert isinstance(made["_ts"], int)
    assert made["_etag"].startswith('"')


async def test_every_answer_tells_charge_session_and_activity(container: ContainerProxy) -> None:
    headers = (await container.create_item(item())).get_response_headers()

    assert {"x-ms-request-charge", "x-ms-session-token", "x-ms-activity-id", "etag"} <= headers.keys()


async def test_creating_an_item_twice_is_a_conflict(container: ContainerProxy) -> None:
    await container.create_item(item())

    with pytest.raises(CosmosResourceExistsError):
        await container.create_item(item())


async def test_the_same_id_lives_once_in_each_partition(container: ContainerProxy) -> None:
    await container.create_item(item(user_id="u", n=1))
    await container.create_item(item(user_id="v", n=2))

    assert (await container.read_item("1", "v"))["n"] == 2


async def test_names_are_case_sensitive(container: ContainerProxy) -> None:
    await container.create_item({"id": "Aa", "user_id": "U"})

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("aa", "U")


@pytest.mark.parametrize("verb", ["read", "replace", "delete", "patch"])
async def test_a_missing_item_is_404(container: ContainerProxy, verb: str) -> None:
    calls = {
        "read": lambda: container.read_item("1", "u"),
        "replace": lambda: container.replace_item("1", item()),
        "delete": lambda: container.delete_item("1", "u"),
        "patch": lambda: container.patch_item("1", "u", [{"op": "set", "path": "/a", "value": 1}]),
    }

    with pytest.raises(CosmosResourceNotFoundError) as refusal:
        await calls[verb]()

    assert not refusal.value.sub_status


async def test_every_write_changes_the_etag(container: ContainerProxy) -> None:
    etags = [(await container.upsert_item(item()))["_etag"] for _ in range(3)]

    assert len(set(etags)) == 3


async def test_an_item_keeps_its_rid_when_it_is_replaced(container: ContainerProxy) -> None:
    made = await container.create_item(item())

    replaced = await container.replace_item("1", item(n=1))

    assert replaced["_rid"] == made["_rid"]


async def test_replace_leaves_nothing_of_the_old_item(container: ContainerProxy) -> None:
    await container.create_item(item(old=1))

    await container.replace_item("1", item(new=1))

    assert "old" not in await container.read_item("1", "u")


async def test_upsert_creates_with_201_and_replaces_with_200(raw: RawContainer) -> None:
    headers = {"x-ms-documentdb-is-upsert": "True"}

    assert [(await raw.post(item(), **headers)).status for _ in range(2)] == [201, 200]


@pytest.mark.parametrize("verb", ["replace", "upsert", "delete", "patch"])
async def test_a_write_under_an_old_etag_is_412(container: ContainerProxy, verb: str) -> None:
    old = (await container.create_item(item()))["_etag"]
    await container.upsert_item(item(n=1))
    calls = {
        "replace": lambda: container.replace_item("1", item(), etag=old, **IF_SAME),
        "upsert": lambda: container.upsert_item(item(), etag=old, **IF_SAME),
        "delete": lambda: container.delete_item("1", "u", etag=old, **IF_SAME),
        "patch": lambda: container.patch_item("1", "u", [{"op": "set", "path": "/n", "value": 2}], etag=old, **IF_SAME),
    }

    with pytest.raises(CosmosAccessConditionFailedError):
        await calls[verb]()

    assert (await container.read_item("1", "u"))["n"] == 1


async def test_a_write_under_the_current_etag_succeeds(container: ContainerProxy) -> None:
    etag = (await container.create_item(item()))["_etag"]

    replaced = await container.replace_item("1", item(n=1), etag=etag, **IF_SAME)

    assert replaced["n"] == 1


async def test_reading_an_unchanged_item_by_its_etag_is_304(container: ContainerProxy, raw: RawContainer) -> None:
    etag = (await container.create_item(item()))["_etag"]

    answer = await raw.get("1", **{"If-None-Match": etag})

    assert answer.status == 304


async def test_a_deleted_item_is_gone(container: ContainerProxy) -> None:
    await container.create_item(item())

    await container.delete_item("1", "u")

    with pytest.raises(CosmosResourceNotFoundError):
        await container.read_item("1", "u")


async def test_a_body_of_another_partition_than_the_header_is_400(raw: RawContainer) -> None:
    answer = await raw.post(item(user_id="somebody else"))

    assert (answer.status, answer.headers["x-ms-substatus"]) == (400, "1001")


async def test_a_request_meant_for_an_earlier_container_of_the_name_is_400(raw: RawContainer) -> None:
    answer = await raw.post(item(), **{"x-ms-cosmos-intended-collection-rid": "AAAAAQAAAAE="})

    assert (answer.status, answer.headers["x-ms-substatus"]) == (400, "1024")


async def test_a_write_that_asked_for_no_response_answers_an_empty_body(raw: RawContainer) -> None:
    answer = await raw.post(item(), Prefer="return=minimal")

    assert (answer.status, await answer.read()) == (201, b"")


async def test_no_response_of_the_sdk_still_writes(container: ContainerProxy) -> None:
    await container.create_item(item(n=1), no_response=True)

    assert (await container.read_item("1", "u"))["n"] == 1


async def test_an_id_that_needs_escaping_in_an_address_is_found(container: ContainerProxy) -> None:
    name = "a b~é%41+&=:@"
    await container.create_item(item(id=name))

    assert (await container.read_item(name, "u"))["id"] == name


async def test_a_body_that_is_no_json_is_400(raw: RawContainer) -> None:
    assert (await raw.post("{")).status == 400


async def test_the_test_listing_shows_items_with_their_system_fields(
    server: CosmosServer, container: ContainerProxy, database: Any
) -> None:
    made = [await container.create_item(item(id=str(n), user_id=f"u{n}")) for n in range(3)]

    assert server.items(database.id, container.id) == [dict(m) for m in made]


async def test_a_refusal_tells_its_code_and_message(raw: RawContainer) -> None:
    answer = await raw.get("missing")

    assert (await answer.json())["code"] == "NotFound"


async def test_an_item_without_an_id_is_400(container: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError) as refusal:
        await container.create_item({"user_id": "u"})

    assert refusal.value.status_code == 400
