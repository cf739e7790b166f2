"""Running an import in a test, and reading back what it has left in the store."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared.migrate.options import Options
from shared.migrate.report import ImportReport
from shared.migrate.run import ImportPlan, Job, run
from shared.migrate.sessions import Rules
from shared.migrate.source import Origin, Source
from shared.migrate.sources import SOURCES
from shared.models import Message, Session, utc_now
from shared.progress import Progress
from shared.settings import load_settings
from shared.store.port import SessionStore
from tests.builders import all_messages, listed

KEPT_SECONDS = 1_000_000


async def import_text(store: SessionStore | None, name: str, text: str, tmp_path: Path, **options: Any) -> ImportReport:
    """Import a file of this text; `options` are those of the command line, by their names there."""
    path = tmp_path / "input.ndjson"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    source = source_by(name, **options)
    return await import_from(store, source, source.origin(str(path)), **options)


def source_by(name: str, **options: Any) -> Source:
    """Return a source as the command line makes it."""
    settings = options.get("settings") or load_settings({}, root=Path("/nowhere"))
    return SOURCES[name](Options(settings, options.get("channel"), options.get("source_key_file")))


async def import_from(store: SessionStore | None, source: Source, origin: Origin, **options: Any) -> ImportReport:
    """Import from any origin, which is closed then."""
    user_id, channel = options.get("user_id", "default"), options.get("channel")
    rules = Rules(options.get("now") or utc_now(), lambda _channel: KEPT_SECONDS, user_id, channel)
    plan_options = {name: options[name] for name in ("dry_run", "delete_old", "backup", "rejects") if name in options}
    try:
        plan = ImportPlan(**plan_options, patience_seconds=options.get("patience", 1))
        return await run(Job(source, origin, store, rules, plan, Progress()))
    finally:
        await origin.close()


async def histories(store: SessionStore, owners: list[str]) -> Counter[tuple[str, tuple[tuple[str, Any], ...]]]:
    """Return role and content of all messages of each session of these owners, and how often each history is there."""
    found: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()
    for session, messages in await everything(store, owners):
        found[session.user_id, tuple((message.role, message.content) for message in messages)] += 1
    return found


async def everything(store: SessionStore, owners: list[str]) -> list[tuple[Session, list[Message]]]:
    """Return each session of these owners with all its messages."""
    sessions = [session for owner in owners for session in await listed(store, owner, status=None)]
    return [(session, await all_messages(store, session)) for session in sessions]


def adds_up(report: ImportReport) -> bool:
    """Tell whether everything that was read is counted as something, and only once."""
    return all(counts.adds_up for counts in (report.records, report.sessions, report.messages))


def outcome(report: ImportReport) -> dict[str, Any]:
    """Return everything that was counted, without what depends on the moment or on where files are."""
    counted = asdict(report.records), asdict(report.sessions), asdict(report.messages)
    return {"counted": counted, "reasons": dict(report.reasons), "notes": dict(report.notes)}
