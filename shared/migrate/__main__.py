"""`python -m shared.migrate SOURCE INPUT`: move an earlier system's chat history into the store the settings name.

Exit code 0: everything is there. 1: something was set aside. 2: the command or the settings cannot be used.
3: it stopped before the end; repeat the command to go on.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from shared.migrate.options import Options
from shared.migrate.record import UsageError
from shared.migrate.report import ImportReport
from shared.migrate.run import ImportPlan, Job, StoppedError, run
from shared.migrate.sessions import Rules
from shared.migrate.sources import SOURCES
from shared.models import CHANNEL, USER_ID, utc_now
from shared.progress import watched
from shared.secrecy import holds_secret, shown
from shared.settings import Settings, SettingsError, load_settings
from shared.store import keep_quiet, open_store
from shared.store.port import SessionStore

SET_ASIDE, WRONG, STOPPED = 1, 2, 3
WIDTH = 22


def main(arguments: list[str] | None = None) -> int:
    """Run one import and return the exit code."""
    keep_quiet()  # what the store logs of a failure is told once, at the end
    given = _parsed(arguments)
    try:
        report = asyncio.run(_migrate(given, load_settings()))
    except (SettingsError, UsageError) as error:
        print(error, file=sys.stderr)
        return WRONG
    except OSError as error:
        print(_without_secrets(error), file=sys.stderr)
        return WRONG
    except StoppedError as stop:
        print(f"Stopped: {stop}. What is stored is whole; repeat the command to go on.", file=sys.stderr)
        _tell(stop.report, given)
        return STOPPED
    _tell(report, given)
    return 0 if report.is_clean else SET_ASIDE


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Return what the command line says; what it may not say is not repeated, as that may be somebody's key."""
    parser = _parser()
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        options = [name for name in (argument.partition("=")[0] for argument in unknown) if name.startswith("--")]
        parser.error(f"unknown arguments: {', '.join(options) or 'more than SOURCE and INPUT'}")
    return given


def _source_name(text: str) -> str:
    if text not in SOURCES:
        raise argparse.ArgumentTypeError(f"must be one of those below{shown(text)}")
    return text


def _without_secrets(error: OSError) -> str:
    """Return what is wrong with a file; a name that may hold a secret is left out."""
    named = f": {error.filename}" if error.filename and not holds_secret(str(error.filename)) else ""
    return f"{error.strerror or type(error).__name__}{named}"


def _parser() -> argparse.ArgumentParser:
    sources = "\n".join(["sources:", *(f"  {name:{WIDTH}}{source.summary}" for name, source in SOURCES.items())])
    parser = argparse.ArgumentParser(
        prog="python -m shared.migrate",
        description=(__doc__ or "").partition("\n")[0],
        epilog=sources,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", type=_source_name, help="the earlier system, see below")
    parser.add_argument("input", metavar="INPUT", help="a file, - for standard input, or the address of a database")
    parser.add_argument("--user-id", default="default", help="the owner of what has none (default: default)")
    parser.add_argument("--channel", help="the channel of what has none; for ttl-chat, which collection this is")
    parser.add_argument("--dry-run", action="store_true", help="count what would be imported and store nothing")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was counted, as JSON")
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="where to put what is set aside, one JSON a line")
    parser.add_argument("--backup", type=Path, metavar="FILE", help="write everything that was read before storing any")
    parser.add_argument("--delete-old", action="store_true", help="remove from a database what was stored and compared")
    parser.add_argument("--source-key-file", type=Path, metavar="FILE", help="a file with the key of a Cosmos account")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="wait so long for the store (60)")
    return parser


async def _migrate(given: argparse.Namespace, settings: Settings) -> ImportReport:
    _check(given)
    source = SOURCES[given.source](Options(settings, given.channel, given.source_key_file))
    rules = Rules(
        now=utc_now(),
        ttl_of=lambda channel: settings.channel_ttl_seconds.get(channel, settings.session_ttl_seconds),
        user_id=given.user_id,
        channel=given.channel,
    )
    plan = ImportPlan(given.dry_run, given.delete_old, given.backup, _rejects(given), patience_seconds=given.patience)
    origin = source.origin(given.input)
    store = None if given.dry_run and _is_unmade(settings) else open_store(settings)
    try:
        with watched() as progress:
            return await run(Job(source, origin, store, rules, plan, progress))
    finally:
        await origin.close()
        await _close(store)


def _is_unmade(settings: Settings) -> bool:
    """Return whether opening the store would make it, which a dry run must not."""
    return settings.store == "sqlite" and not settings.sqlite_path.exists()


async def _close(store: SessionStore | None) -> None:
    if store is not None:
        await store.close()


def _check(given: argparse.Namespace) -> None:
    if not USER_ID.fullmatch(given.user_id):
        raise UsageError("--user-id must have 1 to 128 characters, none of them / \\ ? # or a control character")
    if given.channel is not None and not CHANNEL.fullmatch(given.channel):
        raise UsageError("--channel must have 1 to 64 of a-z, 0-9 and -")
    for path in (given.report, given.rejects, given.backup):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"there is no folder for {path}")


def _rejects(given: argparse.Namespace) -> Path | None:
    """Return where rejects go: always somewhere, but a dry run leaves a file only where it is asked to."""
    named: Path | None = given.rejects
    return named if named or given.dry_run else Path(f"{given.source}-rejects.ndjson")


def _tell(report: ImportReport, given: argparse.Namespace) -> None:
    """Say what was counted, to the person and to the file."""
    if given.report:
        given.report.write_text(json.dumps(report.document(), indent=2) + "\n", encoding="utf-8")
    print(f"{report.source}{', a dry run: nothing was stored' if report.dry_run else ''}")
    for name in ("sessions", "messages", "records"):
        counts = asdict(getattr(report, name))
        told = ", ".join(
            f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count or what == "read"
        )
        print(f"  {name:10}{told}")
    for title, counted in (("set aside", report.reasons), ("note", report.notes)):
        for what, count in (+counted).most_common():
            print(f"  {title}: {count} x {what}")
    if report.old_records.removed or report.old_records.kept:
        print(f"  old records: {report.old_records.removed} removed, {report.old_records.kept} kept")
    if report.rejects:
        print(f"  what was set aside is in {report.rejects}")


if __name__ == "__main__":
    sys.exit(main())
