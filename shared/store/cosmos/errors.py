"""What Cosmos DB answers, in words the adapter acts on; the one place that knows its exceptions."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceRequestTimeoutError
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

from shared.errors import StoreError, StoreThrottledError, StoreUnavailableError, StoreUnusableError
from shared.usage import count_request, in_hand

logger = logging.getLogger(__name__)

OUTAGE_RETRY_SECONDS = 5
OWNER_MISSING = frozenset({1003, 10004})  # sub-statuses of a 404 whose container or database is not there


class ItemError(Exception):
    """The service refused one item request; `repeated` says that an earlier try may have been carried out."""

    repeated = False


class ItemMissingError(ItemError):
    """No such item in that partition, or it has expired (404)."""


class ItemExistsError(ItemError):
    """An item by that id is there already (409)."""


class ItemRefusedError(ItemError):
    """The predicate or the etag did not hold (412)."""


class AnswerLostError(StoreUnavailableError):
    """The request may or may not have been carried out; safe to repeat, as every write here is."""


class NotSentError(StoreUnavailableError):
    """The service could not be reached, so nothing was carried out."""


class CollisionError(StoreUnavailableError):
    """Two writes met on one item, or it met the service's own housekeeping; this one was not carried out."""


class ReplicaBehindError(StoreUnavailableError):
    """The replica that was asked has not reached the state to be read (404/1002); that says nothing of the item."""


REFUSALS = (ItemExistsError, ItemRefusedError, CollisionError)


class MisconfiguredError(StoreUnusableError):
    """The service will not do this before somebody changes something; it is written to the log."""


class Outcome(NamedTuple):
    """What the adapter makes of an answer; `says` goes to the log where an operator has to do something."""

    error: type[Exception]
    says: str = ""


_LOST = Outcome(AnswerLostError)  # it may have been carried out; every write here is safe to repeat
_AGAIN = Outcome(CollisionError)  # it was not carried out; the next try may be
_NO_CONTAINER = Outcome(MisconfiguredError)  # the look at the container that follows says so, once
_FULL = Outcome(MisconfiguredError, "the account is at a limit of its capacity")
_CONTROL_PLANE = Outcome(MisconfiguredError, "the account refuses a change of databases or containers")
_REFUSES = Outcome(MisconfiguredError, "the account refuses this app: look at its key, or role assignment, and network")

# Every status and sub-status that the SDK's http_constants name, and what 0, for the others of that status, means.
OUTCOMES: Mapping[int, Mapping[int, Outcome]] = {
    400: {
        1001: Outcome(MisconfiguredError, "the container has another partition key than /user_id"),
        1024: _AGAIN,  # the container was made anew; the SDK has looked up which it is now
    },
    401: {0: _REFUSES},
    403: {
        0: _REFUSES,  # 5300 among them: a role that does not allow this
        3: _AGAIN,  # the region that takes writes is changing
        1005: _FULL,
        1008: _AGAIN,  # so is the account's
        1009: _CONTROL_PLANE,
        1010: _FULL,
        1011: _CONTROL_PLANE,
    },
    404: {
        0: Outcome(ItemMissingError),
        1002: Outcome(ReplicaBehindError),
        1003: _NO_CONTAINER,
        1013: _AGAIN,  # the container is being made
        10004: _NO_CONTAINER,  # the SDK's own word for a container without throughput of its own
    },
    408: {0: _LOST},
    409: {
        0: Outcome(ItemExistsError),
        1006: _AGAIN,  # databases or containers are being changed
    },
    410: {0: _LOST},  # the partition moved (1000, 1002, 1007, 1008): the SDK has looked for it in vain
    412: {0: Outcome(ItemRefusedError)},
    449: {0: _AGAIN},  # two writes met on one item; the SDK for Python does not try again
}


def outcome_of(status: int, sub_status: int) -> Outcome | None:
    """Return what the adapter makes of an answer; None for one that only a fault of the adapter's own can cause.

    A sub-status of 404 that is not known is never taken for a missing item.
    """
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _LOST  # 503 with 1007 or 21015 among them
    known = OUTCOMES.get(status, {})
    if status == HTTPStatus.NOT_FOUND and sub_status not in known:
        return Outcome(ReplicaBehindError)
    return known.get(sub_status, known.get(0))


def count_answer(headers: Mapping[str, Any], _body: object = None) -> None:
    """Count one answer and its charge; the SDK's `response_hook` calls it with each that is no refusal."""
    count_request(float(headers.get("x-ms-request-charge") or 0))


@contextmanager
def translated() -> Iterator[None]:
    """Raise the adapter's own errors in place of the driver's, and count what a refusal cost."""
    try:
        yield
    except (CosmosHttpResponseError, CosmosBatchOperationError) as error:
        count_answer(error.headers or {})
        translated_error = _translate(error)
        in_hand().refused += isinstance(translated_error, REFUSALS)
        raise translated_error from error
    except ServiceRequestError as error:
        raise (NotSentError if _never_connected(error) else AnswerLostError)(OUTAGE_RETRY_SECONDS) from error
    except (AzureError, TimeoutError, OSError) as error:
        raise AnswerLostError(OUTAGE_RETRY_SECONDS) from error


def _never_connected(error: ServiceRequestError) -> bool:
    """Tell a connection that could not be made from one that broke: azure.core calls both a request not sent."""
    from aiohttp import ClientConnectorError  # noqa: PLC0415 - the client has loaded it by now, and only then

    return isinstance(error, ServiceRequestTimeoutError) or isinstance(error.inner_exception, ClientConnectorError)


def _translate(error: CosmosHttpResponseError | CosmosBatchOperationError) -> Exception:
    """Return the adapter's error; of a batch the status is that of the operation that kept it from being done."""
    status, sub_status = error.status_code or 0, error.sub_status or 0
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        milliseconds = float((error.headers or {}).get("x-ms-retry-after-ms") or 0)
        return StoreThrottledError(max(1, round(milliseconds / 1000)))
    outcome = outcome_of(status, sub_status)
    if outcome is None:
        return error
    if outcome.says:
        logger.error("Cosmos DB answers %s/%s: %s", status, sub_status, outcome.says)
    if issubclass(outcome.error, MisconfiguredError):
        return outcome.error(outcome.says or "the database or container is missing", OUTAGE_RETRY_SECONDS)
    return outcome.error(OUTAGE_RETRY_SECONDS) if issubclass(outcome.error, StoreError) else outcome.error()
