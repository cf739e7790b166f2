"""Spans and metrics of the service's requests, by OpenTelemetry's API: for whoever has it on, and imported only then.

Names are those of OpenTelemetry's conventions for Cosmos DB. No address is told: sessions' ids are in it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from shared.version import VERSION

SYSTEM = "azure.cosmosdb"
OPERATIONS = {
    "GET": "read_item",
    "POST": "create_item",
    "PATCH": "patch_item",
    "PUT": "replace_item",
    "DELETE": "delete_item",
}
NO_ERRORS = {  # what writers and readers meet: nothing there, a guard that does not hold, two writes at once
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
    449,
}
ERRORS_FROM = 400


class Tracing:
    """Makes a span of each request that is sent, and measures it; what it was is told by its kind alone."""

    def __init__(self) -> None:
        """Use the providers that the worker, or who runs it, has set up."""
        self._tracer = trace.get_tracer("parley", VERSION)
        meter = metrics.get_meter("parley", VERSION)
        self._units = meter.create_histogram("azure.cosmosdb.client.operation.request_charge", "{request_unit}")
        self._seconds = meter.create_histogram("db.client.operation.duration", "s")
        self._throttled = meter.create_counter("parley.store.throttled", "{request}")

    @contextmanager
    def observe(self, request: Any) -> Iterator[Callable[[Any], None]]:  # noqa: ANN401 - the SDK's
        """Trace what is sent in this context; call what it yields with the answer."""
        operation = _operation(request)
        about = {"db.system.name": SYSTEM, "db.operation.name": operation}
        started = perf_counter()
        with self._tracer.start_as_current_span(
            operation, kind=SpanKind.CLIENT, attributes=about, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield lambda response: self._note(span, about, response)
            except BaseException as error:
                about["error.type"] = type(error).__qualname__
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
                raise
            finally:
                self._seconds.record(perf_counter() - started, about)

    def _note(self, span: Span, about: dict[str, str], response: Any) -> None:  # noqa: ANN401 - the SDK's
        status, headers = response.status_code, response.headers
        units = float(headers.get("x-ms-request-charge") or 0)
        about["db.response.status_code"] = str(status)
        span.set_attribute("db.response.status_code", str(status))
        span.set_attribute("azure.cosmosdb.response.sub_status_code", int(headers.get("x-ms-substatus") or 0))
        span.set_attribute("azure.cosmosdb.operation.request_charge", units)
        self._units.record(units, about)
        if status >= ERRORS_FROM and status not in NO_ERRORS:
            span.set_attribute("error.type", str(status))
            span.set_status(StatusCode.ERROR)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._throttled.add(1, {"db.operation.name": about["db.operation.name"]})


def _operation(request: Any) -> str:  # noqa: ANN401 - the SDK's
    """Return what a request asks for, by the conventions' names."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "/docs" not in urlsplit(request.url).path:
        return "read_metadata"
    if "x-ms-cosmos-is-batch-request" in headers:
        return "execute_batch"
    if "query" in headers.get("content-type", "") or "x-ms-cosmos-is-query-plan-request" in headers:
        return "query_items"
    return OPERATIONS.get(request.method, "other")
