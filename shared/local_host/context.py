"""The `context` a function may ask for."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import azure.functions as func

_thread_local: Final = threading.local()


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The W3C trace headers of the request; empty strings where there are none."""

    trace_parent: str = ""
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryContext:
    """No retries: the local host never repeats a call."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


@dataclass(frozen=True)
class InvocationContext(func.Context):
    """One invocation; the fields are those of the worker's own context."""

    function_name: str = ""
    function_directory: str = ""
    invocation_id: str = ""
    trace_context: Any = TraceContext()  # Any: azure.functions keeps the abstract type private
    retry_context: Any = RetryContext()
    thread_local_storage: Any = _thread_local
