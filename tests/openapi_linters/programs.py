"""How the tools of others that read the OpenAPI document are run, and installed where they are missing."""

import os
import subprocess
from pathlib import Path

from shared.http import docs_page

FOLDER = Path(__file__).parent
DOCUMENT = Path(docs_page.__file__).with_name(docs_page.DOCUMENT)
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def run(*command: object, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    environment = os.environ | QUIET
    return subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )


def install(done: Path, wanted: Path, *command: object) -> None:
    """Install what a file asks for, unless that is done already and the file has not changed since."""
    if not done.exists() or done.stat().st_mtime < wanted.stat().st_mtime:
        installed = run(*command)
        assert installed.returncode == 0, installed.stderr
        done.touch()
