"""How fast and in how much memory an import runs: `python -m tests.migrate.measure [MESSAGES …]`, on SQLite.

Messages come one document each, mixed with one another, a hundred to a session.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PER_SESSION = 100
CONTENT = "a message of ordinary length, as people write them to one another; " * 4
MIB_IN_RSS = 1024 if sys.platform == "linux" else 1024 * 1024  # ru_maxrss is in KiB there, in bytes elsewhere


@dataclass(frozen=True)
class Measured:
    """What one import took."""

    messages: int
    seconds: float
    peak_mib: float

    @property
    def per_second(self) -> float:
        """Messages a second, everything included."""
        return self.messages / self.seconds


def write_export(path: Path, messages: int) -> None:
    """Write a conversation-logs export of so many messages, each session's spread over the whole file."""
    sessions = max(1, messages // PER_SESSION)
    with path.open("w", encoding="utf-8") as file:
        for number in range(messages):
            document = {
                "_id": {"$oid": f"65928a80{number:016x}"},
                "session_id": f"session_{number % sessions}",
                "timestamp": {"$date": {"$numberLong": str(1_704_103_200_000 + number)}},
                "message_type": "ai" if number % 2 else "user",
                "content": f"{number} {CONTENT}",
                "persona": None,
            }
            file.write(json.dumps(document) + "\n")


def measure(messages: int) -> Measured:
    """Import so many messages in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.ndjson"
        write_export(export, messages)
        environment = {"PATH": os.environ["PATH"], "SQLITE_PATH": f"{folder}/parley.db", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, __file__, "--import", str(export)]
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        return Measured(messages, time.perf_counter() - started, float(ended.stdout.splitlines()[-1]))


def import_here(export: str) -> None:
    """Import, and print the largest memory that this process has had, in MiB."""
    from shared.migrate.__main__ import main  # noqa: PLC0415 - only the process that is measured pays for it

    code = main(["conversation-logs", export])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB_IN_RSS)  # noqa: T201 - its result
    sys.exit(code)


def table(counts: list[int]) -> None:
    """Print a line for each count."""
    for count in counts:
        taken = measure(count)
        line = f"{taken.messages:>9} messages {taken.per_second:>8.0f} a second {taken.peak_mib:>7.1f} MiB at most"
        print(line)  # noqa: T201 - its result


if __name__ == "__main__":
    if sys.argv[1:2] == ["--import"]:
        import_here(sys.argv[2])
    else:
        table([int(count) for count in sys.argv[1:]] or [1_000, 10_000, 100_000])
