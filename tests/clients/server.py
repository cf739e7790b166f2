"""Parley as a process of its own that may be asked for a long time: somebody listens to what it logs."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.process import LAST_LINE, START_SECONDS, Parley, launch


@contextmanager
def serving(**settings: str) -> Iterator[str]:
    """Run Parley until the block ends, and say where it listens."""
    process = launch(**settings)
    assert process.stdout
    assert process.stderr
    listening = threading.Thread(target=deque, args=(process.stderr, 0))  # a full pipe would stop the server
    listening.start()
    try:
        lines = [""]
        while lines[-1] != LAST_LINE:
            lines.append(process.stdout.readline())
            assert lines[-1], "Parley did not start"
        yield Parley(process, "".join(lines)).url
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        listening.join()
        process.stdout.close()
        process.stderr.close()
