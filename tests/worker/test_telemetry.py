"""What arrives where telemetry is collected, with OpenTelemetry on in Microsoft's runtime."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from azure_functions_runtime.otel import otel_manager
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.conftest import CosmosPlace
from tests.http.client import Client, spoken
from tests.worker.conftest import Start
from tests.worker.host import serving
from tests.worker.runtime import Runtime

SPAN_OF_THE_HOST = int("0123456789abcdef", 16)  # what tests.worker.runtime says of every invocation


class Correlated(logging.Handler):
    """Keeps each line with the trace it is written in, as an exporter of logs does."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith('{"event": '):
            trace_id = trace.get_current_span().get_span_context().trace_id
            self.lines.append((trace_id, json.loads(record.getMessage())))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    monkeypatch.setattr(metrics, "get_meter", MeterProvider([reader]).get_meter)
    return reader


@pytest.fixture
def correlated() -> Iterator[Correlated]:
    root, handler = logging.getLogger(), Correlated()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest_asyncio.fixture
async def with_opentelemetry(start: Start, cosmos_place: CosmosPlace) -> AsyncIterator[Runtime]:
    """Run the functions on the test server, with OpenTelemetry on in the runtime."""
    place = cosmos_place
    cosmos = {"COSMOS_ENDPOINT": place.endpoint, "COSMOS_KEY": str(place.key), "COSMOS_EMULATOR": "true"}
    settings = {"STORE": "cosmos", "COSMOS_DATABASE": place.database, "PYTHON_ENABLE_OPENTELEMETRY": "true"}
    async with start(**cosmos, **settings) as running:
        yield running
    otel_manager.set_otel_libs_available(False)
    otel_manager.set_context_api(None)
    otel_manager.set_trace_context_propagator(None)


async def test_spans_measurements_and_lines_arrive_in_the_trace_that_the_host_began(
    spans: InMemorySpanExporter,
    reader: InMemoryMetricReader,
    correlated: Correlated,
    with_opentelemetry: Runtime,
) -> None:
    async with serving(with_opentelemetry, "ada@example.com") as api:
        units = await _say_something(api)

    assert with_opentelemetry.capabilities["WorkerOpenTelemetryEnabled"] == "true"
    of_items = [span for span in spans.get_finished_spans() if span.name != "read_metadata"]
    assert [span.name for span in of_items] == ["create_item", "patch_item"]
    assert {_parent(span) for span in of_items} == {SPAN_OF_THE_HOST}
    assert [span.attributes["azure.cosmosdb.operation.request_charge"] for span in of_items] == units
    requests = [(trace_id, line) for trace_id, line in correlated.lines if line["event"] == "request"]
    assert [line["request_units"] for _, line in requests] == units
    assert [trace_id for trace_id, _ in requests] == [span.context.trace_id for span in of_items]
    assert "start" in {line["event"] for _, line in correlated.lines}
    data = reader.get_metrics_data()
    assert data is not None
    assert "azure.cosmosdb.client.operation.request_charge" in data.to_json()
    assert "ada@example.com" not in "".join([*(span.to_json() for span in of_items), data.to_json()])


async def _say_something(api: Client) -> list[float]:
    """Make a session and append to it; return what the answers say that each cost."""
    created = await api.post("/api/chat/sessions", {})
    appended = await api.post(f"/api/chat/sessions/{created.json['id']}/messages", spoken("Hi"))
    return [float(answer.headers["x-request-charge"]) for answer in (created, appended)]


def _parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None
