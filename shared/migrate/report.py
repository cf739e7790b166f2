"""What an import has counted, and where it puts what it could not import."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, TextIO

from shared.migrate.record import Broken, Record, RecordError
from shared.models import JsonObject

Outcome = Literal["stored", "already_there", "set_aside", "expired", "repeated"]


@dataclass(slots=True)
class OutcomeCounts:
    """Of everything `read`, each is in exactly one of the others."""

    read: int = 0
    stored: int = 0
    already_there: int = 0
    set_aside: int = 0
    expired: int = 0
    repeated: int = 0

    def count(self, name: Outcome | Literal["read"], number: int) -> None:
        """Count so many more."""
        setattr(self, name, getattr(self, name) + number)

    @property
    def adds_up(self) -> bool:
        """Return whether nothing is missing and nothing counted twice."""
        return self.read == self.stored + self.already_there + self.set_aside + self.expired + self.repeated


@dataclass(slots=True)
class OldRecords:
    """What became of the records in the source, where they were to be removed."""

    removed: int = 0
    kept: int = 0


@dataclass(slots=True)
class ImportReport:
    """What one import has done; in a dry run `stored` is what would be.

    Messages are counted in records that can be read, sessions in those that say which one they belong to.
    """

    source: str
    dry_run: bool = False
    completed: bool = False
    records: OutcomeCounts = field(default_factory=OutcomeCounts)
    sessions: OutcomeCounts = field(default_factory=OutcomeCounts)
    messages: OutcomeCounts = field(default_factory=OutcomeCounts)
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    old_records: OldRecords = field(default_factory=OldRecords)
    rejects: str | None = None
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Return whether nothing was set aside, and nothing kept in the source that was to be removed."""
        return not self.records.set_aside and not self.old_records.kept

    def document(self) -> JsonObject:
        """Return the report as JSON."""
        counters = {"reasons": dict(self.reasons), "notes": dict(self.notes)}
        return asdict(replace(self, reasons=Counter(), notes=Counter())) | counters


class Rejects:
    """Sets records aside: counts the reasons, and writes a file of what they were, one JSON object a line.

    It has `line` (where the record begins), `reason`, and `record`, or `text` where that is none. The file is
    made with the first of them.
    """

    def __init__(self, path: Path | None, report: ImportReport) -> None:
        """Name the file, None for none, and the report that says how many and why."""
        self._path, self._report = path, report
        self._file: TextIO | None = None

    def add(self, record: Record | Broken, error: RecordError) -> None:
        """Set one record aside for this reason."""
        self._report.reasons[error.reason] += 1
        if self._path is None:
            return
        if self._file is None:
            if self._path.is_file():
                self._path.unlink()  # and not emptied: it may be what is being read
            self._file = self._path.open("w", encoding="utf-8")
            self._report.rejects = str(self._path)
        what = {"text": record.text} if isinstance(record, Broken) else {"record": record.value}
        self._file.write(json.dumps({"line": record.line, "reason": str(error), **what}) + "\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
