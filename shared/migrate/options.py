"""What the command line says about where an import reads from."""

from dataclasses import dataclass
from pathlib import Path

from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """The channel of what has none, and a file with the key of a Cosmos account, beside the settings."""

    settings: Settings
    channel: str | None = None
    source_key_file: Path | None = None
