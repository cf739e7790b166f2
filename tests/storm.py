"""`python -m tests.storm`: many writers on one session who send everything twice, on a machine that is busy otherwise.

A table at the end says what was refused, lost or doubled, and how many tries the appends took.
"""

import argparse
import asyncio
import logging
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from unittest import mock

from tqdm import tqdm

from shared.errors import StoreError
from shared.models import Appended, NewMessage, Session
from shared.store.cosmos import CosmosStore
from shared.store.cosmos.retry import Retries
from shared.store.port import SessionStore
from shared.store.sqlite import SqliteStore
from tests.builders import a_session, again, all_messages, an_owner, messages
from tests.conftest import OpenStore
from tests.cosmos_server.launch import missing_reason, running_server

_tries: ContextVar[list[int] | None] = ContextVar("tries", default=None)
_again = Retries.again


@dataclass
class Report:
    """What the runs of a storm came to; `tries` counts appends by the tries they needed."""

    appends: int = 0
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    longest_seconds: float = 0.0
    tries: Counter[int] = field(default_factory=Counter)

    @property
    def broken(self) -> int:
        """Count what must not happen."""
        return self.refused + self.lost + self.doubled


def main(arguments: list[str] | None = None) -> int:
    """Run the storms asked for; 1 when something was refused, lost or doubled, 2 where the store cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--store", choices=["cosmos", "sqlite"], default="cosmos")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--messages", type=int, default=25, help="of each writer; each is sent twice at once")
    parser.add_argument("--busy", type=int, default=2, help="processes beside it that do nothing but compute")
    wanted = parser.parse_args(arguments)
    if wanted.store == "cosmos" and (reason := missing_reason()):
        print(reason, file=sys.stderr)  # noqa: T201 - it talks to a person at a terminal
        return 2
    logging.disable(logging.CRITICAL)  # rotations that are put off are part of a storm
    report = Report()
    with ExitStack() as stack:
        open_store = stack.enter_context(_place(wanted.store))
        stack.enter_context(_busy_processes(wanted.busy))
        for _ in tqdm(range(wanted.runs), unit=" storms", disable=None):
            asyncio.run(run(open_store, report, wanted.writers, wanted.messages))
    for name, value in vars(report).items():
        shown = ", ".join(f"{tries}: {count}" for tries, count in sorted(value.items())) if name == "tries" else value
        print(f"{name:16}{shown}")  # noqa: T201 - as above
    return 1 if report.broken else 0


@contextmanager
def _place(store: str) -> Iterator[OpenStore]:
    if store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield lambda: SqliteStore(Path(folder) / "parley.db")
        return
    with running_server() as server:
        yield lambda: CosmosStore(server.endpoint, server.key, "parley", "storm", emulator=True)


@contextmanager
def _busy_processes(count: int) -> Iterator[None]:
    processes = [multiprocessing.Process(target=_compute, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _compute() -> None:
    while True:
        sum(range(1000))


async def run(open_store: OpenStore, report: Report, writers: int, each: int) -> None:
    """Let the writers loose on a session of their own, and add to the report what became of their messages."""
    store = open_store()
    try:
        session = await store.create(a_session(an_owner()))
        sent = [messages(each) for _ in range(writers)]
        with mock.patch.object(Retries, "again", _counted):
            answers = await asyncio.gather(*(_write(store, session, own, report) for own in sent))
        stored = [message.id for message in await all_messages(store, session)]
    finally:
        await store.close()
    acknowledged = {message.id for answer in answers for appended in answer for message in appended.messages}
    report.lost += len(acknowledged - set(stored))
    report.doubled += len(stored) - len(set(stored))


async def _counted(retries: Retries) -> None:
    tries = _tries.get()
    if tries is not None:
        tries[0] += 1
    await _again(retries)


async def _write(store: SessionStore, session: Session, sent: list[NewMessage], report: Report) -> list[Appended]:
    answers = []
    for message in sent:
        twice = (_append(store, session, again([message]), report) for _ in range(2))
        answers += [answer for answer in await asyncio.gather(*twice) if answer is not None]
    return answers


async def _append(store: SessionStore, session: Session, message: list[NewMessage], report: Report) -> Appended | None:
    """Append as one request does; None when it was refused."""
    tries = [1]
    _tries.set(tries)
    started = monotonic()
    try:
        return await store.append(session.user_id, session.id, message)
    except StoreError:
        report.refused += 1
        return None
    finally:
        report.appends += 1
        report.tries[tries[0]] += 1
        report.longest_seconds = max(report.longest_seconds, round(monotonic() - started, 3))


if __name__ == "__main__":
    sys.exit(main())
