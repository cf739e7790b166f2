"""Spans and measurements of the store's requests, as an exporter of OpenTelemetry gets them."""

import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared.errors import StoreUnavailableError
from shared.settings import PROJECT_ROOT
from shared.store.cosmos import CosmosStore
from shared.usage import measured
from tests.builders import a_message, a_session, an_owner
from tests.conftest import CosmosPlace
from tests.cosmos.proxy import Proxy, answers

CHARGE = "azure.cosmosdb.operation.request_charge"


class Telemetry:
    """What would have been sent to whoever operates it."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meter_provider = MeterProvider([self.reader])

    def of_items(self) -> list[ReadableSpan]:
        """Return the spans of requests for items, in their order."""
        return [span for span in self.spans.get_finished_spans() if span.name != "read_metadata"]

    def measured(self) -> dict[str, Any]:
        """Return the points of each measurement."""
        data = self.reader.get_metrics_data()
        assert data is not None
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """Set up OpenTelemetry as a worker does in which it is on; its own providers can be set once only."""
    telemetry = Telemetry()
    monkeypatch.setattr(trace, "get_tracer", telemetry.tracer_provider.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", telemetry.meter_provider.get_meter)
    return telemetry


@pytest_asyncio.fixture
async def traced(telemetry: Telemetry, cosmos_place: CosmosPlace, proxy: Proxy) -> AsyncIterator[CosmosStore]:
    assert telemetry
    place = cosmos_place
    store = CosmosStore(proxy.endpoint, place.key, place.database, place.container, emulator=True, traced=True)
    yield store
    await store.close()


async def test_each_request_is_a_span_with_its_units_and_a_refused_guard_is_no_error(
    traced: CosmosStore, telemetry: Telemetry
) -> None:
    user, message = an_owner(), a_message("said in secret")
    session = a_session(user)

    with measured() as usage:
        await traced.create(session)
        await traced.append(user, session.id, [message])
        await traced.append(user, session.id, [message])  # the guard finds that it is there
        await traced.read(user, session.id, 10)

    spans = telemetry.of_items()
    assert [(span.name, span.attributes["db.response.status_code"]) for span in spans] == [
        ("create_item", "201"),
        ("patch_item", "200"),
        ("patch_item", "412"),
        ("read_item", "200"),
        ("read_item", "200"),
    ]
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    assert sum(span.attributes[CHARGE] for span in spans) == pytest.approx(usage.request_units)
    told = "".join(span.to_json() for span in telemetry.spans.get_finished_spans())
    assert [word for word in (user, session.id, message.id, "secret") if word in told] == []


async def test_throttles_and_failures_are_errors_and_throttles_are_counted(
    traced: CosmosStore, telemetry: Telemetry, proxy: Proxy
) -> None:
    user = an_owner()
    await traced.create(a_session(user, id="s"))
    proxy.on("read", answers(429, x_ms_retry_after_ms="5"))
    await traced.get(user, "s")
    proxy.on("read", answers(503), times=None)
    with pytest.raises(StoreUnavailableError):
        await traced.get(user, "s")

    reads = [span for span in telemetry.of_items() if span.name == "read_item"]
    found = telemetry.measured()
    (throttled,) = found["parley.store.throttled"]
    assert [(span.attributes["db.response.status_code"], span.status.status_code) for span in reads[:3]] == [
        ("429", StatusCode.ERROR),
        ("200", StatusCode.UNSET),
        ("503", StatusCode.ERROR),
    ]
    assert (throttled.value, dict(throttled.attributes)) == (1, {"db.operation.name": "read_item"})
    assert sum(point.count for point in found["db.client.operation.duration"]) >= len(reads)
    assert sum(point.sum for point in found["azure.cosmosdb.client.operation.request_charge"]) > 0


def test_nothing_of_opentelemetry_is_imported_before_the_store_is_used(cosmos_place: CosmosPlace) -> None:
    program = "import sys, function_app; print([name for name in sys.modules if 'opentelemetry' in name])"
    settings = {"COSMOS_ENDPOINT": cosmos_place.endpoint, "COSMOS_EMULATOR": "true", "PYTHON_ENABLE_OPENTELEMETRY": "1"}
    environ = {"PATH": os.environ["PATH"], "STORE": "cosmos", **settings}

    command = [sys.executable, "-c", program]

    printed = subprocess.check_output(command, cwd=PROJECT_ROOT, env=environ, text=True)

    assert printed.strip() == "[]"


async def test_where_the_package_is_missing_parley_works_and_says_so(
    cosmos_place: CosmosPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "shared.store.cosmos.tracing", raising=False)
    monkeypatch.delattr(importlib.import_module("shared.store.cosmos"), "tracing", raising=False)
    place = cosmos_place
    store = CosmosStore(place.endpoint, place.key, place.database, place.container, emulator=True, traced=True)

    await store.ping()
    await store.close()

    assert "opentelemetry-api is not installed" in caplog.text
