"""Whether a path can be SQLite's data file: found out before anybody relies on it, without making it."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path


def unusable(path: Path) -> str | None:
    """Return why this user cannot keep data in a file at `path`, which need not exist yet; None when it seems fine."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _unmakable(path)
    except (OSError, ValueError) as error:  # no permission to look, a name that is too long or has a NUL in it
        return f"cannot be used: {getattr(error, 'strerror', None) or 'it is no path'}"
    return _unfit(path, mode)


def _unfit(path: Path, mode: int) -> str | None:
    """Return why what is there already cannot be the data file."""
    if stat.S_ISDIR(mode):
        return "is a folder; name a file in it, such as parley.db"
    if not stat.S_ISREG(mode):
        return "is no ordinary file"
    if not _may(path, os.R_OK | os.W_OK):
        return "may not be read and written by this user"
    if not _may(path.parent, os.W_OK | os.X_OK):
        return "is in a folder in which this user may not write, as SQLite must"
    return None if _is_data_file(path) else "is a file of another kind, not SQLite's; name another one"


def _unmakable(path: Path) -> str | None:
    """Return why the file cannot be made: there must be a folder above it in which this user may write."""
    above = next((folder for folder in path.parents if folder.exists()), path.parent)
    if not above.is_dir():
        return "cannot be made: a part of its path is no folder"
    return None if _may(above, os.W_OK | os.X_OK) else "cannot be made: this user may not write in the folder for it"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _is_data_file(path: Path) -> bool:
    """Ask SQLite: whoever opens and closes the file by other means ends the locks that this process has on it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB  # a disk that cannot be read is the store's to tell
    return True
