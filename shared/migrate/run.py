"""The use case: read everything, then store it conversation by conversation, and count what becomes of it.

Reading comes first, so that records that belong together meet, a backup is whole before anything changes,
and the progress has an end. Repeating an import is harmless, so a killed one goes on when it is repeated.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TextIO

from shared.errors import SessionExistsError, StoreError
from shared.migrate.prepare import Portion, Prepared, nothing_of, prepare
from shared.migrate.record import Broken, MigrationError, Record, RecordError, UsageError
from shared.migrate.report import ImportReport, Outcome, Rejects
from shared.migrate.sessions import Rules, owner_of, session_id_of
from shared.migrate.source import Origin, RemovableOrigin, Source
from shared.migrate.spool import Spool
from shared.migrate.target import Target, says_the_same
from shared.models import ImportedMessage, ImportedSession
from shared.progress import Progress
from shared.store import explained
from shared.store.port import SessionStore

Removal = Callable[[Record], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What to do with the records, how many conversations at once, and how long to wait for a store that fails."""

    dry_run: bool = False
    delete_old: bool = False
    backup: Path | None = None
    rejects: Path | None = None
    concurrency: int = 8
    patience_seconds: float = 60


class StoppedError(MigrationError):
    """The import stopped before its end; what was stored is whole, and repeating the command goes on."""

    def __init__(self, reason: str, report: ImportReport) -> None:
        """Keep what was counted so far."""
        super().__init__(reason)
        self.report = report


@dataclass(frozen=True, slots=True)
class Job:
    """One import: from where, by which rules, to which store, and who watches.

    Without a store, which only a dry run may do, everything is new.
    """

    source: Source
    origin: Origin
    store: SessionStore | None
    rules: Rules
    plan: ImportPlan
    progress: Progress


async def run(job: Job) -> ImportReport:
    """Import everything and say what became of it; a dry run says it and changes nothing.

    Raises UsageError before anything is read, and StoppedError when the store or the source stays away.
    """
    started = monotonic()
    report = ImportReport(job.source.name, dry_run=job.plan.dry_run)
    try:
        with closing(Spool()) as spool, closing(Rejects(job.plan.rejects, report)) as rejects:
            storing = _Storing(job, report, rejects)
            await _Reading(job, report, rejects).go(spool)
            await storing.go(spool)
        report.completed = True
    except UsageError:
        raise
    except (StoreError, MigrationError, OSError) as error:
        reason = explained(error) if isinstance(error, StoreError) else str(error)
        raise StoppedError(reason, report) from error
    finally:
        report.seconds = round(monotonic() - started, 3)
    return report


def _removal(job: Job) -> Removal | None:
    if not job.plan.delete_old:
        return None
    if isinstance(job.origin, RemovableOrigin):
        return job.origin.remove
    raise UsageError("--delete-old is for Cosmos DB containers")


class _Reading:
    """The first part: every record goes to the spool, and to the backup."""

    def __init__(self, job: Job, report: ImportReport, rejects: Rejects) -> None:
        self._job, self._report, self._rejects = job, report, rejects

    async def go(self, spool: Spool) -> None:
        path = None if self._job.plan.dry_run else self._job.plan.backup
        with ExitStack() as files:
            backup = files.enter_context(_new_file(path)) if path else None
            self._job.progress.begin("reading", None)
            async for item in self._job.origin.records():
                self._report.records.read += 1
                self._job.progress.advance()
                if backup and isinstance(item, Record):
                    backup.write(json.dumps(item.value) + "\n")
                self._keep(item, spool)

    def _keep(self, item: Record | Broken, spool: Spool) -> None:
        try:
            spool.add(*self._place_of(item))
        except RecordError as error:
            self._report.records.set_aside += 1
            self._rejects.add(item, error)

    def _place_of(self, item: Record | Broken) -> tuple[list[str], Record]:
        if isinstance(item, Broken):
            raise RecordError(item.reason, item.detail)
        owner, session_id = self._job.source.key(item)
        if session_id is None or session_id == "":
            raise RecordError("no session id")
        return [owner_of(owner, self._job.rules.user_id), session_id_of(session_id)], item


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Write a file that is not there yet, whole and for good, or not at all."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError as error:  # of a backup before, perhaps the only one of what is removed by now
        raise UsageError(f"{path} exists already; name another file for this backup") from error
    with file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


class _Storing:
    """The second part: conversation after conversation becomes a session, a few at a time."""

    def __init__(self, job: Job, report: ImportReport, rejects: Rejects) -> None:
        self._job, self._report, self._rejects = job, report, rejects
        self._target = Target(job.store, dry_run=job.plan.dry_run, patience_seconds=job.plan.patience_seconds)
        self._gate = asyncio.Semaphore(job.plan.concurrency)
        self._remove = _removal(job)
        self._failure: StoreError | MigrationError | OSError | None = None

    async def go(self, spool: Spool) -> None:
        self._job.progress.begin("importing", spool.finish())
        async with asyncio.TaskGroup() as group:
            for records in spool:
                await self._gate.acquire()
                if self._failure:  # those under way come to their end, nothing new is begun
                    self._gate.release()
                    break
                group.create_task(self._one(records))
        if self._failure:
            raise self._failure

    async def _one(self, records: Sequence[Record]) -> None:
        try:
            await self._store(self._prepare(records))
        except (StoreError, MigrationError, OSError) as failure:
            self._failure = failure
        finally:
            self._gate.release()
            self._job.progress.advance()

    def _prepare(self, records: Sequence[Record]) -> Prepared:
        source = self._job.source
        try:
            conversation = source.conversation(source.key(records[0]), records)
        except RecordError as error:
            return nothing_of(records, error, messages=0)
        return prepare(source.name, conversation, self._job.rules)

    async def _store(self, prepared: Prepared) -> None:
        if prepared.session is None:
            self._count(prepared, "expired" if prepared.expired.records else "set_aside")
            return
        outcome, session = await self._import(prepared, prepared.session)
        if outcome == "set_aside":
            prepared = prepared.refused(RecordError("the owner has another session by that id"))
        self._count(prepared, outcome)
        if self._remove and outcome in {"stored", "already_there"}:
            await self._remove_old(prepared, session, self._remove, was_new=outcome == "stored")

    async def _import(self, prepared: Prepared, session: ImportedSession) -> tuple[Outcome, ImportedSession]:
        """Store a session or find it stored, and return it by the id it has now; "set_aside" if that is another's."""
        messages, renamed = prepared.messages, _renamed(session, prepared.alternative_id)
        if renamed is None or not await self._is_there_already(renamed):
            outcome = await self._put(session, messages)
            if outcome or renamed is None or not await self._is_of_another_channel(session):
                return outcome or await self._compared(session, messages), session
        return await self._put(renamed, messages) or await self._compared(renamed, messages), renamed

    async def _put(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Outcome | None:
        """Store a session or find this import stored; None where its id is another session's."""
        try:
            return "stored" if await self._target.put(session, messages) else "already_there"
        except SessionExistsError:
            return None

    async def _compared(self, session: ImportedSession, messages: Sequence[ImportedMessage]) -> Outcome:
        """Find out whether the session by that id has all that this one has: another import may have known more."""
        holds_all = bool(messages) and await self._target.holds(session.user_id, session.id, messages)
        return "already_there" if holds_all else "set_aside"

    async def _is_there_already(self, session: ImportedSession) -> bool:
        found = await self._target.find(session.user_id, session.id)
        return found is not None and found.fingerprint == session.fingerprint

    async def _is_of_another_channel(self, session: ImportedSession) -> bool:
        found = await self._target.find(session.user_id, session.id)
        return found is not None and found.channel != session.channel

    def _count(self, prepared: Prepared, outcome: Outcome) -> None:
        report = self._report
        report.notes.update(prepared.notes)
        report.sessions.count("read", 1)
        report.sessions.count(outcome, 1)
        report.messages.count("read", prepared.messages_read)
        parts: list[tuple[Outcome, Portion]] = [
            (outcome, prepared.kept),
            ("set_aside", prepared.rejected),
            ("expired", prepared.expired),
            ("repeated", prepared.repeated),
        ]
        for name, part in parts:
            report.records.count(name, len(part.records))
            report.messages.count(name, part.messages)
        for record in prepared.rejected.records:
            self._rejects.add(record, prepared.reasons[record.number])

    async def _remove_old(
        self, prepared: Prepared, session: ImportedSession, remove: Removal, *, was_new: bool
    ) -> None:
        """Remove from the source what is known to be stored exactly as it was read, and count what stays there."""
        records = [*prepared.kept.records, *prepared.repeated.records]
        removed = 0
        if self._job.plan.dry_run:
            removed = len(records)
        else:
            for record in await self._known_to_be_stored(prepared, session, was_new=was_new):
                removed += await remove(record)
        self._report.old_records.removed += removed
        self._report.old_records.kept += len(records) - removed

    async def _known_to_be_stored(
        self, prepared: Prepared, session: ImportedSession, *, was_new: bool
    ) -> Sequence[Record]:
        """Return the records that were acknowledged now, or whose session another write proves to be there still.

        What the source says of the session itself counts as stored if it came with the same import, or if the
        session says the same today; its messages are compared one by one.
        """
        records = [*prepared.kept.records, *prepared.repeated.records]
        if was_new:
            return records if await self._target.is_as_imported(session, prepared.messages) else []
        found = await self._target.proven(session, prepared.messages)
        if found is None:
            return []
        if found.fingerprint == session.fingerprint or says_the_same(found, session):
            return records
        return [record for record in records if record.number not in prepared.own]


def _renamed(session: ImportedSession, other_id: str | None) -> ImportedSession | None:
    if other_id is None:
        return None
    context = {"original_id": session.id} | session.context
    return session.model_copy(update={"id": other_id, "context": context})
