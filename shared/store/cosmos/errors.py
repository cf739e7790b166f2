"""What Cosmos DB answers, in words the adapter acts on; the one place that knows its exceptions."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from azure.core.exceptions import AzureError, ServiceRequestError, ServiceRequestTimeoutError
from azure.cosmos.exceptions import CosmosHttpResponseError

from shared.errors import StoreThrottledError, StoreUnavailableError
from shared.usage import count_request

logger = logging.getLogger(__name__)

RETRY_WITH = 449  # two writes met on one item; the SDK for Python does not try again
OWNER_MISSING = 1003  # sub-status of a 404 whose container or database is not there
OUTAGE_RETRY_SECONDS = 5


class ItemError(Exception):
    """The service refused one item request; `repeated` tells that an earlier try may have been carried out."""

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
    """Two writes met on one item and this one was not carried out (449)."""


ITEM_ERRORS: Mapping[int, type[Exception]] = {
    HTTPStatus.NOT_FOUND: ItemMissingError,
    HTTPStatus.CONFLICT: ItemExistsError,
    HTTPStatus.PRECONDITION_FAILED: ItemRefusedError,
    RETRY_WITH: CollisionError,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the adapter's own errors in place of the driver's, and count what a refusal cost."""
    try:
        yield
    except CosmosHttpResponseError as error:
        count_request(float((error.headers or {}).get("x-ms-request-charge") or 0))
        raise _translate(error) from error
    except ServiceRequestError as error:
        raise (NotSentError if _never_connected(error) else AnswerLostError)(OUTAGE_RETRY_SECONDS) from error
    except (AzureError, TimeoutError, OSError) as error:
        raise AnswerLostError(OUTAGE_RETRY_SECONDS) from error


def _never_connected(error: ServiceRequestError) -> bool:
    """Tell a connection that could not be made from one that broke: azure.core calls both a request not sent."""
    from aiohttp import ClientConnectorError  # noqa: PLC0415 - the client has loaded it by now, and only then

    return isinstance(error, ServiceRequestTimeoutError) or isinstance(error.inner_exception, ClientConnectorError)


def _translate(error: CosmosHttpResponseError) -> Exception:
    status = error.status_code or 0
    if status == HTTPStatus.NOT_FOUND and error.sub_status == OWNER_MISSING:
        logger.error("the database or container is missing; run make provision")
        return StoreUnavailableError(OUTAGE_RETRY_SECONDS)
    if status in ITEM_ERRORS:
        return ITEM_ERRORS[status]()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        milliseconds = float((error.headers or {}).get("x-ms-retry-after-ms") or 0)
        return StoreThrottledError(max(1, round(milliseconds / 1000)))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        logger.error("Cosmos DB refuses this app: %s %s", status, error.sub_status)
        return StoreUnavailableError(OUTAGE_RETRY_SECONDS)
    unsure = status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GONE} or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return AnswerLostError(OUTAGE_RETRY_SECONDS) if unsure else error
