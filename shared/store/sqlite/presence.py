"""Who has a data file open: each process shares a lock beside it for as long as it lives, and no crash leaves one."""

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":  # which has no such lock
    import fcntl


class Presence:
    """A process's share of the lock on the file `…-open`, which says nothing by itself.

    The data file is none to be locked, nor opened and closed, beside SQLite: closing it anywhere in a process ends the
    locks that SQLite has on it.
    """

    def __init__(self, data_file: Path) -> None:
        """Be absent."""
        self._path = data_file.with_name(f"{data_file.name}-open")
        self._descriptor: int | None = None

    def enter(self) -> bool:
        """Begin to share the lock; return whether nobody else does: then it is held alone until `share`.

        Where that cannot be known, somebody else may.
        """
        if sys.platform == "win32":
            return False
        with suppress(OSError):
            while not self._is_current():
                self.leave()
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
                with suppress(BlockingIOError):
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if self._is_current():
                        return True
                    continue
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return False

    def share(self) -> None:
        """Let others come."""
        if self._descriptor is not None and sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Share the lock no longer; the last one removes the file."""
        if self._descriptor is None or sys.platform == "win32":
            return
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_current():
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    def _is_current(self) -> bool:
        """Return whether the file that was locked is the one that the next one to come will lock."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False
