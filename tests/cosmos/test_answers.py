"""What the adapter makes of each status and sub-status that the SDK has a name for."""

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError
from azure.cosmos.http_constants import StatusCodes, SubStatusCodes

from shared.errors import SessionNotFoundError, StoreThrottledError, StoreUnavailableError
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.errors import (
    AnswerLostError,
    CollisionError,
    ItemExistsError,
    ItemMissingError,
    ItemRefusedError,
    MisconfiguredError,
    ReplicaBehindError,
    translated,
)
from shared.store.cosmos.partition import READ_TRIES
from tests.builders import a_session, an_owner
from tests.cosmos_server.launch import CosmosServer

OURS = CosmosHttpResponseError  # raised as it is: only a fault of the adapter's own can cause it
ANSWERS = {
    (400, 0): OURS,
    (400, 1001): MisconfiguredError,  # PARTITION_KEY_MISMATCH
    (400, 1004): OURS,  # CROSS_PARTITION_QUERY_NOT_SERVABLE
    (400, 1024): CollisionError,  # COLLECTION_RID_MISMATCH
    (401, 0): MisconfiguredError,
    (403, 0): MisconfiguredError,
    (403, 3): CollisionError,  # WRITE_FORBIDDEN
    (403, 1005): MisconfiguredError,  # PROVISION_LIMIT_REACHED
    (403, 1008): CollisionError,  # DATABASE_ACCOUNT_NOT_FOUND
    (403, 1009): MisconfiguredError,  # REDUNDANT_COLLECTION_PUT
    (403, 1010): MisconfiguredError,  # SHARED_THROUGHPUT_DATABASE_QUOTA_EXCEEDED
    (403, 1011): MisconfiguredError,  # SHARED_THROUGHPUT_OFFER_GROW_NOT_NEEDED
    (403, 5300): MisconfiguredError,  # AAD_REQUEST_NOT_AUTHORIZED
    (404, 0): ItemMissingError,
    (404, 1002): ReplicaBehindError,  # READ_SESSION_NOTAVAILABLE
    (404, 1003): MisconfiguredError,  # OWNER_RESOURCE_NOT_FOUND
    (404, 1013): CollisionError,  # CONTAINER_CREATE_IN_PROGRESS
    (404, 10004): MisconfiguredError,  # THROUGHPUT_OFFER_NOT_FOUND
    (404, 4711): ReplicaBehindError,  # not known, so not taken for a missing item
    (405, 0): OURS,
    (408, 0): AnswerLostError,
    (409, 0): ItemExistsError,
    (409, 1006): CollisionError,  # CONFLICT_WITH_CONTROL_PLANE
    (410, 0): AnswerLostError,
    (410, 1000): AnswerLostError,  # NAME_CACHE_IS_STALE
    (410, 1002): AnswerLostError,  # PARTITION_KEY_RANGE_GONE
    (410, 1007): AnswerLostError,  # COMPLETING_SPLIT
    (410, 1008): AnswerLostError,  # COMPLETING_PARTITION_MIGRATION
    (412, 0): ItemRefusedError,
    (413, 0): OURS,
    (424, 0): OURS,
    (429, 0): StoreThrottledError,
    (449, 0): CollisionError,
    (500, 0): AnswerLostError,
    (503, 0): AnswerLostError,
    (503, 1007): AnswerLostError,  # INSUFFICIENT_BINDABLE_PARTITIONS
    (503, 21015): AnswerLostError,  # ROUTING_MAP_SNAPSHOT_INCONSISTENT
}


@pytest.mark.parametrize(("answer", "error"), ANSWERS.items(), ids=str)
def test_each_answer_means_one_thing(answer: tuple[int, int], error: type[Exception]) -> None:
    kind = CosmosResourceNotFoundError if answer[0] == 404 else CosmosHttpResponseError

    with pytest.raises(error), translated():
        raise kind(status_code=answer[0], sub_status=answer[1], message="as the service says it")


def test_every_name_that_the_sdk_has_for_an_answer_is_in_the_table() -> None:
    fakes = {StatusCodes.OPERATION_PAUSED, StatusCodes.OPERATION_CANCELLED}  # for its own logs only
    statuses = {status for name, status in vars(StatusCodes).items() if name.isupper()} - fakes
    subs = {sub for name, sub in vars(SubStatusCodes).items() if name.isupper()}

    assert {status for status in statuses if status >= 400} <= {status for status, _ in ANSWERS}
    assert subs <= {sub for _, sub in ANSWERS}


@pytest.mark.parametrize(("sub_status", "error"), [(0, SessionNotFoundError), (1002, StoreUnavailableError)])
async def test_the_store_tells_a_missing_session_from_one_that_cannot_be_seen(
    server: CosmosServer, sub_status: int, error: type[Exception]
) -> None:
    store = CosmosStore(server.endpoint, server.key, "answers", "sessions", emulator=True)
    session = await store.create(a_session(an_owner()))
    server.fail_next(404, sub_status, on="read", item=session.id, times=READ_TRIES)

    with pytest.raises(error):
        await store.get(session.user_id, session.id)

    await store.close()
